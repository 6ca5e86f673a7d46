// SPDX-License-Identifier: Apache-2.0
// Binding a pod to a node, and evicting it.
#pragma once

#include "api/document.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {

// `binding` is a core/v1 Binding, `eviction` a policy/v1 Eviction. Both return a Status.
Task<Result<api::Document>> bind_pod(Registry& registry, CallContext& call, api::ObjectKey key,
                                     api::Document binding);
Task<Result<api::Document>> evict_pod(Registry& registry, CallContext& call, api::ObjectKey key,
                                      api::Document eviction);

}  // namespace keelson::apiserver
