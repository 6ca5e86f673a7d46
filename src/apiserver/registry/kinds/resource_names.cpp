// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/resource_names.h"

#include <algorithm>

#include "api/names.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

constexpr std::string_view kContainerResources[] = {podspec::kCpu, podspec::kMemory,
                                                    podspec::kEphemeralStorage};

constexpr std::string_view kQuotaResources[] = {"cpu",
                                                "memory",
                                                "ephemeral-storage",
                                                "requests.cpu",
                                                "requests.memory",
                                                "requests.storage",
                                                "requests.ephemeral-storage",
                                                "limits.cpu",
                                                "limits.memory",
                                                "limits.ephemeral-storage",
                                                "pods",
                                                "resourcequotas",
                                                "services",
                                                "replicationcontrollers",
                                                "secrets",
                                                "persistentvolumeclaims",
                                                "configmaps",
                                                "services.nodeports",
                                                "services.loadbalancers"};

constexpr std::string_view kCounted[] = {"pods",
                                         "resourcequotas",
                                         "services",
                                         "replicationcontrollers",
                                         "secrets",
                                         "configmaps",
                                         "persistentvolumeclaims",
                                         "services.nodeports",
                                         "services.loadbalancers"};

bool is_one_of(std::string_view name, std::span<const std::string_view> names) {
  return std::ranges::find(names, name) != names.end();
}

bool is_huge_pages(std::string_view name) { return name.starts_with(podspec::kHugePagesPrefix); }

bool is_quota_huge_pages(std::string_view name) {
  return is_huge_pages(name) || name.starts_with("requests.hugepages-");
}

bool has_domain(std::string_view name) { return name.find('/') != std::string_view::npos; }

}  // namespace

bool may_overcommit(std::string_view name) {
  return !podspec::is_extended_resource(name) && !is_huge_pages(name);
}

bool is_quota_resource(std::string_view name) {
  return is_one_of(name, kQuotaResources) || is_quota_huge_pages(name);
}

void check_resource_name(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  const auto messages = api::validate_qualified_name(name);
  errors.invalid_each(path, name, messages);
  // All but storage itself can stand in a quota.
  if (messages.empty() && !has_domain(name) && name != "storage" && !is_quota_resource(name)) {
    errors.invalid(path, name, "must be a standard resource type or fully qualified");
  }
}

void check_container_resource_name(const std::string& name, const FieldPath& path,
                                   FieldErrors& errors) {
  check_resource_name(name, path, errors);
  if (!has_domain(name)) {
    if (!is_one_of(name, kContainerResources) && !is_huge_pages(name)) {
      errors.invalid(path, name, "must be a standard resource for containers");
    }
  } else if (name.find("kubernetes.io/") == std::string::npos &&
             (!podspec::is_extended_resource(name) ||
              !api::validate_qualified_name("requests." + name).empty())) {
    errors.invalid(path, name, "doesn't follow extended resource name standard");
  }
}

void check_quota_resource_name(const std::string& name, const FieldPath& path,
                               FieldErrors& errors) {
  check_resource_name(name, path, errors);
  if (!has_domain(name) && !is_quota_resource(name)) {
    errors.invalid(path, name, "must be a standard resource for quota");
  }
}

void check_resource_amount(std::string_view name, const api::Quantity& amount,
                           const FieldPath& path, FieldErrors& errors) {
  if (amount.sign() < 0) errors.invalid(path, amount.text(), api::kNegativeMessage);
  const bool counted = is_one_of(name, kCounted) || podspec::is_extended_resource(name);
  if (counted && amount.milli_value() % 1000 != 0) {
    errors.invalid(path, amount.text(), "must be an integer");
  }
}

}  // namespace keelson::apiserver
