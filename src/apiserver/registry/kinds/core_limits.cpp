// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_limits.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "api/core/v1.h"
#include "api/names.h"
#include "apiserver/registry/kinds/resource_names.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using api::Quantity;
using core::v1::LimitRangeItem;
using Amounts = std::map<std::string, Quantity, std::less<>>;
using Names = std::set<std::string, std::less<>>;

const Quantity* find(const Amounts& amounts, std::string_view name) {
  const auto found = amounts.find(name);
  return found == amounts.end() ? nullptr : &found->second;
}

void check_names(const Amounts& amounts, std::string_view type, const FieldPath& path, Names& names,
                 FieldErrors& errors) {
  for (const auto& [name, amount] : amounts) {
    if (type == "Pod" || type == "Container") {
      check_container_resource_name(name, path.key(name), errors);
    } else {
      check_resource_name(name, path.key(name), errors);
    }
    names.insert(name);
  }
}

// `what` and `other` are said of the two amounts: "min", "max", "default request", ...
void check_order(const Quantity* amount, std::string_view what, const Quantity* other,
                 std::string_view other_what, const FieldPath& path, const Quantity* shown,
                 FieldErrors& errors) {
  if (amount == nullptr || other == nullptr || *amount <= *other) return;
  std::string text(what);
  text.append(" value ").append(amount->text()).append(" is greater than ");
  text.append(other_what).append(" value ").append(other->text());
  errors.invalid(path, shown->text(), text);
}

void check_ratio(const LimitRangeItem& item, const std::string& name, const FieldPath& path,
                 FieldErrors& errors) {
  const Quantity* ratio = find(item.maxLimitRequestRatio, name);
  if (ratio == nullptr) return;
  if (*ratio < Quantity::from_value(1)) {
    errors.invalid(path, ratio->text(), "ratio " + ratio->text() + " is less than 1");
  }
  const Quantity* min = find(item.min, name);
  const Quantity* max = find(item.max, name);
  if (min == nullptr || max == nullptr) return;
  const double limit = max->as_double() / min->as_double();
  if (ratio->as_double() <= limit) return;
  char text[64];
  std::snprintf(text, sizeof text, "%f", limit);
  errors.invalid(path, ratio->text(),
                 "ratio " + ratio->text() + " is greater than max/min = " + text);
}

void check_amounts(const LimitRangeItem& item, const std::string& name, const FieldPath& path,
                   FieldErrors& errors) {
  const Quantity* min = find(item.min, name);
  const Quantity* max = find(item.max, name);
  const bool pod = item.type == "Pod";
  const Quantity* limit = pod ? nullptr : find(item.default_, name);
  const Quantity* request = pod ? nullptr : find(item.defaultRequest, name);
  const FieldPath request_path = path.child("defaultRequest").key(name);
  const FieldPath limit_path = path.child("default").key(name);
  check_order(min, "min", max, "max", path.child("min").key(name), min, errors);
  check_order(min, "min", request, "default request", request_path, request, errors);
  check_order(request, "default request", max, "max", request_path, request, errors);
  check_order(request, "default request", limit, "default limit", request_path, request, errors);
  // Source: upstream, which shows the other amount in these two.
  check_order(min, "min", limit, "default", limit_path, min, errors);
  check_order(limit, "default", max, "max", limit_path, max, errors);
  check_ratio(item, name, path.child("maxLimitRequestRatio").key(name), errors);
  if (!may_overcommit(name) && limit != nullptr && request != nullptr && *limit != *request) {
    errors.invalid(request_path, request->text(),
                   "default value " + limit->text() + " must equal to defaultRequest value " +
                       request->text() + " in " + name);
  }
}

void check_limit(const LimitRangeItem& item, const FieldPath& path, FieldErrors& errors) {
  Names names;
  check_names(item.max, item.type, path.child("max"), names, errors);
  check_names(item.min, item.type, path.child("min"), names, errors);
  if (item.type == "Pod") {
    for (const auto& [amounts, member] : {std::pair(&item.default_, "default"),
                                          std::pair(&item.defaultRequest, "defaultRequest")}) {
      if (amounts->empty()) continue;
      errors.forbidden(path.child(member), "may not be specified when `type` is 'Pod'");
    }
  } else {
    check_names(item.default_, item.type, path.child("default"), names, errors);
    check_names(item.defaultRequest, item.type, path.child("defaultRequest"), names, errors);
  }
  if (item.type == "PersistentVolumeClaim" && find(item.min, "storage") == nullptr &&
      find(item.max, "storage") == nullptr) {
    errors.required(path.child("limits"),
                    "either minimum or maximum storage value is required, but neither was "
                    "provided");
  }
  check_names(item.maxLimitRequestRatio, item.type, path.child("maxLimitRequestRatio"), names,
              errors);
  for (const auto& name : names) check_amounts(item, name, path, errors);
}

void check_limit_type(const std::string& type, const FieldPath& path, FieldErrors& errors) {
  const auto messages = api::validate_qualified_name(type);
  errors.invalid_each(path, type, messages);
  const bool known = type == "Pod" || type == "Container" || type == "PersistentVolumeClaim";
  if (messages.empty() && !known && type.find('/') == std::string::npos) {
    errors.invalid(path, type, "must be a standard limit type or fully qualified");
  }
}

void check_limit_range(const core::v1::LimitRange& range, FieldErrors& errors) {
  std::set<std::string_view> types;
  for (std::size_t i = 0; i < range.spec.limits.size(); ++i) {
    const auto& item = range.spec.limits[i];
    const FieldPath path = FieldPath("spec").child("limits").index(i);
    check_limit_type(item.type, path.child("type"), errors);
    if (!types.insert(item.type).second) errors.duplicate(path.child("type"), item.type);
    check_limit(item, path, errors);
  }
}

constexpr std::string_view kBestEffort = "BestEffort";
constexpr std::string_view kNotBestEffort = "NotBestEffort";
constexpr std::string_view kTerminating = "Terminating";
constexpr std::string_view kNotTerminating = "NotTerminating";
constexpr std::string_view kPriorityClass = "PriorityClass";
constexpr std::string_view kCrossNamespace = "CrossNamespacePodAffinity";
constexpr std::string_view kVolumeClass = "VolumeAttributesClass";

bool is_scope(std::string_view scope) {
  constexpr std::string_view kScopes[] = {kTerminating,   kNotTerminating, kBestEffort,
                                          kNotBestEffort, kPriorityClass,  kCrossNamespace,
                                          kVolumeClass};
  return std::ranges::find(kScopes, scope) != std::end(kScopes);
}

// Whether objects of the scope can be counted by this resource.
bool fits(std::string_view scope, std::string_view resource) {
  constexpr std::string_view kOfPods[] = {
      "pods", "cpu", "memory", "limits.cpu", "limits.memory", "requests.cpu", "requests.memory"};
  if (scope == kBestEffort) return resource == "pods";
  if (scope == kVolumeClass) {
    return resource == "persistentvolumeclaims" || resource == "requests.storage";
  }
  return !is_scope(scope) || std::ranges::find(kOfPods, resource) != std::end(kOfPods);
}

void check_fit(const core::v1::ResourceQuotaSpec& spec, std::string_view scope,
               const FieldPath& path, const api::FieldValue& shown, FieldErrors& errors) {
  for (const auto& [name, amount] : spec.hard) {
    if (is_quota_resource(name) && !fits(scope, name)) {
      errors.invalid(path, shown, "unsupported scope applied to resource");
    }
  }
}

void check_conflicts(const Names& scopes, const std::vector<std::string>& shown,
                     const FieldPath& path, FieldErrors& errors) {
  for (const auto& [one, other] :
       {std::pair(kBestEffort, kNotBestEffort), std::pair(kTerminating, kNotTerminating)}) {
    if (scopes.contains(one) && scopes.contains(other)) {
      errors.invalid(path, shown, "conflicting scopes");
    }
  }
}

void check_scopes(const core::v1::ResourceQuotaSpec& spec, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("scopes");
  for (const auto& scope : spec.scopes) {
    if (!is_scope(scope)) errors.invalid(path, spec.scopes, "unsupported scope");
    check_fit(spec, scope, path, spec.scopes, errors);
  }
  check_conflicts(Names(spec.scopes.begin(), spec.scopes.end()), spec.scopes, path, errors);
}

void check_scope_selector(const core::v1::ResourceQuotaSpec& spec, FieldErrors& errors) {
  const FieldPath path = FieldPath("spec").child("scopeSelector", "matchExpressions");
  Names scopes;
  for (const auto& requirement : spec.scopeSelector->matchExpressions) {
    const std::string& scope = requirement.scopeName;
    if (!is_scope(scope)) errors.invalid(path.child("scopeName"), scope, "unsupported scope");
    check_fit(spec, scope, path, api::encode_document(*spec.scopeSelector), errors);
    const FieldPath operator_path = path.child("operator");
    const std::string& op = requirement.operator_;
    const bool by_value = scope == kPriorityClass || scope == kVolumeClass || !is_scope(scope);
    if (!by_value && op != "Exists") {
      errors.invalid(operator_path, op,
                     "must be 'Exists' when scope is any of ResourceQuotaScopeTerminating, "
                     "ResourceQuotaScopeNotTerminating, ResourceQuotaScopeBestEffort, "
                     "ResourceQuotaScopeNotBestEffort or "
                     "ResourceQuotaScopeCrossNamespacePodAffinity");
    }
    if (op == "In" || op == "NotIn") {
      if (requirement.values.empty()) {
        errors.required(path.child("values"),
                        "must be at least one value when `operator` is 'In' or 'NotIn' for scope "
                        "selector");
      }
    } else if (op == "Exists" || op == "DoesNotExist") {
      if (!requirement.values.empty()) {
        errors.invalid(path.child("values"), requirement.values,
                       "must be no value when `operator` is 'Exist' or 'DoesNotExist' for scope "
                       "selector");
      }
    } else {
      errors.invalid(operator_path, op, "not a valid selector operator");
    }
    scopes.insert(scope);
  }
  check_conflicts(scopes, spec.scopes, path, errors);
}

void check_quota_amounts(const Amounts& amounts, const FieldPath& path, FieldErrors& errors) {
  for (const auto& [name, amount] : amounts) {
    check_quota_resource_name(name, path.key(name), errors);
    check_resource_amount(name, amount, path.key(name), errors);
  }
}

void check_quota(const core::v1::ResourceQuota& quota, FieldErrors& errors) {
  check_quota_amounts(quota.spec.hard, FieldPath("spec").child("hard"), errors);
  check_scopes(quota.spec, errors);
  if (quota.spec.scopeSelector) check_scope_selector(quota.spec, errors);
}

void check_quota_status(const core::v1::ResourceQuota& quota, FieldErrors& errors) {
  check_quota_amounts(quota.status.hard, FieldPath("status").child("hard"), errors);
  check_quota_amounts(quota.status.used, FieldPath("status").child("used"), errors);
}

}  // namespace

FieldErrors LimitRangeStrategy::validate(const api::Document& object) const {
  return check_typed<core::v1::LimitRange>(object, {}, check_limit_range);
}

FieldErrors ResourceQuotaStrategy::validate(const api::Document& object) const {
  return check_typed<core::v1::ResourceQuota>(object, {}, check_quota);
}

FieldErrors ResourceQuotaStrategy::validate_update(const api::Document& now,
                                                   const api::Document& before) const {
  return check_typed<core::v1::ResourceQuota>(
      now, validate(now), [&](const core::v1::ResourceQuota& quota, FieldErrors& errors) {
        const auto old = api::decode<core::v1::ResourceQuota>(before);
        if (!old) return;
        const auto set = [](const std::vector<std::string>& scopes) {
          return Names(scopes.begin(), scopes.end());
        };
        if (set(quota.spec.scopes) != set(old->spec.scopes)) {
          errors.invalid(FieldPath("spec").child("scopes"), quota.spec.scopes,
                         api::kImmutableMessage);
        }
      });
}

FieldErrors ResourceQuotaStrategy::validate_status_update(const api::Document& now,
                                                          const api::Document&) const {
  return check_typed<core::v1::ResourceQuota>(now, {}, check_quota_status);
}

}  // namespace keelson::apiserver
