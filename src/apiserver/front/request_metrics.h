// SPDX-License-Identifier: Apache-2.0
// Counts and times of requests, under upstream's names.
#pragma once

#include <mutex>
#include <string>
#include <unordered_map>

#include "apiserver/context/request.h"
#include "base/metrics.h"

namespace keelson::apiserver {

class RequestMetrics {
 public:
  explicit RequestMetrics(Metrics& metrics) : metrics_(metrics) {}

  void observe(const CallContext& call, int code, Duration took);
  // Thread-safe; the counter of watch events sent for that kind.
  Counter& watch_events(std::string_view group, std::string_view version, std::string_view kind);

 private:
  Metrics& metrics_;
  std::mutex mutex_;
  struct Series {
    Counter* total;
    Histogram* duration;
  };
  std::unordered_map<std::string, Series> series_;
};

}  // namespace keelson::apiserver
