// SPDX-License-Identifier: Apache-2.0
// A port of the host belongs to one pod of the node.
#include <algorithm>

#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

bool conflict(const std::vector<HostPort>& wanted, const std::vector<HostPort>& used) {
  return std::ranges::any_of(wanted, [&](const HostPort& port) {
    return std::ranges::any_of(used,
                               [&](const HostPort& other) { return port.conflicts_with(other); });
  });
}

class NodePorts final : public PreFilterPlugin, public FilterPlugin {
 public:
  std::string_view name() const override { return "NodePorts"; }

  PreFilterResult pre_filter(CycleState&, const PodInfo& pod, const NodeList&) const override {
    return {.code = pod.host_ports.empty() ? Code::Skip : Code::Success,
            .message = {},
            .node_names = {}};
  }

  Code filter(const CycleState&, const PodInfo& pod, const NodeInfo& node,
              Reasons& reasons) const override {
    if (!conflict(pod.host_ports, node.used_ports())) return Code::Success;
    reasons.add("node(s) didn't have free ports for the requested pod ports");
    return Code::Unschedulable;
  }

  std::vector<EventRegistration> events() const override {
    return {{EventResource::AssignedPod, kDelete,
             [](const PodInfo& pod, const ClusterEvent& event) {
               return event.pod_before && conflict(pod.host_ports, event.pod_before->host_ports);
             }},
            {EventResource::Node, kAdd, nullptr}};
  }
};

}  // namespace

std::unique_ptr<Plugin> make_node_ports() { return std::make_unique<NodePorts>(); }

}  // namespace keelson::scheduler
