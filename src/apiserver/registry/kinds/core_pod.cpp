// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_pod.h"

#include "api/codec/json.h"
#include "api/core/v1.h"
#include "apiserver/registry/metadata.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

}  // namespace

void PodStrategy::prepare_for_create(api::Document& object, const CallContext& call) const {
  json::object status{{"phase", "Pending"}};
  // A pod that does not decode is refused by validation, right after.
  if (const auto pod = api::decode<core::v1::Pod>(object)) {
    status["qosClass"] = podspec::qos_name(podspec::qos_class(*pod));
  }
  const auto* gates = api::find_at(object, {"spec", "schedulingGates"});
  if (gates != nullptr && gates->is_array() && !gates->get_array().empty()) {
    status["conditions"] =
        json::array{json::object{{"type", "PodScheduled"},
                                 {"status", "False"},
                                 {"observedGeneration", int_at(object, {"metadata", "generation"})},
                                 {"lastTransitionTime", time_text(call.now)},
                                 {"reason", "SchedulingGated"},
                                 {"message",
                                  "Scheduling is blocked due to non-empty scheduling "
                                  "gates"}}};
  }
  object.get_object()["status"] = std::move(status);
}

std::optional<std::int64_t> PodStrategy::grace_period(const api::Object& object,
                                                      std::optional<std::int64_t> requested) const {
  const auto& pod = object.as<core::v1::Pod>();
  std::int64_t seconds = requested.value_or(pod.spec.terminationGracePeriodSeconds.value_or(30));
  // Nothing runs: nobody would report that it has stopped.
  if (pod.spec.nodeName.empty()) seconds = 0;
  if (pod.status.phase == "Failed" || pod.status.phase == "Succeeded") seconds = 0;
  // Source: upstream, negative ones are taken for the shortest.
  return seconds < 0 ? 1 : seconds;
}

}  // namespace keelson::apiserver
