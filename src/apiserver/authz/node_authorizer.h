// SPDX-License-Identifier: Apache-2.0
// What a node may do: the rules of system:node, but secrets, config maps, claims, volumes and
// service accounts only where a pod bound to the node refers to them, and of pods, nodes, leases
// and CSI nodes only its own. Source: Kubernetes documentation, "Using Node Authorization";
// KEP-4601.
#pragma once

#include <memory>

#include "apiserver/authz/authorizer.h"
#include "apiserver/cache/cache_set.h"

namespace keelson::apiserver {

// For users system:node:NAME in the group system:nodes; has no opinion about others. `caches`
// outlives it.
std::unique_ptr<Authorizer> make_node_authorizer(const CacheSet& caches);

}  // namespace keelson::apiserver
