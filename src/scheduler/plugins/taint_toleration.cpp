// SPDX-License-Identifier: Apache-2.0
// Taints with NoSchedule and NoExecute keep pods away that do not tolerate them; PreferNoSchedule
// makes a node the worse, the more there are.
#include "podspec/placement.h"
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

using podspec::TaintScope;

bool tolerated(const Node& node, const Pod& pod) {
  return !podspec::find_untolerated_taint(node.spec.taints, pod.spec.tolerations,
                                          TaintScope::Scheduling);
}

class TaintToleration final : public FilterPlugin, public ScorePlugin {
 public:
  std::string_view name() const override { return "TaintToleration"; }

  Code filter(const CycleState&, const PodInfo& pod, const NodeInfo& node,
              Reasons& reasons) const override {
    if (!node.tainted() || tolerated(node.node(), *pod.pod)) return Code::Success;
    reasons.add("node(s) had untolerated taint(s)");
    return Code::UnschedulableAndUnresolvable;
  }

  std::int64_t score(const CycleState&, const PodInfo& pod, const NodeInfo& node) const override {
    if (!node.tainted()) return 0;
    std::int64_t untolerated = 0;
    for (const auto& taint : node.node().spec.taints) {
      if (taint.effect != core::v1::TaintEffect::PreferNoSchedule) continue;
      if (!podspec::tolerates(pod.pod->spec.tolerations, taint)) ++untolerated;
    }
    return untolerated;
  }
  void normalize(const CycleState&, const PodInfo&, std::span<const NodeInfo* const>,
                 std::span<std::int64_t> scores) const override {
    normalize_by_highest(scores, true);
  }

  std::vector<EventRegistration> events() const override {
    return {{EventResource::Node, kAdd | kUpdateNodeTaint,
             [](const PodInfo& pod, const ClusterEvent& event) {
               return event.node_now && tolerated(*event.node_now, *pod.pod) &&
                      !(event.node_before && tolerated(*event.node_before, *pod.pod));
             }},
            {EventResource::TargetPod, kUpdatePodToleration, nullptr}};
  }
};

}  // namespace

std::unique_ptr<Plugin> make_taint_toleration() { return std::make_unique<TaintToleration>(); }

}  // namespace keelson::scheduler
