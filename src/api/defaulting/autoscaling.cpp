// SPDX-License-Identifier: Apache-2.0
// Defaults of autoscaling/v1 and v2.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr std::string_view kScaler = "autoscaling/v2.HorizontalPodAutoscaler";

constexpr Literal kLiterals[] = {
    {"autoscaling/v1.HorizontalPodAutoscaler", "spec.minReplicas", When::Nil, "1"},
    {kScaler, "spec.minReplicas", When::Nil, "1"},
    {kScaler, "spec.metrics", When::Empty,
     R"([{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization",)"
     R"("averageUtilization":80}}}])"},
};

Document policy(std::string_view type, int value) {
  return object{{"type", boost::json::string_view(type)}, {"value", value}, {"periodSeconds", 15}};
}

// How fast to scale, where the object says anything about that.
void behavior(object& value, const Context&) {
  object* spec = find_object(value, "spec");
  object* given = spec ? find_object(*spec, "behavior") : nullptr;
  if (!given) return;
  if (object* up = make_object(*given, "scaleUp")) {
    fill(*up, "stabilizationWindowSeconds", When::Nil, 0);
    fill(*up, "selectPolicy", When::Nil, "Max");
    fill(*up, "policies", When::Nil, array{policy("Pods", 4), policy("Percent", 100)});
  }
  if (object* down = make_object(*given, "scaleDown")) {
    fill(*down, "selectPolicy", When::Nil, "Max");
    fill(*down, "policies", When::Nil, Document(array{policy("Percent", 100)}));
  }
}

constexpr Function kFunctions[] = {{kScaler, behavior}};

}  // namespace

const Rules kAutoscalingRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
