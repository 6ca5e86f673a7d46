// SPDX-License-Identifier: Apache-2.0
// The roles and bindings that every cluster has, and how they are made and mended at each start.
// Source: Kubernetes documentation, "Default roles and role bindings".
#pragma once

#include <span>
#include <string_view>

#include "apiserver/cache/cache_set.h"
#include "base/task.h"
#include "client/client.h"

namespace keelson::apiserver {

// A role that is built in. Fields with several values separate them: rules (parse_rule) by ';',
// labels ("key=value", without the common prefix rbac.authorization.kubernetes.io/) by ','.
struct PolicyRole {
  std::string_view name;
  std::string_view rules;
  std::string_view labels = {};
  std::string_view aggregates = {};  // The label that the roles carry which it is made of.
  std::string_view namespace_ = {};  // Empty: a ClusterRole.
};

// Subjects by ',': "User:x", "Group:x", "ServiceAccount:namespace:name". A binding in a namespace
// is to the Role of that namespace.
struct PolicyBinding {
  std::string_view name;
  std::string_view role;
  std::string_view subjects;
  std::string_view namespace_ = {};
};

// rbac_policy_roles.cpp, rbac_policy_controllers.cpp
std::span<const PolicyRole> policy_roles();
std::span<const PolicyRole> policy_controller_roles();
std::span<const PolicyBinding> policy_bindings();
// The rules of the role system:node, which the node authorizer applies.
std::string_view policy_node_rules();

// Makes what is missing. Where an object exists, missing rules and subjects are added, unless its
// annotation rbac.authorization.kubernetes.io/autoupdate is "false". Errors: those of the client.
Task<Result<void>> reconcile_policy(client::Client& client, const CacheSet& caches);

}  // namespace keelson::apiserver
