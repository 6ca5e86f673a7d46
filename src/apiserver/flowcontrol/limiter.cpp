// SPDX-License-Identifier: Apache-2.0
#include "apiserver/flowcontrol/limiter.h"

#include <deque>
#include <mutex>

namespace keelson::apiserver {
namespace {

constexpr std::string_view kInflight = "apiserver_current_inflight_requests";
constexpr std::string_view kInflightHelp =
    "Maximal number of currently used inflight request limit of this apiserver per request kind in "
    "last second.";

bool is_reading(const RequestInfo& request) {
  return request.verb == "get" || request.verb == "list" || request.verb == "watch";
}

Status too_many() {
  return Status(Reason::TooManyRequests, "Too many requests, please try again later.")
      .with_retry_after(1);
}

}  // namespace

class FlowLimiter::Gate {
 public:
  Gate(int limit, Gauge& gauge) : limit_(limit), gauge_(gauge) {}

  bool try_enter() {
    std::lock_guard lock(mutex_);
    if (active_ >= limit_) return false;
    ++active_;
    gauge_.set(active_);
    return true;
  }

  // Completes `done` with true once there is a place; false at once when too many wait.
  void wait(Completion<bool> done, int waiting_max) {
    std::lock_guard lock(mutex_);
    if (active_ < limit_) {
      if (done.complete(true)) gauge_.set(++active_);
    } else if (static_cast<int>(waiting_.size()) >= waiting_max) {
      done.complete(false);
    } else {
      waiting_.push_back(std::move(done));
    }
  }

  void leave() {
    std::lock_guard lock(mutex_);
    while (!waiting_.empty()) {
      // Its place goes to the next who is still there.
      const Completion<bool> next = std::move(waiting_.front());
      waiting_.pop_front();
      if (next.complete(true)) return;
    }
    gauge_.set(--active_);
  }

 private:
  const int limit_;
  Gauge& gauge_;
  std::mutex mutex_;
  int active_ = 0;
  std::deque<Completion<bool>> waiting_;
};

FlowLimiter::FlowLimiter(FlowLimits limits, Executor& executor, Metrics& metrics)
    : executor_(executor),
      limits_(limits),
      reading_(std::make_shared<Gate>(
          limits.reading, metrics.gauge(kInflight, kInflightHelp, {{"request_kind", "readOnly"}}))),
      mutating_(std::make_shared<Gate>(
          limits.mutating,
          metrics.gauge(kInflight, kInflightHelp, {{"request_kind", "mutating"}}))) {}

FlowLimiter::~FlowLimiter() = default;

FlowLimiter::Permit::~Permit() {
  if (gate_) gate_->leave();
}

bool FlowLimiter::is_long_running(const RequestInfo& request) {
  if (request.verb == "watch") return true;
  for (const std::string_view name : {"attach", "exec", "log", "portforward", "proxy"}) {
    if (request.subresource == name) return true;
  }
  return false;
}

Task<Result<FlowLimiter::Permit>> FlowLimiter::enter(const User& user, const RequestInfo& request) {
  if (is_long_running(request) || user.in_group("system:masters")) co_return Permit();
  const std::shared_ptr<Gate> gate = is_reading(request) ? reading_ : mutating_;
  if (gate->try_enter()) co_return Permit(gate);
  // The timer may outlive the wait, so what it ends is shared.
  const auto timer = std::make_shared<std::atomic<TimerId>>(0);
  const bool entered = co_await suspended<bool>(false, [this, gate, timer](Completion<bool> done) {
    *timer = executor_.after(limits_.wait, [done] { done.complete(false); });
    gate->wait(std::move(done), limits_.waiting);
  });
  executor_.cancel(*timer);
  if (!entered) co_return fail(too_many());
  co_return Permit(gate);
}

}  // namespace keelson::apiserver
