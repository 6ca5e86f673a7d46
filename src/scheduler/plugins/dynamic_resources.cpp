// SPDX-License-Identifier: Apache-2.0
// Devices are not allocated by this scheduler: pods that claim some are kept waiting instead of
// being started without. For all others it says what upstream's plugin says, which is part of the
// text that users see.
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

class DynamicResources final : public PreFilterPlugin, public PostFilterPlugin {
 public:
  std::string_view name() const override { return "DynamicResources"; }

  PreFilterResult pre_filter(CycleState&, const PodInfo& pod, const NodeList&) const override {
    if (pod.pod->spec.resourceClaims.empty()) {
      return {.code = Code::Skip, .message = {}, .node_names = {}};
    }
    return {.code = Code::UnschedulableAndUnresolvable,
            .message = "resource claims cannot be allocated by this scheduler",
            .node_names = {}};
  }

  Answer post_filter(const CycleState&, const PodInfo&, const Diagnosis&) override {
    Answer answer;
    answer.message = "no new claims to deallocate";
    return answer;
  }
};

}  // namespace

std::unique_ptr<Plugin> make_dynamic_resources() { return std::make_unique<DynamicResources>(); }

}  // namespace keelson::scheduler
