// SPDX-License-Identifier: Apache-2.0
// Notices nodes that have gone silent: marks them Unknown, taints them, and evicts their pods when
// what they tolerate is over. Source: KEP-166 (taint-based eviction), KEP-589 (node Leases).
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

struct NodeLifecycleOptions {
  Duration check_interval = std::chrono::seconds(5);   // --node-monitor-period
  Duration grace_period = std::chrono::seconds(50);    // --node-monitor-grace-period
  Duration startup_grace = std::chrono::seconds(60);   // --node-startup-grace-period
};

std::unique_ptr<Controller> make_node_lifecycle_controller(ControllerContext& context,
                                                           NodeLifecycleOptions options = {});
// Deletes pods whose node has a NoExecute taint that they do not, or no longer, tolerate.
std::unique_ptr<Controller> make_taint_eviction_controller(ControllerContext& context);

}  // namespace keelson::controllers
