// SPDX-License-Identifier: Apache-2.0
// Closes a stream that takes too long, where a timeout of its own for each wait would cost more
// than the wait.
#pragma once

#include "net/stream.h"

namespace keelson::net {

class Watchdog {
 public:
  Watchdog(Executor& executor, Stream& stream)
      : executor_(executor), state_(std::make_shared<State>()) {
    state_->stream = &stream;
  }
  ~Watchdog() {
    disarm();
    std::lock_guard lock(state_->mutex);
    state_->stream = nullptr;
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // Closes the stream after `limit` unless disarmed or armed again before.
  void arm(Duration limit) {
    disarm();
    std::lock_guard lock(state_->mutex);
    timer_ = executor_.after(limit, [state = state_, turn = state_->turn] {
      std::lock_guard inner(state->mutex);
      if (state->turn != turn || !state->stream) return;
      state->bit = true;
      state->stream->close();
    });
  }
  void disarm() {
    if (timer_ == 0) return;
    executor_.cancel(std::exchange(timer_, 0));
    std::lock_guard lock(state_->mutex);
    ++state_->turn;
  }
  // Whether it has closed the stream.
  bool has_bitten() const {
    std::lock_guard lock(state_->mutex);
    return state_->bit;
  }

 private:
  struct State {
    std::mutex mutex;
    Stream* stream = nullptr;
    std::uint64_t turn = 0;  // Tells a timer that could not be cancelled any more that it is late.
    bool bit = false;
  };
  Executor& executor_;
  const std::shared_ptr<State> state_;
  TimerId timer_ = 0;
};

}  // namespace keelson::net
