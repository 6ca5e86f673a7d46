// SPDX-License-Identifier: Apache-2.0
// The real world: a pool of threads with an event loop, timers, sockets. The only place, with the
// rest of src/net, that knows Boost.Asio.
#pragma once

#include <memory>

#include "base/executor.h"

namespace keelson::net {

class Runtime : public Executor {
 public:
  // Runs the loop on `threads` threads until stop(); returns then. One thread makes it serial.
  virtual void run(int threads) = 0;
  // Ends run() without waiting for work that is left. Thread-safe, and safe in a signal handler's
  // follow-up; call it last, when all tasks are done.
  virtual void stop() = 0;
  // Calls `handler` on the loop each time one of the signals arrives (SIGTERM, SIGINT, SIGHUP).
  virtual void on_signals(std::initializer_list<int> signals, std::function<void(int)> handler) = 0;
  // Starts blocking work (file system, waiting for a child) on a helper thread of a small pool, and
  // posts nothing by itself: `work` completes whoever waits. Thread-safe.
  virtual void block(Work work) = 0;
};

std::unique_ptr<Runtime> make_runtime();

}  // namespace keelson::net
