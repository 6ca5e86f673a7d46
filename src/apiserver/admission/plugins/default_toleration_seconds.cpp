// SPDX-License-Identifier: Apache-2.0
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

// Source: upstream, --default-not-ready-toleration-seconds and its kin.
constexpr std::int64_t kTolerationSeconds = 300;

bool tolerates(const json::array& tolerations, std::string_view taint) {
  for (const auto& toleration : tolerations) {
    const auto key = api::string_at(toleration, {"key"});
    const auto effect = api::string_at(toleration, {"effect"});
    if ((key == taint || key.empty()) && (effect == "NoExecute" || effect.empty())) return true;
  }
  return false;
}

class DefaultTolerationSeconds final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "DefaultTolerationSeconds"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    const bool writes =
        request.operation == Operation::Create || request.operation == Operation::Update;
    if (!is_request_for(request, "", "pods") || !writes) co_return Result<void>{};
    const auto* present = api::find_at(*request.object, {"spec", "tolerations"});
    const json::array before =
        present != nullptr && present->is_array() ? present->get_array() : json::array();
    for (const std::string_view taint :
         {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
      if (tolerates(before, taint)) continue;
      array_at(*request.object, {"spec"}, "tolerations")
          .push_back(json::object{{"key", taint},
                                  {"operator", "Exists"},
                                  {"effect", "NoExecute"},
                                  {"tolerationSeconds", kTolerationSeconds}});
    }
    co_return Result<void>{};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_default_toleration_seconds() {
  return std::make_unique<DefaultTolerationSeconds>();
}

}  // namespace keelson::apiserver
