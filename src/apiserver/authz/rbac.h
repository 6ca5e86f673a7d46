// SPDX-License-Identifier: Apache-2.0
// RBAC: roles and bindings, read from the caches, as an index by subject. What has changed since is
// indexed anew by the first who asks then, so a change holds at once: all that is cluster-wide
// together, and each namespace on its own.
// Source: Kubernetes documentation, "Using RBAC Authorization".
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "api/rbac/v1.h"
#include "apiserver/authz/authorizer.h"
#include "apiserver/cache/cache_set.h"

namespace keelson::apiserver {

struct ClusterRbac;
struct NamespaceRbac;

// Thread-safe.
class RbacAuthorizer final : public Authorizer {
 public:
  // `caches` outlives it.
  explicit RbacAuthorizer(const CacheSet& caches);
  ~RbacAuthorizer() override;

  Decision authorize(const User& user, const RequestInfo& request) const override;

  // All that `user` may do in that namespace, cluster-wide rules included; `namespace_` empty: only
  // those.
  std::vector<rbac::v1::PolicyRule> rules_of(const User& user, std::string_view namespace_) const;

  // The rules that a role reference stands for, those of aggregated roles included. Nothing if
  // there is no such role. `namespace_`: of the binding.
  std::optional<std::vector<rbac::v1::PolicyRule>> rules_of_role(const rbac::v1::RoleRef& reference,
                                                                 std::string_view namespace_) const;

 private:
  std::shared_ptr<const ClusterRbac> cluster() const;
  std::shared_ptr<const NamespaceRbac> in_namespace(
      std::string_view namespace_, const std::shared_ptr<const ClusterRbac>& cluster) const;
  // visit(grant) for each that applies, until it returns false.
  template <class Visit>
  void each_grant(const User& user, std::string_view namespace_, Visit visit) const;

  const std::shared_ptr<WatchCache> roles_, cluster_roles_, bindings_, cluster_bindings_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const ClusterRbac> cluster_;
  mutable std::unordered_map<std::string, std::shared_ptr<const NamespaceRbac>> namespaces_;
};

// The rules of an aggregated role: all of the roles that its selectors choose, each once.
std::vector<rbac::v1::PolicyRule> aggregate_rules(
    const rbac::v1::ClusterRole& role, const std::vector<const rbac::v1::ClusterRole*>& all);

}  // namespace keelson::apiserver
