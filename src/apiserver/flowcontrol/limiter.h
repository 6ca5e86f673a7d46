// SPDX-License-Identifier: Apache-2.0
// How many requests are served at once. Priority and fairness will take this place.
// Source: upstream, --max-requests-inflight and --max-mutating-requests-inflight.
#pragma once

#include <atomic>
#include <utility>

#include "apiserver/request.h"
#include "base/metrics.h"

namespace keelson::apiserver {

struct FlowLimits {
  int reading = 400;
  int mutating = 200;
};

class FlowLimiter {
 public:
  FlowLimiter(FlowLimits limits, Metrics& metrics);

  // A request's place; given back when destroyed.
  class Permit {
   public:
    Permit() = default;
    explicit Permit(Gauge* gauge) : gauge_(gauge) {}
    Permit(Permit&& other) noexcept : gauge_(std::exchange(other.gauge_, nullptr)) {}
    Permit& operator=(Permit&& other) noexcept {
      std::swap(gauge_, other.gauge_);
      return *this;
    }
    ~Permit() {
      if (gauge_) gauge_->add(-1);
    }

   private:
    Gauge* gauge_ = nullptr;
  };

  // Errors: TooManyRequests with a time to wait. Long-running requests and those of system:masters
  // need no place.
  Result<Permit> enter(const User& user, const RequestInfo& request);

  static bool is_long_running(const RequestInfo& request);

 private:
  const FlowLimits limits_;
  Gauge& reading_;
  Gauge& mutating_;
};

}  // namespace keelson::apiserver
