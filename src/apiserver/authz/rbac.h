// SPDX-License-Identifier: Apache-2.0
// RBAC: roles and bindings, read from the caches, as an index by subject. The index is made anew
// when one of them has changed, by the first who asks then; so a change holds at once.
// Source: Kubernetes documentation, "Using RBAC Authorization".
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "api/rbac/v1.h"
#include "apiserver/authz/authorizer.h"
#include "apiserver/cache/cache_set.h"

namespace keelson::apiserver {

struct RbacIndex;

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
  std::shared_ptr<const RbacIndex> index() const;

  const std::shared_ptr<WatchCache> roles_, cluster_roles_, bindings_, cluster_bindings_;
  mutable std::mutex mutex_;
  mutable std::shared_ptr<const RbacIndex> index_;
};

// The rules of an aggregated role: all of the roles that its selectors choose, each once.
std::vector<rbac::v1::PolicyRule> aggregate_rules(
    const rbac::v1::ClusterRole& role, const std::vector<const rbac::v1::ClusterRole*>& all);

}  // namespace keelson::apiserver
