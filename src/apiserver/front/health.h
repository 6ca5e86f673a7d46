// SPDX-License-Identifier: Apache-2.0
// /healthz, /livez and /readyz, as a whole, check by check, and in words.
// Source: Kubernetes documentation, "Kubernetes API health endpoints".
#pragma once

#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "apiserver/context/routes.h"

namespace keelson::apiserver {

class HealthChecks {
 public:
  // Reads only what is in memory. The reason of a failure is logged, not shown.
  using Check = std::function<Result<void>()>;
  enum class Scope : std::uint8_t { All, ReadyOnly };

  // At any time. Thread-safe.
  void add(std::string name, Scope scope, Check check);
  // Adds the routes; the checks must outlive them.
  void serve(Routes& routes);

 private:
  struct Entry {
    std::string name;
    Scope scope;
    Check check;
  };
  Task<Result<net::HttpResponse>> answer(std::string endpoint, const RouteRequest& request);

  std::mutex mutex_;
  std::vector<Entry> checks_;
};

}  // namespace keelson::apiserver
