// SPDX-License-Identifier: Apache-2.0
// What containers, and the pod as a whole, need and may use; claims on devices.
// Source: upstream, validateResourceRequirements, validatePodResources and
// validatePodResourceClaims; KEP-2837 for the pod as a whole.
#include <algorithm>

#include "api/codec/json.h"
#include "api/names.h"
#include "apiserver/registry/kinds/pod_parts.h"
#include "apiserver/registry/kinds/resource_names.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::ResourceRequirements;

bool is_huge_pages(std::string_view name) { return name.starts_with(podspec::kHugePagesPrefix); }

void check_pod_resource_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  FieldErrors own;
  check_resource_name(name, path, own);
  if (own.empty() && !podspec::is_pod_level_resource(name)) {
    own.not_supported(path, name, {podspec::kCpu, podspec::kHugePagesPrefix, podspec::kMemory});
  }
  errors += std::move(own);
}

using NameCheck = void (*)(const std::string& name, const FieldPath& path, FieldErrors& errors);

void check_amount(const std::string& name, const api::Quantity& amount, NameCheck check_name,
                  const FieldPath& path, FieldErrors& errors) {
  check_name(name, path, errors);
  check_resource_amount(name, amount, path, errors);
  if (!is_huge_pages(name)) return;
  const auto page = api::Quantity::parse(name.substr(podspec::kHugePagesPrefix.size()));
  if (!page || page->sign() <= 0 || page->milli_value() % 1000 != 0 ||
      amount.value() % page->value() != 0) {
    errors.invalid(path, amount.text(),
                   amount.text() + " is not positive integer multiple of " + name);
  }
}

void check_amounts(const ResourceRequirements& resources, NameCheck check_name,
                   const FieldPath& path, FieldErrors& errors) {
  for (const auto& [name, amount] : resources.limits) {
    check_amount(name, amount, check_name, path.child("limits").key(name), errors);
  }
  for (const auto& [name, amount] : resources.requests) {
    check_amount(name, amount, check_name, path.child("requests").key(name), errors);
    const auto limit = resources.limits.find(name);
    if (limit == resources.limits.end()) {
      if (!may_overcommit(name)) {
        errors.required(path.child("limits"), "Limit must be set for non overcommitable resources");
      }
    } else if (!may_overcommit(name) && amount.nano_value() != limit->second.nano_value()) {
      errors.invalid(path.child("requests"), amount.text(),
                     "must be equal to " + name + " limit of " + limit->second.text());
    } else if (amount.nano_value() > limit->second.nano_value()) {
      errors.invalid(path.child("requests"), amount.text(),
                     "must be less than or equal to " + name + " limit of " + limit->second.text());
    }
  }
  const auto named = [&](auto matches) {
    const auto by_name = [&](const auto& entry) { return matches(std::string_view(entry.first)); };
    return std::ranges::any_of(resources.limits, by_name) ||
           std::ranges::any_of(resources.requests, by_name);
  };
  const auto is_main = [](std::string_view name) {
    return name == podspec::kCpu || name == podspec::kMemory;
  };
  if (named(is_huge_pages) && !named(is_main)) {
    errors.forbidden(path, "HugePages require cpu or memory");
  }
}

// A claim as a whole, or requests of it, but not both and each once.
void check_claim_once(const core::v1::ResourceClaim& claim, NameSet& seen, const FieldPath& path,
                      FieldErrors& errors) {
  if (seen.contains(claim.name)) return errors.duplicate(path, claim.name);
  std::string key = claim.name;
  if (!claim.request.empty()) {
    errors.invalid_each(path.child("request"), claim.request,
                        api::validate_dns1123_label(claim.request));
    key += "/" + claim.request;
  }
  const std::string requests = claim.name + "/";
  if (seen.contains(key)) {
    errors.duplicate(path, key);
  } else if (claim.request.empty()) {
    for (const auto& other : seen) {
      if (other.starts_with(requests)) errors.duplicate(path, claim.name);
    }
  }
  seen.insert(std::move(key));
}

void check_claim_names(const std::vector<core::v1::ResourceClaim>& claims, const NameSet& known,
                       const FieldPath& path, FieldErrors& errors) {
  NameSet seen;
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const std::string& name = claims[i].name;
    const FieldPath at = path.index(i);
    if (name.empty()) {
      errors.required(at);
      continue;
    }
    check_claim_once(claims[i], seen, at, errors);
    if (known.contains(name)) continue;
    std::string detail = "must be one of the names in pod.spec.resourceClaims";
    detail +=
        known.empty() ? " which is empty" : ": " + api::join({known.begin(), known.end()}, ", ");
    errors.add({api::FieldErrorType::NotFound, at.text(), api::FieldValue(name).text(),
                std::move(detail)});
  }
}

// The pod must get what its containers ask for together, and none may have more than the pod.
void check_consistency(const core::v1::PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto amount_in = [](const auto& amounts, const std::string& name) {
    const auto found = amounts.find(name);
    return found == amounts.end() ? api::Quantity() : found->second;
  };
  core::v1::Pod pod;
  pod.spec = spec;
  for (const auto& [name, sum] :
       podspec::pod_requests(pod, {.overhead = false, .pod_level = false})) {
    if (!podspec::is_pod_level_resource(name)) continue;
    const auto request = amount_in(spec.resources->requests, name);
    if (sum <= request) continue;
    errors.invalid(
        path.child("requests").key(name), request.text(),
        "must be greater than or equal to aggregate container requests of " + sum.text());
  }
  for (std::size_t i = 0; i < spec.containers.size(); ++i) {
    for (const auto& [name, limit] : spec.containers[i].resources.limits) {
      const auto whole = spec.resources->limits.find(name);
      if (whole == spec.resources->limits.end() || limit <= whole->second) continue;
      errors.invalid(path.child("containers").index(i).key(name).child("limits"), limit.text(),
                     "must be less than or equal to pod limits of " + whole->second.text());
    }
  }
}

}  // namespace

void check_container_resources(const ResourceRequirements& resources, const NameSet& claims,
                               const FieldPath& path, FieldErrors& errors) {
  check_amounts(resources, check_container_resource_name, path, errors);
  check_claim_names(resources.claims, claims, path.child("claims"), errors);
}

void check_resize_policies(const std::vector<core::v1::ContainerResizePolicy>& policies,
                           std::string_view restart_policy, const FieldPath& path,
                           FieldErrors& errors) {
  NameSet seen;
  // Source: upstream, which names the list where a member is wrong.
  const auto check = [&](const std::string& value, std::string_view first,
                         std::string_view second) {
    if (value.empty()) {
      errors.required(path);
    } else if (value != first && value != second) {
      errors.not_supported(path, value, {first, second});
    }
  };
  for (std::size_t i = 0; i < policies.size(); ++i) {
    const auto& policy = policies[i];
    if (!seen.insert(policy.resourceName).second) {
      errors.duplicate(path.index(i), policy.resourceName);
    }
    check(policy.resourceName, podspec::kCpu, podspec::kMemory);
    check(policy.restartPolicy, "NotRequired", "RestartContainer");
    if (restart_policy == "Never" && policy.restartPolicy != "NotRequired") {
      errors.invalid(path, policy.restartPolicy,
                     "must be 'NotRequired' when `restartPolicy` is 'Never'");
    }
  }
}

void check_resource_claims(const std::vector<core::v1::PodResourceClaim>& claims, NameSet& names,
                           const FieldPath& path, FieldErrors& errors) {
  for (std::size_t i = 0; i < claims.size(); ++i) {
    const auto& claim = claims[i];
    const FieldPath at = path.index(i);
    if (claim.name.empty()) {
      errors.required(at.child("name"));
    } else if (!names.insert(claim.name).second) {
      errors.duplicate(at.child("name"), claim.name);
    } else {
      errors.invalid_each(at.child("name"), claim.name, api::validate_dns1123_label(claim.name));
    }
    if (claim.resourceClaimName && claim.resourceClaimTemplateName) {
      errors.invalid(at, api::encode_document(claim),
                     "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be "
                     "specified");
    } else if (!claim.resourceClaimName && !claim.resourceClaimTemplateName) {
      errors.invalid(at, api::encode_document(claim),
                     "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
    }
    const auto check_name = [&](const std::optional<std::string>& name, std::string_view member) {
      if (!name) return;
      errors.invalid_each(at.child(member), *name, api::validate_dns1123_subdomain(*name));
    };
    check_name(claim.resourceClaimName, "resourceClaimName");
    check_name(claim.resourceClaimTemplateName, "resourceClaimTemplateName");
  }
}

void check_pod_resources(const PodContext& pod, const FieldPath& path, FieldErrors& errors) {
  if (!pod.spec.resources) return;
  const auto& resources = *pod.spec.resources;
  const FieldPath at = path.child("resources");
  if (!resources.claims.empty()) {
    errors.forbidden(at.child("claims"), "claims cannot be set for Resources at pod-level");
  }
  check_amounts(resources, check_pod_resource_name, at, errors);
  check_claim_names(resources.claims, pod.claims, at.child("claims"), errors);
  check_consistency(pod.spec, at, errors);
}

}  // namespace keelson::apiserver
