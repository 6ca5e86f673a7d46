// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_pod.h"

#include <algorithm>
#include <map>

#include "api/core/v1.h"
#include "api/quantity.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using Amounts = std::map<std::string, api::Quantity, std::less<>>;

constexpr std::string_view kClassResources[] = {"cpu", "memory"};

// Adds to `total` what is above zero in `list`; returns which of the resources these were.
int add_amounts(Amounts& total, const api::Document* list) {
  int found = 0;
  if (list == nullptr || !list->is_object()) return found;
  for (std::size_t i = 0; i < std::size(kClassResources); ++i) {
    const auto* value = list->get_object().if_contains(kClassResources[i]);
    if (value == nullptr || !value->is_string()) continue;
    const auto amount = api::Quantity::parse(value->get_string());
    if (!amount || *amount <= api::Quantity()) continue;
    found |= 1 << i;
    auto [entry, is_new] = total.try_emplace(std::string(kClassResources[i]), *amount);
    if (!is_new) entry->second += *amount;
  }
  return found;
}

constexpr int kAllResources = 3;

}  // namespace

std::string_view qos_class(const api::Document& pod) {
  Amounts requests, limits;
  bool guaranteed = true;
  // The pod's own resources decide, where it has any.
  const auto* own = api::find_at(pod, {"spec", "resources"});
  const auto add = [&](const api::Document& holder) {
    add_amounts(requests, api::find_at(holder, {"requests"}));
    if (add_amounts(limits, api::find_at(holder, {"limits"})) != kAllResources) guaranteed = false;
  };
  if (own != nullptr && (api::find_at(*own, {"requests"}) || api::find_at(*own, {"limits"}))) {
    add(*own);
  } else {
    for (const std::string_view list : {"containers", "initContainers"}) {
      const auto* containers = api::find_at(pod, {"spec", list});
      if (containers == nullptr || !containers->is_array()) continue;
      for (const auto& container : containers->get_array()) {
        const auto* resources = api::find_at(container, {"resources"});
        if (resources != nullptr) {
          add(*resources);
        } else {
          guaranteed = false;
        }
      }
    }
  }
  if (requests.empty() && limits.empty()) return "BestEffort";
  return guaranteed && requests == limits ? "Guaranteed" : "Burstable";
}

void PodStrategy::prepare_for_create(api::Document& object, const CallContext& call) const {
  json::object status{{"phase", "Pending"}, {"qosClass", qos_class(object)}};
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
