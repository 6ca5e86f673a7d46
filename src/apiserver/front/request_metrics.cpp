// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/request_metrics.h"

#include "apiserver/flowcontrol/limiter.h"

namespace keelson::apiserver {
namespace {

// Seconds; upstream's buckets for apiserver_request_duration_seconds.
constexpr double kBounds[] = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2,
                              3,     4,     5,    6,   8,   10,  15,  20,  30,  45,   60};

// Series beyond this are counted together: paths and codes come from clients.
constexpr std::size_t kSeriesMax = 5000;

std::string upper(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

std::string verb_label(const RequestInfo& info) {
  if (!info.is_resource) return upper(info.verb);
  if (info.verb == "create") return "POST";
  if (info.verb == "update") return "PUT";
  if (info.verb == "patch") return "PATCH";
  return upper(info.verb);
}

std::string_view scope_label(const RequestInfo& info) {
  if (!info.is_resource) return "";
  if (!info.name.empty()) return "resource";
  return info.namespace_.empty() ? "cluster" : "namespace";
}

}  // namespace

void RequestMetrics::observe(const CallContext& call, int code, Duration took) {
  const RequestInfo& info = call.info;
  std::string key = info.verb;
  key.append(" ").append(info.group).append(" ").append(info.version).append(" ");
  key.append(info.resource).append(" ").append(info.subresource).append(" ");
  key.append(scope_label(info)).append(" ").append(std::to_string(code));
  Series series{};
  {
    std::lock_guard lock(mutex_);
    auto found = series_.find(key);
    if (found == series_.end() && series_.size() < kSeriesMax) {
      MetricLabels common{{"group", info.group},
                          {"resource", info.resource},
                          {"scope", std::string(scope_label(info))},
                          {"subresource", info.subresource},
                          {"verb", verb_label(info)},
                          {"version", info.version}};
      MetricLabels coded = common;
      coded.insert(coded.begin(), {"code", std::to_string(code)});
      Series made{&metrics_.counter("apiserver_request_total",
                                    "Counter of apiserver requests broken out for each verb, "
                                    "resource, scope and HTTP response code.",
                                    std::move(coded)),
                  &metrics_.histogram("apiserver_request_duration_seconds",
                                      "Response latency distribution in seconds for each verb, "
                                      "group, version, resource, subresource and scope.",
                                      kBounds, std::move(common))};
      found = series_.emplace(std::move(key), made).first;
    }
    if (found == series_.end()) return;
    series = found->second;
  }
  series.total->add();
  if (!FlowLimiter::is_long_running(info)) {
    series.duration->observe(std::chrono::duration<double>(took).count());
  }
}

Counter& RequestMetrics::watch_events(std::string_view group, std::string_view version,
                                      std::string_view kind) {
  return metrics_.counter("apiserver_watch_events_total", "Number of events sent in watch clients",
                          {{"group", std::string(group)},
                           {"kind", std::string(kind)},
                           {"version", std::string(version)}});
}

}  // namespace keelson::apiserver
