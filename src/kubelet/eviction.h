// SPDX-License-Identifier: Apache-2.0
// Which pod goes when the node runs short. Pure. Source: "Node-pressure Eviction": pods over their
// requests first, then by priority, then by how far over.
#pragma once

#include <optional>
#include <span>

#include "kubelet/node_status.h"
#include "kubelet/pod_status.h"

namespace keelson::kubelet {

struct Victim {
  PodPtr pod;
  PodFailure failure;  // Reason "Evicted", with hardly any time to end.
};
// One at a time: its end may be enough. Nothing when no pod may be evicted.
std::optional<Victim> choose_victim(std::span<const PodPtr> pods,
                                    std::span<const cri::v1::ContainerStats> stats,
                                    const NodePressure& pressure);

// Whether the pod limits what it writes on the node, so that it has to be measured.
bool limits_disk_use(const v1::Pod& pod);
// How a pod ends that has written more than it may: in an emptyDir, all together, or in one
// container. Source: upstream's localStorageEviction.
std::optional<PodFailure> over_disk_limits(const v1::Pod& pod, const PodDiskUse& use,
                                           std::span<const cri::v1::ContainerStats> stats);

}  // namespace keelson::kubelet
