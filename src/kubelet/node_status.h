// SPDX-License-Identifier: Apache-2.0
// The Node object of this node. Pure. Source: API reference, Node; upstream pkg/kubelet/nodestatus.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "kubelet/host.h"
#include "kubelet/options.h"

namespace keelson::kubelet {

struct NodePressure {
  bool memory = false, disk = false, pids = false;
  bool operator==(const NodePressure&) const = default;
};

struct NodeInputs {
  const KubeletOptions& options;
  const MachineInfo& machine;
  std::string runtime_version;  // "containerd://1.6.20"
  std::vector<cri::v1::Image> images;
  NodePressure pressure;
  std::vector<std::string> problems;  // Why it is not ready; empty: it is.
  Wall now{};
};

podspec::ResourceList node_capacity(const KubeletOptions& options, const MachineInfo& machine);
// Capacity without what the system keeps and what eviction defends.
podspec::ResourceList node_allocatable(const KubeletOptions& options, const MachineInfo& machine);

// As it registers: labels, taints and the first status.
v1::Node make_node(const NodeInputs& inputs);
// The labels and annotations that a kubelet owns; true if something changed.
bool reconcile_metadata(const KubeletOptions& options, const MachineInfo& machine, v1::Node& node);
// Brings the status up to date, conditions of others as they are. True if more than times changed.
bool reconcile_status(const NodeInputs& inputs, v1::Node& node);

// Thresholds of eviction against measures.
class PressureGauge final {
 public:
  explicit PressureGauge(EvictionThresholds thresholds) : thresholds_(thresholds) {}

  struct Reading {
    NodePressure now;   // What to act on.
    NodePressure held;  // What to show: it stays until it has been away for `pressure_transition`.
  };
  Reading observe(const MachineUsage& usage, Wall now);

 private:
  bool hold(std::optional<Wall>& last, bool under_pressure, Wall now) const;

  const EvictionThresholds thresholds_;
  std::optional<Wall> memory_, disk_, pids_;
};

}  // namespace keelson::kubelet
