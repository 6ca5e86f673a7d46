// SPDX-License-Identifier: Apache-2.0
// What happens in the cluster, as far as it may help a pod that fits nowhere.
// Source: upstream's scheduler, queueing hints (KEP-4247).
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "scheduler/pod_info.h"

namespace keelson::scheduler {

enum class EventResource : std::uint8_t {
  AssignedPod,  // A pod that has, or had, a node.
  TargetPod,    // The very pod that waits.
  Node,
};

enum Action : std::uint32_t {
  kAdd = 1 << 0,
  kDelete = 1 << 1,
  kUpdateNodeAllocatable = 1 << 2,
  kUpdateNodeLabel = 1 << 3,
  kUpdateNodeTaint = 1 << 4,
  kUpdateNodeCondition = 1 << 5,
  kUpdatePodLabel = 1 << 6,
  kUpdatePodScaleDown = 1 << 7,  // It asks for less than before.
  kUpdatePodToleration = 1 << 8,
  kUpdatePodGatesEliminated = 1 << 9,  // It has no scheduling gates any more.
};
using ActionMask = std::uint32_t;

struct ClusterEvent {
  EventResource resource = EventResource::Node;
  ActionMask actions = 0;
  // Of the resource; what does not apply, or is not there before an Add or after a Delete, is null.
  PodInfoPtr pod_before, pod_now;
  NodePtr node_before, node_now;
};

// Whether an event that concerns a plugin may make a pod schedulable that the plugin had refused.
using QueueingHint = std::function<bool(const PodInfo& waiting, const ClusterEvent& event)>;

struct EventRegistration {
  EventResource resource;
  ActionMask actions;
  QueueingHint hint;  // Null: it always may.
};

// A set of plugins by their number in the profile.
using PluginSet = std::uint64_t;

// What changed from one version to the next; 0 if nothing that anybody waits for.
ActionMask node_changes(const Node& before, const Node& now);
ActionMask pod_changes(const PodInfo& before, const PodInfo& now);

}  // namespace keelson::scheduler
