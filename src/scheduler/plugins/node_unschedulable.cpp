// SPDX-License-Identifier: Apache-2.0
// Cordoned nodes take only pods that tolerate that.
#include "podspec/placement.h"
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

bool accepts(const Node& node, const Pod& pod) {
  if (!node.spec.unschedulable) return true;
  static const core::v1::Taint kCordon = {.key = "node.kubernetes.io/unschedulable",
                                          .effect = std::string(core::v1::TaintEffect::NoSchedule)};
  return podspec::tolerates(pod.spec.tolerations, kCordon);
}

class NodeUnschedulable final : public FilterPlugin {
 public:
  std::string_view name() const override { return "NodeUnschedulable"; }

  Code filter(const CycleState&, const PodInfo& pod, const NodeInfo& node,
              Reasons& reasons) const override {
    if (!node.unschedulable() || accepts(node.node(), *pod.pod)) return Code::Success;
    reasons.add("node(s) were unschedulable");
    return Code::UnschedulableAndUnresolvable;
  }

  std::vector<EventRegistration> events() const override {
    return {{EventResource::Node, kAdd | kUpdateNodeTaint,
             [](const PodInfo& pod, const ClusterEvent& event) {
               return event.node_now && accepts(*event.node_now, *pod.pod);
             }},
            {EventResource::TargetPod, kUpdatePodToleration, nullptr}};
  }
};

}  // namespace

std::unique_ptr<Plugin> make_node_unschedulable() { return std::make_unique<NodeUnschedulable>(); }

}  // namespace keelson::scheduler
