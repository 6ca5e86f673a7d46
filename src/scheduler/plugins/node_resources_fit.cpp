// SPDX-License-Identifier: Apache-2.0
// What all pods of a node request together stays within what it can give. Scores by LeastAllocated:
// the more of CPU and memory is left, the better.
#include <algorithm>

#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

// "Insufficient example.com/gpu", made once a pod.
struct FitState final : PluginState {
  std::vector<std::string> scalar_reasons;  // In the order of the request.
  std::unique_ptr<PluginState> clone() const override { return std::make_unique<FitState>(*this); }
};

bool fits_empty(const Resources& wanted, const Resources& allocatable) {
  return allocatable.pods > 0 && wanted.milli_cpu <= allocatable.milli_cpu &&
         wanted.memory <= allocatable.memory &&
         wanted.ephemeral_storage <= allocatable.ephemeral_storage &&
         std::ranges::all_of(wanted.scalars, [&](const auto& entry) {
           return entry.second <= allocatable.scalar(entry.first);
         });
}

// Whether any resource that the pod asks for has become more.
bool grew(const Resources& wanted, const Resources& before, const Resources& now) {
  return now.pods > before.pods || (wanted.milli_cpu > 0 && now.milli_cpu > before.milli_cpu) ||
         (wanted.memory > 0 && now.memory > before.memory) ||
         (wanted.ephemeral_storage > 0 && now.ephemeral_storage > before.ephemeral_storage) ||
         std::ranges::any_of(wanted.scalars, [&](const auto& entry) {
           return entry.second > 0 && now.scalar(entry.first) > before.scalar(entry.first);
         });
}

std::int64_t least_allocated(std::int64_t requested, std::int64_t allocatable) {
  return requested > allocatable ? 0 : (allocatable - requested) * kScoreMax / allocatable;
}

class NodeResourcesFit final : public PreFilterPlugin, public FilterPlugin, public ScorePlugin {
 public:
  std::string_view name() const override { return "NodeResourcesFit"; }

  PreFilterResult pre_filter(CycleState& state, const PodInfo& pod,
                             const NodeList&) const override {
    if (!pod.requests.scalars.empty()) {
      FitState& own = state.put(*this, std::make_unique<FitState>());
      for (const auto& [resource, amount] : pod.requests.scalars) {
        own.scalar_reasons.push_back("Insufficient " + resource);
      }
    }
    return {};
  }

  Code filter(const CycleState& state, const PodInfo& pod, const NodeInfo& node,
              Reasons& reasons) const override {
    const Resources &wanted = pod.requests, &limit = node.allocatable(), &used = node.requested();
    Code code = Code::Success;
    // A node that is too small even when empty gains nothing from preemption.
    const auto check = [&](std::int64_t amount, std::int64_t allocatable, std::int64_t requested,
                           std::string_view reason) {
      if (amount <= 0 || amount <= allocatable - requested) return;
      reasons.add(reason);
      if (amount > allocatable) {
        code = Code::UnschedulableAndUnresolvable;
      } else if (code == Code::Success) {
        code = Code::Unschedulable;
      }
    };
    if (std::ssize(node.pods()) + 1 > limit.pods) {
      reasons.add("Too many pods");
      code = Code::Unschedulable;
    }
    check(wanted.milli_cpu, limit.milli_cpu, used.milli_cpu, "Insufficient cpu");
    check(wanted.memory, limit.memory, used.memory, "Insufficient memory");
    check(wanted.ephemeral_storage, limit.ephemeral_storage, used.ephemeral_storage,
          "Insufficient ephemeral-storage");
    if (!wanted.scalars.empty()) {
      const FitState* own = state.find<FitState>(*this);
      for (std::size_t i = 0; i < wanted.scalars.size(); ++i) {
        const auto& [resource, amount] = wanted.scalars[i];
        check(amount, limit.scalar(resource), used.scalar(resource), own->scalar_reasons[i]);
      }
    }
    return code;
  }

  std::int64_t score(const CycleState&, const PodInfo& pod, const NodeInfo& node) const override {
    std::int64_t sum = 0, count = 0;
    const auto weigh = [&](std::int64_t requested, std::int64_t allocatable) {
      if (allocatable <= 0) return;
      sum += least_allocated(requested, allocatable);
      ++count;
    };
    weigh(node.nonzero_milli_cpu() + pod.nonzero_milli_cpu, node.allocatable().milli_cpu);
    weigh(node.nonzero_memory() + pod.nonzero_memory, node.allocatable().memory);
    return count == 0 ? 0 : sum / count;
  }

  std::vector<EventRegistration> events() const override {
    return {{EventResource::AssignedPod, kDelete | kUpdatePodScaleDown, nullptr},
            {EventResource::TargetPod, kUpdatePodScaleDown, nullptr},
            {EventResource::Node, kAdd | kUpdateNodeAllocatable,
             [](const PodInfo& pod, const ClusterEvent& event) {
               if (!event.node_now) return false;
               const Resources now = Resources::of(event.node_now->status.allocatable);
               if (!fits_empty(pod.requests, now)) return false;
               return !event.node_before ||
                      grew(pod.requests, Resources::of(event.node_before->status.allocatable), now);
             }}};
  }
};

}  // namespace

std::unique_ptr<Plugin> make_node_resources_fit() { return std::make_unique<NodeResourcesFit>(); }

}  // namespace keelson::scheduler
