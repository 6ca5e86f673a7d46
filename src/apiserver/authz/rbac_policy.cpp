// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authz/rbac_policy.h"

#include <algorithm>

#include "apiserver/authz/rbac.h"
#include "apiserver/authz/rbac_rules.h"

namespace keelson::apiserver {
namespace {

using rbac::v1::ClusterRole;
using rbac::v1::ClusterRoleBinding;
using rbac::v1::PolicyRule;
using rbac::v1::Role;
using rbac::v1::RoleBinding;
using rbac::v1::Subject;

constexpr std::string_view kGroup = "rbac.authorization.k8s.io";
constexpr std::string_view kPrefix = "rbac.authorization.kubernetes.io/";
constexpr std::string_view kAutoUpdate = "rbac.authorization.kubernetes.io/autoupdate";
constexpr std::string_view kControllerPrefix = "system:controller:";
// One user stands for all controllers of this program, since they share a client.
constexpr std::string_view kControllerUser = "system:kube-controller-manager";

// Calls visit(part) for each part of a list.
template <class Visit>
void each_part(std::string_view text, char separator, Visit visit) {
  while (!text.empty()) {
    const auto end = text.find(separator);
    visit(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
  }
}

std::vector<PolicyRule> rules_from(std::string_view text) {
  std::vector<PolicyRule> rules;
  each_part(text, ';', [&](std::string_view rule) { rules.push_back(parse_rule(rule)); });
  return rules;
}

meta::v1::ObjectMeta metadata(std::string name, std::string_view namespace_,
                              std::string_view labels) {
  meta::v1::ObjectMeta out;
  out.name = std::move(name);
  out.namespace_ = namespace_;
  out.annotations[std::string(kAutoUpdate)] = "true";
  out.labels["kubernetes.io/bootstrapping"] = "rbac-defaults";
  each_part(labels, ',', [&](std::string_view label) {
    const auto equals = label.find('=');
    std::string key(kPrefix);
    out.labels[key.append(label.substr(0, equals))] = label.substr(equals + 1);
  });
  return out;
}

std::vector<Subject> subjects_from(std::string_view text) {
  std::vector<Subject> subjects;
  each_part(text, ',', [&](std::string_view part) {
    const auto colon = part.find(':');
    Subject subject;
    subject.kind = part.substr(0, colon);
    std::string_view name = part.substr(colon + 1);
    if (subject.kind == "ServiceAccount") {
      const auto end = name.find(':');
      subject.namespace_ = name.substr(0, end);
      name.remove_prefix(end + 1);
    } else {
      subject.apiGroup = kGroup;
    }
    subject.name = name;
    subjects.push_back(std::move(subject));
  });
  return subjects;
}

bool is_protected(const meta::v1::ObjectMeta& metadata) {
  const auto found = metadata.annotations.find(kAutoUpdate);
  return found != metadata.annotations.end() && found->second == "false";
}

// True if something was missing.
bool add_missing(std::vector<PolicyRule>& rules, const std::vector<PolicyRule>& wanted) {
  auto missing = uncovered_rules(rules, wanted);
  rules.insert(rules.end(), missing.begin(), missing.end());
  return !missing.empty();
}

bool add_missing(std::vector<Subject>& subjects, const std::vector<Subject>& wanted) {
  bool changed = false;
  for (const Subject& subject : wanted) {
    if (std::ranges::find(subjects, subject) != subjects.end()) continue;
    subjects.push_back(subject);
    changed = true;
  }
  return changed;
}

// Puts into `object` what `wanted` has more. True if there was something.
bool mend(Role& object, const Role& wanted) { return add_missing(object.rules, wanted.rules); }

bool mend(ClusterRole& object, const ClusterRole& wanted) {
  bool changed = false;
  for (const auto& [key, value] : wanted.metadata.labels) {
    changed = object.metadata.labels.emplace(key, value).second || changed;
  }
  if (wanted.aggregationRule) {
    // Its rules are a controller's to keep.
    if (object.aggregationRule) return changed;
    object.aggregationRule = wanted.aggregationRule;
    return true;
  }
  return add_missing(object.rules, wanted.rules) || changed;
}

template <class Binding>
bool mend_binding(Binding& object, const Binding& wanted) {
  return add_missing(object.subjects, wanted.subjects);
}
bool mend(RoleBinding& object, const RoleBinding& wanted) { return mend_binding(object, wanted); }
bool mend(ClusterRoleBinding& object, const ClusterRoleBinding& wanted) {
  return mend_binding(object, wanted);
}

template <class T>
Task<Result<void>> ensure(client::Client& client, const CacheSet& caches, T wanted) {
  const auto found =
      caches.find(api::resource_of<T>())->find({wanted.metadata.namespace_, wanted.metadata.name});
  if (found) {
    T object = found->template as<T>();
    if (is_protected(object.metadata) || !mend(object, wanted)) co_return Result<void>{};
    // Another server mends the same thing at the same time.
    const auto updated = co_await client.update(std::move(object));
    if (!updated && !updated.error().is(Reason::Conflict)) co_return fail(updated.error());
    co_return Result<void>{};
  }
  const auto created = co_await client.create(std::move(wanted));
  if (!created && !created.error().is(Reason::AlreadyExists)) co_return fail(created.error());
  co_return Result<void>{};
}

using Tasks = std::vector<Task<Result<void>>>;

// All at once, so that the store commits them together.
Task<Result<void>> run_all(Tasks tasks) {
  for (auto& result : co_await when_all(std::move(tasks))) {
    if (!result) co_return fail(std::move(result).error());
  }
  co_return Result<void>{};
}

ClusterRole cluster_role(std::string name, const PolicyRole& data) {
  ClusterRole role;
  role.metadata = metadata(std::move(name), {}, data.labels);
  role.rules = rules_from(data.rules);
  if (!data.aggregates.empty()) {
    meta::v1::LabelSelector selector;
    std::string key(kPrefix);
    selector.matchLabels[key.append(data.aggregates)] = "true";
    rbac::v1::AggregationRule rule;
    rule.clusterRoleSelectors.push_back(std::move(selector));
    role.aggregationRule = std::move(rule);
  }
  return role;
}

ClusterRoleBinding cluster_binding(std::string name, std::string_view role,
                                   std::vector<Subject> subjects) {
  ClusterRoleBinding binding;
  binding.metadata = metadata(std::move(name), {}, {});
  binding.subjects = std::move(subjects);
  binding.roleRef.apiGroup = kGroup;
  binding.roleRef.kind = "ClusterRole";
  binding.roleRef.name = role;
  return binding;
}

// Roles that others are made of come first, so that these get their rules at once.
Task<Result<void>> ensure_cluster_roles(client::Client& client, const CacheSet& caches) {
  Tasks tasks;
  std::vector<ClusterRole> aggregated;
  for (const PolicyRole& data : policy_roles()) {
    if (!data.namespace_.empty()) continue;
    ClusterRole role = cluster_role(std::string(data.name), data);
    if (role.aggregationRule) {
      aggregated.push_back(std::move(role));
    } else {
      tasks.push_back(ensure(client, caches, std::move(role)));
    }
  }
  for (const PolicyRole& data : policy_controller_roles()) {
    std::string name(kControllerPrefix);
    tasks.push_back(ensure(client, caches, cluster_role(name.append(data.name), data)));
  }
  CO_TRY_OK(co_await run_all(std::move(tasks)));

  CO_TRY(const auto present, co_await client.list<ClusterRole>());
  std::vector<const ClusterRole*> all;
  for (const auto& role : present) {
    // What is made of others is looked at as it will be.
    if (!role->aggregationRule) all.push_back(role.get());
  }
  for (const auto& role : aggregated) all.push_back(&role);
  Tasks made;
  for (const auto& role : aggregated) {
    ClusterRole whole = role;
    whole.rules = aggregate_rules(role, all);
    made.push_back(ensure(client, caches, std::move(whole)));
  }
  co_return co_await run_all(std::move(made));
}

Task<Result<void>> ensure_roles(client::Client& client, const CacheSet& caches) {
  Tasks tasks;
  for (const PolicyRole& data : policy_roles()) {
    if (data.namespace_.empty()) continue;
    Role role;
    role.metadata = metadata(std::string(data.name), data.namespace_, data.labels);
    role.rules = rules_from(data.rules);
    tasks.push_back(ensure(client, caches, std::move(role)));
  }
  return run_all(std::move(tasks));
}

Task<Result<void>> ensure_bindings(client::Client& client, const CacheSet& caches) {
  Tasks tasks;
  for (const PolicyBinding& data : policy_bindings()) {
    if (data.namespace_.empty()) {
      tasks.push_back(
          ensure(client, caches,
                 cluster_binding(std::string(data.name), data.role, subjects_from(data.subjects))));
      continue;
    }
    RoleBinding binding;
    binding.metadata = metadata(std::string(data.name), data.namespace_, {});
    binding.subjects = subjects_from(data.subjects);
    binding.roleRef.apiGroup = kGroup;
    binding.roleRef.kind = "Role";
    binding.roleRef.name = data.role;
    tasks.push_back(ensure(client, caches, std::move(binding)));
  }
  for (const PolicyRole& data : policy_controller_roles()) {
    Subject account;
    account.kind = "ServiceAccount";
    account.namespace_ = "kube-system";
    account.name = data.name;
    Subject user;
    user.kind = "User";
    user.apiGroup = kGroup;
    user.name = kControllerUser;
    std::string name(kControllerPrefix);
    name.append(data.name);
    tasks.push_back(ensure(client, caches, cluster_binding(name, name, {account, user})));
  }
  return run_all(std::move(tasks));
}

}  // namespace

Task<Result<void>> reconcile_policy(client::Client& client, const CacheSet& caches) {
  CO_TRY_OK(co_await ensure_cluster_roles(client, caches));
  CO_TRY_OK(co_await ensure_roles(client, caches));
  co_return co_await ensure_bindings(client, caches);
}

}  // namespace keelson::apiserver
