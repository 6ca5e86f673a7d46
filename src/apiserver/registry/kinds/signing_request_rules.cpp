// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/signing_request_rules.h"

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "api/names.h"
#include "api/quote.h"
#include "base/base64.h"
#include "pki/certificate.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using certificates::v1::CertificateSigningRequest;
using certificates::v1::CertificateSigningRequestCondition;

constexpr std::string_view kApproved = "Approved";
constexpr std::string_view kDenied = "Denied";
constexpr std::string_view kFailed = "Failed";

constexpr std::int32_t kExpirationSecondsMin = 600;
constexpr std::size_t kSignerDomainLengthMax = api::kDns1123SubdomainLengthMax;
// A domain, a slash, and a namespace and a name with a dot between them.
constexpr std::size_t kSignerLengthMax =
    kSignerDomainLengthMax + 1 + api::kDns1123LabelLengthMax + 1 + api::kDns1123SubdomainLengthMax;

using Conditions = std::vector<CertificateSigningRequestCondition>;

Conditions conditions_of(const CertificateSigningRequest& request, std::string_view type) {
  Conditions found;
  std::ranges::copy_if(request.status.conditions, std::back_inserter(found),
                       [&](const auto& condition) { return condition.type == type; });
  return found;
}

bool has_condition(const CertificateSigningRequest& request, std::string_view type) {
  return std::ranges::any_of(request.status.conditions,
                             [&](const auto& condition) { return condition.type == type; });
}

template <class List>
bool has_duplicates(const List& list) {
  std::set<std::string_view> seen;
  return std::ranges::any_of(list,
                             [&](const std::string& text) { return !seen.insert(text).second; });
}

std::vector<std::string> types_of(const CertificateSigningRequest& request) {
  std::vector<std::string> types;
  for (const auto& condition : request.status.conditions) types.push_back(condition.type);
  return types;
}

// What an object that is stored already may go on breaking.
struct Forgiven {
  bool duplicate_usages = false;
  bool approved_and_denied = false;
  bool duplicate_types = false;
  bool empty_types = false;
  bool any_certificate = false;
};

Forgiven forgiven_by(const CertificateSigningRequest& now,
                     const CertificateSigningRequest& before) {
  const auto types = types_of(before);
  return {.duplicate_usages = has_duplicates(before.spec.usages),
          .approved_and_denied = has_condition(before, kApproved) && has_condition(before, kDenied),
          .duplicate_types = has_duplicates(types),
          .empty_types = std::ranges::find(types, "") != types.end(),
          .any_certificate = now.status.certificate == before.status.certificate ||
                             !certificate_error(before.status.certificate).empty()};
}

void check_spec(const certificates::v1::CertificateSigningRequestSpec& spec,
                const Forgiven& forgiven, FieldErrors& errors) {
  const FieldPath path("spec");
  if (const auto parsed = pki::parse_request(spec.request); !parsed) {
    errors.invalid(path.child("request"), base64_encode(spec.request), parsed.error().message());
  }
  const FieldPath usages = path.child("usages");
  if (spec.usages.empty()) errors.required(usages);
  if (!forgiven.duplicate_usages) {
    std::set<std::string_view> seen;
    for (std::size_t i = 0; i < spec.usages.size(); ++i) {
      if (!seen.insert(spec.usages[i]).second) errors.duplicate(usages.index(i), spec.usages[i]);
    }
  }
  check_signer_name(spec.signerName, path.child("signerName"), errors);
  if (spec.expirationSeconds && *spec.expirationSeconds < kExpirationSecondsMin) {
    errors.invalid(path.child("expirationSeconds"), *spec.expirationSeconds,
                   "may not specify a duration less than 600 seconds (10 minutes)");
  }
}

void check_condition_status(const CertificateSigningRequestCondition& condition,
                            const FieldPath& path, FieldErrors& errors) {
  const bool is_verdict =
      condition.type == kApproved || condition.type == kDenied || condition.type == kFailed;
  if (condition.status.empty()) {
    errors.required(path);
  } else if (is_verdict) {
    if (condition.status != "True") errors.not_supported(path, condition.status, {"True"});
  } else if (condition.status != "True" && condition.status != "False" &&
             condition.status != "Unknown") {
    errors.not_supported(path, condition.status, {"False", "True", "Unknown"});
  }
}

void check_conditions(const Conditions& conditions, const Forgiven& forgiven, FieldErrors& errors) {
  std::set<std::string_view> seen;
  for (std::size_t i = 0; i < conditions.size(); ++i) {
    const auto& condition = conditions[i];
    const FieldPath at = FieldPath("status").child("conditions").index(i);
    const FieldPath type = at.child("type");
    if (condition.type.empty() && !forgiven.empty_types) errors.required(type);
    check_condition_status(condition, at.child("status"), errors);
    const bool contradicts = (condition.type == kApproved && seen.contains(kDenied)) ||
                             (condition.type == kDenied && seen.contains(kApproved));
    if (contradicts && !forgiven.approved_and_denied) {
      errors.invalid(type, condition.type, "Approved and Denied conditions are mutually exclusive");
    }
    if (!seen.insert(condition.type).second && !forgiven.duplicate_types) {
      errors.duplicate(type, condition.type);
    }
  }
}

void check_request(const CertificateSigningRequest& request, const Forgiven& forgiven,
                   FieldErrors& errors) {
  check_spec(request.spec, forgiven, errors);
  check_conditions(request.status.conditions, forgiven, errors);
  if (forgiven.any_certificate) return;
  const std::string why = certificate_error(request.status.certificate);
  if (!why.empty()) {
    errors.invalid(FieldPath("status").child("certificate"), "<certificate data>", why);
  }
}

// --- PEM -----------------------------------------------------------------------------------------

struct Block {
  std::string_view label;
  std::string_view text;  // With its first and last line.
  std::string_view body;  // Without.
};

constexpr std::string_view kDashes = "-----";

// The next block of `rest`, which then begins behind it. What is no block is passed over.
std::optional<Block> next_block(std::string_view& rest) {
  constexpr std::string_view kBegin = "-----BEGIN ";
  while (true) {
    const auto start = rest.find(kBegin);
    if (start == std::string_view::npos) return std::nullopt;
    const bool at_line_start = start == 0 || rest[start - 1] == '\n';
    const auto label_start = start + kBegin.size();
    const auto label_end = rest.find(kDashes, label_start);
    if (label_end == std::string_view::npos) return std::nullopt;
    const auto label = rest.substr(label_start, label_end - label_start);
    const auto body_start = label_end + kDashes.size();
    const std::string end = "-----END " + std::string(label) + "-----";
    const auto body_end = rest.find(end, body_start);
    if (!at_line_start || label.find('\n') != std::string_view::npos ||
        body_end == std::string_view::npos) {
      rest.remove_prefix(label_start);
      continue;
    }
    const Block block{.label = label,
                      .text = rest.substr(start, body_end + end.size() - start),
                      .body = rest.substr(body_start, body_end - body_start)};
    rest.remove_prefix(body_end + end.size());
    return block;
  }
}

}  // namespace

std::string certificate_error(std::string_view pem) {
  if (pem.empty()) return {};
  int blocks = 0;
  while (const auto block = next_block(pem)) {
    if (block->label != "CERTIFICATE") {
      return "only CERTIFICATE PEM blocks are allowed, found " + api::quoted(block->label);
    }
    // Base64 has no colons; headers have.
    if (block->body.find(':') != std::string_view::npos) {
      return "no PEM block headers are permitted";
    }
    ++blocks;
    std::string text(block->text);
    text += '\n';
    if (const auto parsed = pki::parse_certificate(text); !parsed) {
      return parsed.error().message();
    }
  }
  return blocks == 0 ? "must contain at least one CERTIFICATE PEM block" : "";
}

void check_signer_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  if (name.empty()) return errors.required(path);
  const auto slash = name.find('/');
  if (slash == std::string::npos || name.find('/', slash + 1) != std::string::npos) {
    errors.invalid(path, name,
                   "must be a fully qualified domain and path of the form "
                   "'example.com/signer-name'");
    return;
  }
  // The first part that is wrong is enough.
  const auto check_parts = [&](std::string_view text, api::Messages (*rule)(std::string_view)) {
    for (std::size_t start = 0; start <= text.size();) {
      const auto end = std::min(text.find('.', start), text.size());
      const auto part = text.substr(start, end - start);
      const auto messages = rule(part);
      for (const auto& message : messages) {
        errors.invalid(path, text, "validating label " + api::quoted(part) + ": " + message);
      }
      if (!messages.empty()) return;
      start = end + 1;
    }
  };
  const std::string_view domain = std::string_view(name).substr(0, slash);
  if (domain.size() > kSignerDomainLengthMax) errors.too_long(path, kSignerDomainLengthMax);
  check_parts(domain, api::validate_dns1123_label);
  if (domain.find('.') == std::string_view::npos) {
    errors.invalid(path, domain, "should be a domain with at least two segments separated by dots");
  }
  check_parts(std::string_view(name).substr(slash + 1), api::validate_dns1123_subdomain);
  if (name.size() > kSignerLengthMax) errors.too_long(path, kSignerLengthMax);
}

void check_signing_request(const CertificateSigningRequest& request, FieldErrors& errors) {
  check_request(request, {}, errors);
}

void check_signing_change(const CertificateSigningRequest& now,
                          const CertificateSigningRequest& before, SigningChange change,
                          FieldErrors& errors) {
  check_request(now, forgiven_by(now, before), errors);
  const FieldPath conditions = FieldPath("status").child("conditions");
  const auto refuse = [&](std::string_view what, std::string_view type) {
    errors.forbidden(conditions, "updates may not " + std::string(what) + " a condition of type " +
                                     api::quoted(type));
  };
  for (const std::string_view type : {kApproved, kDenied, kFailed}) {
    if (conditions_of(now, type).size() < conditions_of(before, type).size()) {
      refuse("remove", type);
    }
  }
  if (change != SigningChange::Approval) {
    for (const std::string_view type : {kApproved, kDenied}) {
      const auto present = conditions_of(now, type);
      const auto old = conditions_of(before, type);
      if (present.size() > old.size()) {
        refuse("add", type);
      } else if (present.size() == old.size() && present != old) {
        refuse("modify", type);
      }
    }
  }
  if (now.status.certificate == before.status.certificate) return;
  const FieldPath certificate = FieldPath("status").child("certificate");
  if (change != SigningChange::Status) {
    errors.forbidden(certificate, "updates may not set certificate content");
  } else if (!before.status.certificate.empty()) {
    errors.forbidden(certificate, "updates may not modify existing certificate content");
  }
}

}  // namespace keelson::apiserver
