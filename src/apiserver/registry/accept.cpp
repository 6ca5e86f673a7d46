// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/accept.h"

#include "api/codec/json.h"
#include "api/defaulting/defaulting.h"

namespace keelson::apiserver {
namespace {

std::string joined(std::string_view group, std::string_view version) {
  if (group.empty()) return std::string(version);
  return std::string(group).append("/").append(version);
}

// The name of the internal Go package that a group's kinds live in, which upstream's texts show.
std::string package_of(std::string_view group) {
  if (group.empty()) return "core";
  return std::string(group.substr(0, group.find('.')));
}

std::string cannot_be_handled(std::string_view kind, std::string_view version,
                              std::string_view wanted) {
  std::string text(kind);
  text.append(" in version \"").append(version).append("\" cannot be handled as a ");
  return text.append(wanted);
}

}  // namespace

Result<void> report_fields(const std::vector<std::string>& unknown,
                           const std::vector<std::string>& duplicates, CallContext& call,
                           std::string_view context) {
  if (call.field_validation == FieldValidation::Ignore) return {};
  std::vector<std::string> texts;
  for (const auto& field : unknown) texts.push_back("unknown field \"" + field + "\"");
  for (const auto& field : duplicates) texts.push_back("duplicate field \"" + field + "\"");
  if (texts.empty()) return {};
  if (call.field_validation == FieldValidation::Warn) {
    for (auto& text : texts) call.warnings.push_back(std::move(text));
    return {};
  }
  std::string all;
  for (const auto& text : texts) {
    if (!all.empty()) all.append(", ");
    all.append(text);
  }
  std::string message(context);
  if (!message.empty()) message.append(": ");
  return fail(Status::bad_request(message + "strict decoding error: " + all));
}

Result<void> accept_kind(api::Document& document, std::string_view group, std::string_view version,
                         std::string_view kind) {
  if (!document.is_object()) {
    return fail(Status::bad_request(
        "the object provided is unrecognized (must be of type " + std::string(kind) +
        "): couldn't get version/kind; json parse error: json: cannot unmarshal into Go value of "
        "type struct"));
  }
  auto& object = document.get_object();
  const std::string expected = joined(group, version);
  std::string own_version(api::string_at(document, {"apiVersion"}));
  std::string own_kind(api::string_at(document, {"kind"}));
  if (own_version.empty()) own_version = expected;
  if (own_kind.empty()) own_kind = kind;
  const std::string_view short_version =
      std::string_view(own_version).substr(own_version.find('/') + 1);
  if (own_kind != kind) {
    if (api::find_root_type(own_version, own_kind) == nullptr) {
      return fail(Status::bad_request("no kind \"" + own_kind + "\" is registered for version \"" +
                                      own_version +
                                      "\" in scheme \"k8s.io/kubernetes/pkg/api/legacyscheme\""));
    }
    return fail(Status::bad_request(cannot_be_handled(own_kind, short_version, kind) +
                                    ": converting (" + std::string(short_version) + "." + own_kind +
                                    ") to (" + package_of(group) + "." + std::string(kind) +
                                    "): unknown conversion"));
  }
  if (own_version != expected) {
    return fail(Status::bad_request("the API version in the data (" + own_version +
                                    ") does not match the expected API version (" + expected +
                                    ")"));
  }
  object["apiVersion"] = expected;
  object["kind"] = kind;
  return {};
}

Result<void> accept_fields(api::Document& document, const std::vector<std::string>& duplicates,
                           const api::Type& type, CallContext& call, std::string_view context) {
  auto findings = api::normalize(document, type);
  if (!findings) {
    return fail(context.empty() ? std::move(findings).error()
                                : std::move(findings).error().with_context(context));
  }
  TRY_OK(report_fields(findings->unknown, duplicates, call, context));
  api::apply_defaults(document, type, api::Time(call.now));
  return {};
}

Result<api::Document> accept(Body body, std::string_view group, std::string_view version,
                             std::string_view kind, const api::Type& type, CallContext& call) {
  TRY_OK(accept_kind(body.document, group, version, kind));
  TRY_OK(accept_fields(body.document, body.duplicates, type, call,
                       cannot_be_handled(kind, version, kind)));
  return std::move(body.document);
}

}  // namespace keelson::apiserver
