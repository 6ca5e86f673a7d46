// SPDX-License-Identifier: Apache-2.0
// Prefers nodes where, with the pod, the same share of CPU and of memory is taken: what is left of
// one without the other is of no use to anybody.
#include <algorithm>
#include <cmath>

#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

double share(std::int64_t requested, std::int64_t allocatable) {
  return std::min(1.0, static_cast<double>(requested) / static_cast<double>(allocatable));
}

class NodeResourcesBalancedAllocation final : public PreScorePlugin, public ScorePlugin {
 public:
  std::string_view name() const override { return "NodeResourcesBalancedAllocation"; }

  // A pod that requests nothing changes no balance, and should not pile up on balanced nodes.
  Code pre_score(CycleState&, const PodInfo& pod, std::span<const NodeInfo* const>) const override {
    return pod.requests.milli_cpu == 0 && pod.requests.memory == 0 ? Code::Skip : Code::Success;
  }

  std::int64_t score(const CycleState&, const PodInfo& pod, const NodeInfo& node) const override {
    const Resources &limit = node.allocatable(), &used = node.requested();
    double deviation = 0;
    if (limit.milli_cpu > 0 && limit.memory > 0) {
      // The standard deviation of two values.
      deviation = std::abs(share(used.milli_cpu + pod.requests.milli_cpu, limit.milli_cpu) -
                           share(used.memory + pod.requests.memory, limit.memory)) /
                  2;
    }
    return static_cast<std::int64_t>((1 - deviation) * static_cast<double>(kScoreMax));
  }
};

}  // namespace

std::unique_ptr<Plugin> make_node_resources_balanced_allocation() {
  return std::make_unique<NodeResourcesBalancedAllocation>();
}

}  // namespace keelson::scheduler
