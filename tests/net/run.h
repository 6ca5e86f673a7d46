// SPDX-License-Identifier: Apache-2.0
// Runs one test's coroutine on a real event loop.
#pragma once

#include <gtest/gtest.h>

#include "base/task.h"
#include "net/runtime.h"

namespace keelson::net {

// Runs `body(runtime)` on `threads` threads until it has ended; fails the test after a minute.
inline void run_test(std::function<Task<void>(Runtime&)> body, int threads = 1) {
  const auto runtime = make_runtime();
  bool ended = false;
  spawn(*runtime, [](auto* run, Runtime* loop, bool* done) -> Task<void> {
    co_await (*run)(*loop);
    *done = true;
    loop->stop();
  }(&body, runtime.get(), &ended));
  const TimerId limit = runtime->after(std::chrono::minutes(1), [&] { runtime->stop(); });
  runtime->run(threads);
  runtime->cancel(limit);
  EXPECT_TRUE(ended) << "the test hangs";
}

}  // namespace keelson::net
