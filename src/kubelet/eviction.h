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
  PodFailure failure;  // Reason "Evicted".
};
// One at a time: its end may be enough. Nothing when no pod may be evicted.
std::optional<Victim> choose_victim(std::span<const PodPtr> pods,
                                    std::span<const cri::v1::ContainerStats> stats,
                                    const NodePressure& pressure);

}  // namespace keelson::kubelet
