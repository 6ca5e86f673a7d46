// SPDX-License-Identifier: Apache-2.0
// How many requests are served at once; a bounded number more wait their turn, first come first
// served. Priority and fairness will take this place.
// Source: upstream, --max-requests-inflight and --max-mutating-requests-inflight.
#pragma once

#include <chrono>
#include <memory>

#include "apiserver/context/request.h"
#include "base/metrics.h"
#include "base/task.h"

namespace keelson::apiserver {

struct FlowLimits {
  int reading = 400;
  int mutating = 200;
  // For each of the two: how many may wait, and how long.
  int waiting = 1000;
  Duration wait = std::chrono::seconds(15);  // Upstream: a quarter of --request-timeout.
};

class FlowLimiter {
 public:
  FlowLimiter(FlowLimits limits, Executor& executor, Metrics& metrics);
  ~FlowLimiter();

  class Gate;

  // A request's place; given on to the next when destroyed.
  class Permit {
   public:
    Permit() = default;
    explicit Permit(std::shared_ptr<Gate> gate) : gate_(std::move(gate)) {}
    Permit(Permit&&) = default;
    Permit& operator=(Permit&& other) noexcept {
      gate_.swap(other.gate_);
      return *this;
    }
    ~Permit();

   private:
    std::shared_ptr<Gate> gate_;
  };

  // Errors: TooManyRequests with a time to wait; Canceled. Long-running requests and those of
  // system:masters need no place.
  Task<Result<Permit>> enter(const User& user, const RequestInfo& request);

  static bool is_long_running(const RequestInfo& request);

 private:
  Executor& executor_;
  const FlowLimits limits_;
  const std::shared_ptr<Gate> reading_, mutating_;
};

}  // namespace keelson::apiserver
