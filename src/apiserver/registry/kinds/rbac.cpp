// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/rbac.h"

#include <vector>

#include "api/names.h"
#include "api/rbac/v1.h"
#include "api/selector.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";

bool is_namespaced(const api::Document& object) {
  return !api::string_at(object, {"kind"}).starts_with("Cluster");
}

void check_rule(const rbac::v1::PolicyRule& rule, bool namespaced, const FieldPath& path,
                FieldErrors& errors) {
  if (rule.verbs.empty()) {
    errors.required(path.child("verbs"), "verbs must contain at least one value");
  }
  if (!rule.nonResourceURLs.empty()) {
    if (namespaced) {
      errors.invalid(path.child("nonResourceURLs"), rule.nonResourceURLs,
                     "namespaced rules cannot apply to non-resource URLs");
    }
    if (!rule.apiGroups.empty() || !rule.resources.empty() || !rule.resourceNames.empty()) {
      errors.invalid(path.child("nonResourceURLs"), rule.nonResourceURLs,
                     "rules cannot apply to both regular resources and non-resource URLs");
    }
    return;
  }
  if (rule.apiGroups.empty()) {
    errors.required(path.child("apiGroups"), "resource rules must supply at least one api group");
  }
  if (rule.resources.empty()) {
    errors.required(path.child("resources"), "resource rules must supply at least one resource");
  }
}

void check_rules(const std::vector<rbac::v1::PolicyRule>& rules, bool namespaced,
                 FieldErrors& errors) {
  for (std::size_t i = 0; i < rules.size(); ++i) {
    check_rule(rules[i], namespaced, FieldPath("rules").index(i), errors);
  }
}

void check_aggregation(const rbac::v1::AggregationRule& rule, FieldErrors& errors) {
  const FieldPath path = FieldPath("aggregationRule").child("clusterRoleSelectors");
  if (rule.clusterRoleSelectors.empty()) {
    errors.required(path,
                    "at least one clusterRoleSelector required if aggregationRule is non-nil");
  }
  for (std::size_t i = 0; i < rule.clusterRoleSelectors.size(); ++i) {
    errors += api::validate_label_selector(rule.clusterRoleSelectors[i], path.index(i));
  }
}

void check_subject(const rbac::v1::Subject& subject, bool namespaced, const FieldPath& path,
                   FieldErrors& errors) {
  if (subject.name.empty()) errors.required(path.child("name"));
  if (subject.kind == "ServiceAccount") {
    if (!subject.name.empty()) {
      errors.invalid_each(path.child("name"), subject.name,
                          api::name_is_dns_subdomain(subject.name, false));
    }
    if (!subject.apiGroup.empty()) {
      errors.not_supported(path.child("apiGroup"), subject.apiGroup, {""});
    }
    if (!namespaced && subject.namespace_.empty()) errors.required(path.child("namespace"));
  } else if (subject.kind == "User" || subject.kind == "Group") {
    if (subject.apiGroup != kGroup) {
      errors.not_supported(path.child("apiGroup"), subject.apiGroup, {kGroup});
    }
  } else {
    errors.not_supported(path.child("kind"), subject.kind, {"ServiceAccount", "User", "Group"});
  }
}

template <class Binding>
void check_binding(const Binding& binding, bool namespaced, FieldErrors& errors) {
  const FieldPath path("roleRef");
  const auto& role = binding.roleRef;
  if (role.apiGroup != kGroup) {
    errors.not_supported(path.child("apiGroup"), role.apiGroup, {kGroup});
  }
  if (role.kind != "ClusterRole" && !(namespaced && role.kind == "Role")) {
    if (namespaced) {
      errors.not_supported(path.child("kind"), role.kind, {"Role", "ClusterRole"});
    } else {
      errors.not_supported(path.child("kind"), role.kind, {"ClusterRole"});
    }
  }
  if (role.name.empty()) {
    errors.required(path.child("name"));
  } else {
    errors.invalid_each(path.child("name"), role.name, api::name_is_path_segment(role.name, false));
  }
  for (std::size_t i = 0; i < binding.subjects.size(); ++i) {
    check_subject(binding.subjects[i], namespaced, FieldPath("subjects").index(i), errors);
  }
}

}  // namespace

FieldErrors RoleStrategy::validate(const api::Document& object) const {
  if (is_namespaced(object)) {
    return check_typed<rbac::v1::Role>(object, {}, [](const auto& role, FieldErrors& errors) {
      check_rules(role.rules, true, errors);
    });
  }
  return check_typed<rbac::v1::ClusterRole>(object, {}, [](const auto& role, FieldErrors& errors) {
    check_rules(role.rules, false, errors);
    if (role.aggregationRule) check_aggregation(*role.aggregationRule, errors);
  });
}

FieldErrors RoleBindingStrategy::validate(const api::Document& object) const {
  if (is_namespaced(object)) {
    return check_typed<rbac::v1::RoleBinding>(
        object, {},
        [](const auto& binding, FieldErrors& errors) { check_binding(binding, true, errors); });
  }
  return check_typed<rbac::v1::ClusterRoleBinding>(
      object, {},
      [](const auto& binding, FieldErrors& errors) { check_binding(binding, false, errors); });
}

std::vector<std::string> RoleStrategy::validate_name(std::string_view name, bool prefix) const {
  return api::name_is_path_segment(name, prefix);
}

api::FieldErrors RoleBindingStrategy::validate_update(const api::Document& now,
                                                      const api::Document& before) const {
  api::FieldErrors errors = validate(now);
  const auto* role = api::find_at(now, {"roleRef"});
  const auto* old = api::find_at(before, {"roleRef"});
  if (role != nullptr && old != nullptr && *role != *old) {
    errors.invalid("roleRef", *role, "cannot change roleRef");
  }
  return errors;
}

}  // namespace keelson::apiserver
