// SPDX-License-Identifier: Apache-2.0
// A pod that names its node goes there or nowhere.
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

class NodeName final : public FilterPlugin {
 public:
  std::string_view name() const override { return "NodeName"; }

  // Unresolvable: preempting this node's pods cannot change its name.
  Code filter(const CycleState&, const PodInfo& pod, const NodeInfo& node,
              Reasons& reasons) const override {
    const auto& requested = pod.pod->spec.nodeName;
    if (requested.empty() || requested == node.name()) return Code::Success;
    reasons.add("node(s) didn't match the requested node name");
    return Code::UnschedulableAndUnresolvable;
  }

  std::vector<EventRegistration> events() const override {
    return {{EventResource::Node, kAdd, [](const PodInfo& pod, const ClusterEvent& event) {
               return event.node_now && event.node_now->metadata.name == pod.pod->spec.nodeName;
             }}};
  }
};

}  // namespace

std::unique_ptr<Plugin> make_node_name() { return std::make_unique<NodeName>(); }

}  // namespace keelson::scheduler
