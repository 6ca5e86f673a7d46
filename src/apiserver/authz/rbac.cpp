// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authz/rbac.h"

#include <algorithm>
#include <unordered_map>

#include "api/selector.h"
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

// Namespaces whose indexes are kept; those in use come back at once.
constexpr std::size_t kNamespacesMax = 4096;

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

}  // namespace

// A subject's share in a binding. `rules` null: the role does not exist.
struct RbacGrant {
  std::shared_ptr<const Rules> rules;
  std::string text;  // Why it is allowed, or what is missing.
};

struct RbacSubjects {
  std::unordered_map<std::string, std::vector<RbacGrant>> users, groups;

  // `rules` null: the role does not exist. `namespace_` is that of the binding.
  void add(std::string_view kind, std::string_view name, std::string_view namespace_,
           const std::vector<Subject>& subjects, const RoleRef& reference,
           const std::shared_ptr<const Rules>& rules);
  // False when visit() has returned false.
  template <class Visit>
  bool each_grant(const User& user, Visit visit) const {
    if (const auto found = users.find(user.name); found != users.end()) {
      for (const RbacGrant& grant : found->second) {
        if (!visit(grant)) return false;
      }
    }
    for (const auto& group : user.groups) {
      const auto found = groups.find(group);
      if (found == groups.end()) continue;
      for (const RbacGrant& grant : found->second) {
        if (!visit(grant)) return false;
      }
    }
    return true;
  }
};

struct ClusterRbac {
  store::Revision roles_version = 0, bindings_version = 0;
  std::unordered_map<std::string, std::shared_ptr<const Rules>> roles;
  RbacSubjects subjects;

  std::shared_ptr<const Rules> find(const std::string& name) const {
    const auto found = roles.find(name);
    return found == roles.end() ? nullptr : found->second;
  }
};

struct NamespaceRbac {
  std::shared_ptr<const ClusterRbac> cluster;  // Whose roles its bindings refer to.
  store::Revision roles_version = 0, bindings_version = 0;
  RbacSubjects subjects;
};

void RbacSubjects::add(std::string_view kind, std::string_view name, std::string_view namespace_,
                       const std::vector<Subject>& from, const RoleRef& reference,
                       const std::shared_ptr<const Rules>& rules) {
  for (const Subject& subject : from) {
    RbacGrant grant{rules, {}};
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
      users[subject.name].push_back(std::move(grant));
    } else if (subject.kind == "Group") {
      groups[subject.name].push_back(std::move(grant));
    } else if (subject.kind == "ServiceAccount") {
      // Source: upstream, a ServiceAccount of a RoleBinding is by default of its namespace.
      const std::string_view home =
          subject.namespace_.empty() ? namespace_ : std::string_view(subject.namespace_);
      if (home.empty()) continue;
      std::string user = "system:serviceaccount:";
      user.append(home).append(":").append(subject.name);
      users[std::move(user)].push_back(std::move(grant));
    }
  }
}

RbacAuthorizer::RbacAuthorizer(const CacheSet& caches)
    : roles_(caches.find(api::resource_of<Role>())),
      cluster_roles_(caches.find(api::resource_of<ClusterRole>())),
      bindings_(caches.find(api::resource_of<RoleBinding>())),
      cluster_bindings_(caches.find(api::resource_of<ClusterRoleBinding>())) {
  CHECK(roles_ && cluster_roles_ && bindings_ && cluster_bindings_);
}

RbacAuthorizer::~RbacAuthorizer() = default;

std::shared_ptr<const ClusterRbac> RbacAuthorizer::cluster() const {
  // Versions are read before the objects: what changes in between is seen by the next call.
  const store::Revision roles_version = cluster_roles_->last_change();
  const store::Revision bindings_version = cluster_bindings_->last_change();
  std::lock_guard lock(mutex_);
  if (cluster_ && cluster_->roles_version == roles_version &&
      cluster_->bindings_version == bindings_version) {
    return cluster_;
  }
  auto made = std::make_shared<ClusterRbac>();
  made->roles_version = roles_version;
  made->bindings_version = bindings_version;
  std::vector<api::ObjectPtr> objects;
  cluster_roles_->state().objects.each_from({}, [&](const api::ObjectPtr& object) {
    objects.push_back(object);
    return true;
  });
  std::vector<const ClusterRole*> all;
  all.reserve(objects.size());
  for (const auto& object : objects) all.push_back(&object->as<ClusterRole>());
  for (const auto& object : objects) {
    const auto& role = object->as<ClusterRole>();
    made->roles[role.metadata.name] =
        role.aggregationRule ? std::make_shared<const Rules>(aggregate_rules(role, all))
                             : std::shared_ptr<const Rules>(object, &role.rules);
  }
  cluster_bindings_->state().objects.each_from({}, [&](const api::ObjectPtr& object) {
    const auto& binding = object->as<ClusterRoleBinding>();
    made->subjects.add("ClusterRoleBinding", object->name(), {}, binding.subjects, binding.roleRef,
                       made->find(binding.roleRef.name));
    return true;
  });
  cluster_ = std::move(made);
  return cluster_;
}

std::shared_ptr<const NamespaceRbac> RbacAuthorizer::in_namespace(
    std::string_view namespace_, const std::shared_ptr<const ClusterRbac>& cluster) const {
  const store::Revision roles_version = roles_->last_change();
  const store::Revision bindings_version = bindings_->last_change();
  const std::string name(namespace_);
  std::lock_guard lock(mutex_);
  if (const auto found = namespaces_.find(name);
      found != namespaces_.end() && found->second->cluster == cluster &&
      found->second->roles_version == roles_version &&
      found->second->bindings_version == bindings_version) {
    return found->second;
  }
  auto made = std::make_shared<NamespaceRbac>();
  made->cluster = cluster;
  made->roles_version = roles_version;
  made->bindings_version = bindings_version;
  bindings_->state().objects.each_from({name, {}}, [&](const api::ObjectPtr& object) {
    if (object->namespace_() != name) return false;
    const auto& binding = object->as<RoleBinding>();
    std::shared_ptr<const Rules> rules;
    if (binding.roleRef.kind == "ClusterRole") {
      rules = cluster->find(binding.roleRef.name);
    } else if (auto role = roles_->find({name, binding.roleRef.name})) {
      const Rules* held = &role->as<Role>().rules;
      rules = std::shared_ptr<const Rules>(std::move(role), held);
    }
    made->subjects.add("RoleBinding", object->name() + "/" + name, name, binding.subjects,
                       binding.roleRef, rules);
    return true;
  });
  if (namespaces_.size() >= kNamespacesMax) namespaces_.clear();
  namespaces_[name] = made;
  return made;
}

template <class Visit>
void RbacAuthorizer::each_grant(const User& user, std::string_view namespace_, Visit visit) const {
  const auto cluster_wide = cluster();
  if (!cluster_wide->subjects.each_grant(user, visit) || namespace_.empty()) return;
  in_namespace(namespace_, cluster_wide)->subjects.each_grant(user, visit);
}

Decision RbacAuthorizer::authorize(const User& user, const RequestInfo& request) const {
  Decision decision;
  const std::string_view namespace_ =
      request.is_resource ? std::string_view(request.namespace_) : std::string_view();
  each_grant(user, namespace_, [&](const RbacGrant& grant) {
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
  each_grant(user, namespace_, [&](const RbacGrant& grant) {
    if (grant.rules) rules.insert(rules.end(), grant.rules->begin(), grant.rules->end());
    return true;
  });
  return rules;
}

std::optional<std::vector<PolicyRule>> RbacAuthorizer::rules_of_role(
    const RoleRef& reference, std::string_view namespace_) const {
  if (reference.kind == "ClusterRole") {
    const auto rules = cluster()->find(reference.name);
    if (!rules) return std::nullopt;
    return *rules;
  }
  const auto role = roles_->find({std::string(namespace_), reference.name});
  if (!role) return std::nullopt;
  return role->as<Role>().rules;
}

std::vector<PolicyRule> aggregate_rules(const ClusterRole& role,
                                        const std::vector<const ClusterRole*>& all) {
  std::vector<PolicyRule> rules;
  if (!role.aggregationRule) return role.rules;
  // As upstream: by selector, then by name; a role that aggregates brings what it has been given.
  std::vector<const ClusterRole*> seen;
  const auto collect = [&](auto& self, const ClusterRole& aggregated) -> void {
    for (const auto& labels : aggregated.aggregationRule->clusterRoleSelectors) {
      const auto selector = api::LabelSelector::from(labels);
      if (!selector) continue;
      for (const ClusterRole* other : all) {
        if (other->metadata.name == role.metadata.name) continue;
        if (!selector->matches(other->metadata.labels)) continue;
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
