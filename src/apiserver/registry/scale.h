// SPDX-License-Identifier: Apache-2.0
// The scale subresource: the replicas of a workload as an autoscaling/v1 Scale.
#pragma once

#include "api/document.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {

// `object` is a Deployment, ReplicaSet, StatefulSet or ReplicationController.
api::Document scale_of(const api::Document& object);

Task<Result<api::ObjectPtr>> get_scale(Registry& registry, const api::Resource& resource,
                                       api::ObjectKey key);
Task<Result<Written>> update_scale(Registry& registry, CallContext& call,
                                   const api::Resource& resource, api::ObjectKey key, Body body);
Task<Result<Written>> patch_scale(Registry& registry, CallContext& call,
                                  const api::Resource& resource, api::ObjectKey key, PatchKind kind,
                                  std::string patch);

}  // namespace keelson::apiserver
