// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authz/rbac.h"

#include <algorithm>
#include <deque>
#include <unordered_map>

#include "apiserver/authz/rbac_rules.h"

namespace keelson::apiserver {
namespace {

using rbac::v1::ClusterRole;
using rbac::v1::ClusterRoleBinding;
using rbac::v1::PolicyRule;
using rbac::v1::Role;
using rbac::v1::RoleBinding;
using rbac::v1::RoleRef;
using rbac::v1::Subject;

using Rules = std::vector<PolicyRule>;

// The order in which upstream looks: cluster-wide first.
constexpr std::size_t kCaches = 4;

std::string quoted(std::string_view text) {
  std::string out = "\"";
  return out.append(text).append("\"");
}

std::string describe(const Subject& subject) {
  if (subject.kind == "ServiceAccount") {
    return "ServiceAccount " + quoted(subject.name + "/" + subject.namespace_);
  }
  return subject.kind + " " + quoted(subject.name);
}

template <class Visit>
void each_object(const std::shared_ptr<WatchCache>& cache, Visit visit) {
  cache->state().objects.each_from({}, [&](const api::ObjectPtr& object) {
    visit(object);
    return true;
  });
}

bool selector_matches(const meta::v1::LabelSelector& selector,
                      const std::map<std::string, std::string, std::less<>>& labels) {
  for (const auto& [key, value] : selector.matchLabels) {
    const auto found = labels.find(key);
    if (found == labels.end() || found->second != value) return false;
  }
  for (const auto& requirement : selector.matchExpressions) {
    const auto found = labels.find(requirement.key);
    const bool present = found != labels.end();
    const bool listed =
        present && std::ranges::find(requirement.values, found->second) != requirement.values.end();
    if (requirement.operator_ == "In" && !listed) return false;
    if (requirement.operator_ == "NotIn" && listed) return false;
    if (requirement.operator_ == "Exists" && !present) return false;
    if (requirement.operator_ == "DoesNotExist" && present) return false;
  }
  return true;
}

}  // namespace

struct RbacIndex {
  // A subject's share in a binding. `rules` null: the role does not exist.
  struct Grant {
    std::shared_ptr<const Rules> rules;
    std::string text;  // Why it is allowed, or what is missing.
  };
  struct Subjects {
    std::unordered_map<std::string, std::vector<Grant>> users, groups;
  };

  std::array<store::Revision, kCaches> versions{};
  std::unordered_map<std::string, std::shared_ptr<const Rules>> cluster_roles;
  std::unordered_map<std::string, std::shared_ptr<const Rules>> roles;  // "namespace/name"
  Subjects cluster;
  std::unordered_map<std::string, Subjects> namespaces;

  void add_cluster_roles(const std::shared_ptr<WatchCache>& cache);
  std::shared_ptr<const Rules> find(const RoleRef& reference, std::string_view namespace_) const;
  void add_binding(Subjects& to, std::string_view kind, std::string_view name,
                   std::string_view namespace_, const std::vector<Subject>& subjects,
                   const RoleRef& reference) const;
  // visit(grant) for each that applies, until it returns false.
  template <class Visit>
  void each_grant(const User& user, std::string_view namespace_, Visit visit) const;
};

void RbacIndex::add_cluster_roles(const std::shared_ptr<WatchCache>& cache) {
  std::vector<api::ObjectPtr> objects;
  each_object(cache, [&](const api::ObjectPtr& object) { objects.push_back(object); });
  std::vector<const ClusterRole*> all;
  all.reserve(objects.size());
  for (const auto& object : objects) all.push_back(&object->as<ClusterRole>());
  for (const auto& object : objects) {
    const auto& role = object->as<ClusterRole>();
    cluster_roles[role.metadata.name] =
        role.aggregationRule ? std::make_shared<const Rules>(aggregate_rules(role, all))
                             : std::shared_ptr<const Rules>(object, &role.rules);
  }
}

std::shared_ptr<const Rules> RbacIndex::find(const RoleRef& reference,
                                             std::string_view namespace_) const {
  if (reference.kind == "ClusterRole") {
    const auto found = cluster_roles.find(reference.name);
    return found == cluster_roles.end() ? nullptr : found->second;
  }
  const auto found = roles.find(std::string(namespace_) + "/" + reference.name);
  return found == roles.end() ? nullptr : found->second;
}

void RbacIndex::add_binding(Subjects& to, std::string_view kind, std::string_view name,
                            std::string_view namespace_, const std::vector<Subject>& subjects,
                            const RoleRef& reference) const {
  const auto rules = find(reference, namespace_);
  for (const Subject& subject : subjects) {
    Grant grant{rules, {}};
    if (rules) {
      grant.text.append("RBAC: allowed by ").append(kind).append(" ").append(quoted(name));
      grant.text.append(" of ").append(reference.kind).append(" ").append(quoted(reference.name));
      grant.text.append(" to ").append(describe(subject));
    } else {
      grant.text = reference.kind == "ClusterRole" ? "RBAC: clusterrole.rbac.authorization.k8s.io "
                                                   : "RBAC: role.rbac.authorization.k8s.io ";
      grant.text.append(quoted(reference.name)).append(" not found");
    }
    if (subject.kind == "User") {
      to.users[subject.name].push_back(std::move(grant));
    } else if (subject.kind == "Group") {
      to.groups[subject.name].push_back(std::move(grant));
    } else if (subject.kind == "ServiceAccount") {
      // Source: upstream, a ServiceAccount of a RoleBinding is by default of its namespace.
      const std::string_view home =
          subject.namespace_.empty() ? namespace_ : std::string_view(subject.namespace_);
      if (home.empty()) continue;
      std::string user = "system:serviceaccount:";
      user.append(home).append(":").append(subject.name);
      to.users[std::move(user)].push_back(std::move(grant));
    }
  }
}

template <class Visit>
void RbacIndex::each_grant(const User& user, std::string_view namespace_, Visit visit) const {
  const auto each_of = [&](const Subjects& subjects) {
    if (const auto found = subjects.users.find(user.name); found != subjects.users.end()) {
      for (const Grant& grant : found->second) {
        if (!visit(grant)) return false;
      }
    }
    for (const auto& group : user.groups) {
      const auto found = subjects.groups.find(group);
      if (found == subjects.groups.end()) continue;
      for (const Grant& grant : found->second) {
        if (!visit(grant)) return false;
      }
    }
    return true;
  };
  if (!each_of(cluster) || namespace_.empty()) return;
  const auto found = namespaces.find(std::string(namespace_));
  if (found != namespaces.end()) each_of(found->second);
}

RbacAuthorizer::RbacAuthorizer(const CacheSet& caches)
    : roles_(caches.find(api::resource_of<Role>())),
      cluster_roles_(caches.find(api::resource_of<ClusterRole>())),
      bindings_(caches.find(api::resource_of<RoleBinding>())),
      cluster_bindings_(caches.find(api::resource_of<ClusterRoleBinding>())) {
  CHECK(roles_ && cluster_roles_ && bindings_ && cluster_bindings_);
}

RbacAuthorizer::~RbacAuthorizer() = default;

std::shared_ptr<const RbacIndex> RbacAuthorizer::index() const {
  // The versions are read first: what changes after is seen by the next call.
  const std::array<store::Revision, kCaches> versions{
      roles_->last_change(), cluster_roles_->last_change(), bindings_->last_change(),
      cluster_bindings_->last_change()};
  std::lock_guard lock(mutex_);
  if (index_ && index_->versions == versions) return index_;
  auto made = std::make_shared<RbacIndex>();
  made->versions = versions;
  made->add_cluster_roles(cluster_roles_);
  each_object(roles_, [&](const api::ObjectPtr& object) {
    made->roles[object->key().text()] =
        std::shared_ptr<const Rules>(object, &object->as<Role>().rules);
  });
  each_object(cluster_bindings_, [&](const api::ObjectPtr& object) {
    const auto& binding = object->as<ClusterRoleBinding>();
    made->add_binding(made->cluster, "ClusterRoleBinding", object->name(), {}, binding.subjects,
                      binding.roleRef);
  });
  each_object(bindings_, [&](const api::ObjectPtr& object) {
    const auto& binding = object->as<RoleBinding>();
    made->add_binding(made->namespaces[object->namespace_()], "RoleBinding",
                      object->name() + "/" + object->namespace_(), object->namespace_(),
                      binding.subjects, binding.roleRef);
  });
  index_ = std::move(made);
  return index_;
}

Decision RbacAuthorizer::authorize(const User& user, const RequestInfo& request) const {
  const auto all = index();
  Decision decision;
  all->each_grant(user, request.is_resource ? request.namespace_ : std::string_view(),
                  [&](const RbacIndex::Grant& grant) {
                    if (!grant.rules) {
                      decision.reason = grant.text;
                      return true;
                    }
                    for (const PolicyRule& rule : *grant.rules) {
                      if (!rule_allows(rule, request)) continue;
                      decision = {true, grant.text};
                      return false;
                    }
                    return true;
                  });
  return decision;
}

std::vector<PolicyRule> RbacAuthorizer::rules_of(const User& user,
                                                 std::string_view namespace_) const {
  std::vector<PolicyRule> rules;
  index()->each_grant(user, namespace_, [&](const RbacIndex::Grant& grant) {
    if (grant.rules) rules.insert(rules.end(), grant.rules->begin(), grant.rules->end());
    return true;
  });
  return rules;
}

std::optional<std::vector<PolicyRule>> RbacAuthorizer::rules_of_role(
    const RoleRef& reference, std::string_view namespace_) const {
  const auto rules = index()->find(reference, namespace_);
  if (!rules) return std::nullopt;
  return *rules;
}

std::vector<PolicyRule> aggregate_rules(const ClusterRole& role,
                                        const std::vector<const ClusterRole*>& all) {
  std::vector<PolicyRule> rules;
  if (!role.aggregationRule) return role.rules;
  // As upstream: by selector, then by name; a role that aggregates brings what it has been given.
  std::vector<const ClusterRole*> seen;
  const auto collect = [&](auto& self, const ClusterRole& aggregated) -> void {
    for (const auto& selector : aggregated.aggregationRule->clusterRoleSelectors) {
      for (const ClusterRole* other : all) {
        if (other->metadata.name == role.metadata.name) continue;
        if (!selector_matches(selector, other->metadata.labels)) continue;
        if (std::ranges::find(seen, other) != seen.end()) continue;
        seen.push_back(other);
        if (other->aggregationRule) {
          self(self, *other);
          continue;
        }
        for (const PolicyRule& rule : other->rules) {
          if (std::ranges::find(rules, rule) == rules.end()) rules.push_back(rule);
        }
      }
    }
  };
  collect(collect, role);
  return rules;
}

}  // namespace keelson::apiserver
