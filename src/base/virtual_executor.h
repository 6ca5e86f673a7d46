// SPDX-License-Identifier: Apache-2.0
// A single-threaded executor on a virtual clock: time passes only when nothing is left to do, or
// when a test says so. The same posts give the same run.
#pragma once

#include <deque>
#include <map>

#include "base/executor.h"

namespace keelson {

class VirtualExecutor final : public Executor {
 public:
  explicit VirtualExecutor(Wall start = Wall{std::chrono::seconds(1'700'000'000)})
      : start_(start) {}

  void post(Work work) override { ready_.push_back(std::move(work)); }
  TimerId after(Duration delay, Work work) override;
  bool cancel(TimerId timer) override;
  Duration monotonic() const override { return elapsed_; }
  Wall now() const override { return start_ + elapsed_; }

  // Runs all that is ready, without letting time pass. Returns how much work ran.
  std::size_t run_ready();
  // Lets `duration` pass: runs what is ready and each timer at its time, in order.
  void advance(Duration duration);
  // Runs until `done` says true or `limit` has passed on the virtual clock; true if done.
  bool run_until(const std::function<bool()>& done, Duration limit);

 private:
  // Moves to the next timer not later than `limit`; false if there is none.
  bool fire_next(Duration limit);

  const Wall start_;
  Duration elapsed_{0};
  TimerId last_timer_ = 0;
  std::deque<Work> ready_;
  std::map<std::pair<Duration, TimerId>, Work> timers_;
  std::map<TimerId, Duration> due_;
};

}  // namespace keelson
