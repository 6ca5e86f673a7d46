// SPDX-License-Identifier: Apache-2.0
#include "scheduler/cluster_event.h"

#include <algorithm>

namespace keelson::scheduler {
namespace {

// Heartbeats move times only; they are no news.
bool same_conditions(const std::vector<core::v1::NodeCondition>& a,
                     const std::vector<core::v1::NodeCondition>& b) {
  return std::ranges::equal(a, b, [](const auto& x, const auto& y) {
    return x.type == y.type && x.status == y.status && x.reason == y.reason;
  });
}

bool asks_for_less(const Resources& before, const Resources& now) {
  if (now.milli_cpu < before.milli_cpu || now.memory < before.memory ||
      now.ephemeral_storage < before.ephemeral_storage) {
    return true;
  }
  return std::ranges::any_of(
      before.scalars, [&](const auto& entry) { return now.scalar(entry.first) < entry.second; });
}

}  // namespace

ActionMask node_changes(const Node& before, const Node& now) {
  ActionMask actions = 0;
  if (before.spec.taints != now.spec.taints ||
      before.spec.unschedulable != now.spec.unschedulable) {
    actions |= kUpdateNodeTaint;
  }
  if (before.status.allocatable != now.status.allocatable) actions |= kUpdateNodeAllocatable;
  if (before.metadata.labels != now.metadata.labels) actions |= kUpdateNodeLabel;
  if (!same_conditions(before.status.conditions, now.status.conditions)) {
    actions |= kUpdateNodeCondition;
  }
  return actions;
}

ActionMask pod_changes(const PodInfo& before, const PodInfo& now) {
  const Pod &old_pod = *before.pod, &new_pod = *now.pod;
  ActionMask actions = 0;
  if (old_pod.metadata.labels != new_pod.metadata.labels) actions |= kUpdatePodLabel;
  if (asks_for_less(before.requests, now.requests)) actions |= kUpdatePodScaleDown;
  if (old_pod.spec.tolerations != new_pod.spec.tolerations) actions |= kUpdatePodToleration;
  if (!old_pod.spec.schedulingGates.empty() && new_pod.spec.schedulingGates.empty()) {
    actions |= kUpdatePodGatesEliminated;
  }
  return actions;
}

}  // namespace keelson::scheduler
