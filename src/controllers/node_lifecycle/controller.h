// SPDX-License-Identifier: Apache-2.0
// Notices nodes that have gone silent, marks them and their pods, and taints them: NoSchedule at
// once, NoExecute at a limited rate by zone. The taint eviction controller does the rest.
// Source: KEP-166 (taint-based eviction), KEP-589 (node Leases).
#pragma once

#include <memory>

#include "controllers/controller.h"
#include "controllers/node_lifecycle/disruption.h"

namespace keelson::controllers {

struct NodeLifecycleOptions {
  Duration check_interval = std::chrono::seconds(5);  // --node-monitor-period
  Duration grace_period = std::chrono::seconds(50);   // --node-monitor-grace-period
  Duration startup_grace = std::chrono::seconds(60);  // --node-startup-grace-period
  node_lifecycle::EvictionRates rates = {};
};

std::unique_ptr<Controller> make_node_lifecycle_controller(ControllerContext& context,
                                                           NodeLifecycleOptions options = {});

}  // namespace keelson::controllers
