// SPDX-License-Identifier: Apache-2.0
// Pods with scheduling gates wait until whoever set them has removed all.
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

class SchedulingGates final : public PreEnqueuePlugin {
 public:
  std::string_view name() const override { return "SchedulingGates"; }
  bool may_enqueue(const Pod& pod) const override { return pod.spec.schedulingGates.empty(); }
  std::vector<EventRegistration> events() const override {
    return {{EventResource::TargetPod, kUpdatePodGatesEliminated, nullptr}};
  }
};

}  // namespace

std::unique_ptr<Plugin> make_scheduling_gates() { return std::make_unique<SchedulingGates>(); }

}  // namespace keelson::scheduler
