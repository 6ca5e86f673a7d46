// SPDX-License-Identifier: Apache-2.0
// The status of a pod as the API shows it. Pure. Source: upstream kubelet, generateAPIPodStatus,
// getPhase and pkg/kubelet/status; API reference, PodStatus.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kubelet/pod_plan.h"

namespace keelson::kubelet {

// Why a container does not run (yet): "CrashLoopBackOff", "ImagePullBackOff", ...
struct WaitingReason {
  std::string reason, message;
  bool operator==(const WaitingReason&) const = default;
};

// The kubelet's own verdict on the whole pod: Failed with a reason such as "Evicted".
struct PodFailure {
  std::string reason, message;
  // What its containers are given to end, if less than the pod asks for.
  std::optional<std::chrono::seconds> grace = std::nullopt;
  // For the node's sake and no fault of its own: told by the condition DisruptionTarget.
  bool disruption = false;
};

struct StatusInputs {
  const v1::Pod& pod;           // With the status that the API last showed.
  const v1::PodStatus& before;  // What we last said.
  const RuntimePod& runtime;
  const PodHealth& health;
  const std::map<std::string, WaitingReason>& waiting;  // By container name.
  std::vector<std::string> host_ips;
  std::optional<PodFailure> failure;
  bool terminated = false;  // Nothing of it runs, and nothing will any more.
  Wall now{};
};

// With all conditions that are the kubelet's; transition times are those of `before` where nothing
// changed.
v1::PodStatus make_pod_status(const StatusInputs& inputs);

// `ours` with those conditions of `theirs` that are not the kubelet's, as they are. Of a condition
// that others write too (DisruptionTarget), ours counts if there is one.
void keep_foreign_conditions(v1::PodStatus& ours, const v1::PodStatus& theirs);

// Equal but for the order of what has none.
bool same_status(const v1::PodStatus& a, const v1::PodStatus& b);

// Of a pod that is refused or ended before any container was made.
v1::PodStatus failed_status(const v1::Pod& pod, const PodFailure& failure, Wall now);

}  // namespace keelson::kubelet
