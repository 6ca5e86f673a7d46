// SPDX-License-Identifier: Apache-2.0
#include "controllers/node_lifecycle/health.h"

#include <algorithm>

namespace keelson::controllers::node_lifecycle {

using core::v1::Node;
using core::v1::NodeCondition;

const NodeCondition* find_condition(const Node& node, std::string_view type) {
  const auto found = std::ranges::find(node.status.conditions, type, &NodeCondition::type);
  return found == node.status.conditions.end() ? nullptr : &*found;
}

std::string ready_status(const Node& node) {
  const auto* ready = find_condition(node, "Ready");
  return ready ? ready->status : std::string();
}

Health observe(const std::optional<Health>& known, const Node& node,
               const coordination::v1::Lease* lease, Duration now, Wall wall) {
  const auto* ready = find_condition(node, "Ready");
  Health health = known.value_or(Health{.heartbeat = {}, .renewed = {}, .heard = now});
  if (!known && !ready && node.metadata.creationTimestamp)
    health.heard =
        now - std::max<Duration>(wall - node.metadata.creationTimestamp.point(), Duration::zero());
  const auto heartbeat =
      ready ? std::optional<api::Time>(ready->lastHeartbeatTime) : std::optional<api::Time>();
  if (known && heartbeat != health.heartbeat) health.heard = now;
  health.heartbeat = heartbeat;
  if (lease && lease->spec.renewTime &&
      (!health.renewed || *health.renewed < *lease->spec.renewTime)) {
    health.renewed = lease->spec.renewTime;
    health.heard = now;
  }
  return health;
}

bool mark_silent(Node& node, Wall now) {
  bool changed = false;
  for (const std::string_view type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}) {
    auto& conditions = node.status.conditions;
    const auto found = std::ranges::find(conditions, type, &NodeCondition::type);
    if (found == conditions.end()) {
      conditions.push_back({.type = std::string(type),
                            .status = "Unknown",
                            .lastHeartbeatTime = node.metadata.creationTimestamp,
                            .lastTransitionTime = api::Time(now),
                            .reason = "NodeStatusNeverUpdated",
                            .message = "Kubelet never posted node status."});
    } else if (found->status != "Unknown") {
      found->status = "Unknown";
      found->reason = "NodeStatusUnknown";
      found->message = "Kubelet stopped posting node status.";
      found->lastTransitionTime = api::Time(now);
    } else {
      continue;
    }
    changed = true;
  }
  return changed;
}

}  // namespace keelson::controllers::node_lifecycle
