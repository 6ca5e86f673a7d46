// SPDX-License-Identifier: Apache-2.0
// Deletes pods whose node has a NoExecute taint that they do not, or no longer, tolerate.
// Source: Kubernetes documentation, "Taints and Tolerations"; upstream's tainteviction.
#pragma once

#include <memory>
#include <optional>

#include "api/core/v1.h"
#include "controllers/controller.h"

namespace keelson::controllers {

// How long the pod may stay on a node with these taints: nothing means for ever. Counts from when
// both the taint and the pod were there. Pure.
std::optional<Duration> tolerated_time(const core::v1::Pod& pod,
                                       const std::vector<core::v1::Taint>& taints, Wall now);

std::unique_ptr<Controller> make_taint_eviction_controller(ControllerContext& context);

}  // namespace keelson::controllers
