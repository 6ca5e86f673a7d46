// SPDX-License-Identifier: Apache-2.0
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kNotReady = "node.kubernetes.io/not-ready";

class TaintNodesByCondition final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "TaintNodesByCondition"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (!is_request_for(request, "", "nodes") || request.operation != Operation::Create) {
      co_return Result<void>{};
    }
    auto& taints = array_at(*request.object, {"spec"}, "taints");
    for (const auto& taint : taints) {
      if (api::string_at(taint, {"key"}) == kNotReady &&
          api::string_at(taint, {"effect"}) == "NoSchedule") {
        co_return Result<void>{};
      }
    }
    taints.push_back(boost::json::object{{"key", kNotReady}, {"effect", "NoSchedule"}});
    co_return Result<void>{};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_taint_nodes_by_condition() {
  return std::make_unique<TaintNodesByCondition>();
}

}  // namespace keelson::apiserver
