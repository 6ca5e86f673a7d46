// SPDX-License-Identifier: Apache-2.0
#include "apiserver/flowcontrol/limiter.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kInflight = "apiserver_current_inflight_requests";
constexpr std::string_view kInflightHelp =
    "Maximal number of currently used inflight request limit of this apiserver per request kind in "
    "last second.";

bool is_reading(const RequestInfo& request) {
  return request.verb == "get" || request.verb == "list" || request.verb == "watch";
}

}  // namespace

FlowLimiter::FlowLimiter(FlowLimits limits, Metrics& metrics)
    : limits_(limits),
      reading_(metrics.gauge(kInflight, kInflightHelp, {{"request_kind", "readOnly"}})),
      mutating_(metrics.gauge(kInflight, kInflightHelp, {{"request_kind", "mutating"}})) {}

bool FlowLimiter::is_long_running(const RequestInfo& request) {
  if (request.verb == "watch") return true;
  for (const std::string_view name : {"attach", "exec", "log", "portforward", "proxy"}) {
    if (request.subresource == name) return true;
  }
  return false;
}

Result<FlowLimiter::Permit> FlowLimiter::enter(const User& user, const RequestInfo& request) {
  if (is_long_running(request)) return Permit();
  const bool reading = is_reading(request);
  Gauge& gauge = reading ? reading_ : mutating_;
  gauge.add(1);
  Permit permit(&gauge);
  const int limit = reading ? limits_.reading : limits_.mutating;
  if (gauge.value() > limit && !user.in_group("system:masters")) {
    return fail(Status(Reason::TooManyRequests, "Too many requests, please try again later.")
                    .with_retry_after(1));
  }
  return permit;
}

}  // namespace keelson::apiserver
