// SPDX-License-Identifier: Apache-2.0
// Events of events.k8s.io/v1 are those of core/v1 under newer names; the older names that are still
// filled in are called deprecated* there. Source: upstream apis/events/v1 conversion.
#include "apiserver/registry/conversion/convert.h"

namespace keelson::apiserver {
namespace {

struct Renamed {
  std::string_view core, events;
};
constexpr Renamed kRenamed[] = {
    {"involvedObject", "regarding"},
    {"message", "note"},
    {"reportingComponent", "reportingController"},
    {"source", "deprecatedSource"},
    {"firstTimestamp", "deprecatedFirstTimestamp"},
    {"lastTimestamp", "deprecatedLastTimestamp"},
    {"count", "deprecatedCount"},
};

void rename(boost::json::object& object, std::string_view from, std::string_view to) {
  auto* value = object.if_contains(from);
  if (value == nullptr) return;
  boost::json::value moved = std::move(*value);
  object.erase(from);
  object[to] = std::move(moved);
}

}  // namespace

void event_to_core(api::Document& event) {
  for (const auto& [core, events] : kRenamed) rename(event.get_object(), events, core);
}

void event_from_core(api::Document& event) {
  for (const auto& [core, events] : kRenamed) rename(event.get_object(), core, events);
}

}  // namespace keelson::apiserver
