// SPDX-License-Identifier: Apache-2.0
// Where tasks run and what time it is. Injected everywhere, so that a whole cluster runs in one
// test process on a virtual clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>

namespace keelson {

using Duration = std::chrono::nanoseconds;
using Wall = std::chrono::sys_time<std::chrono::nanoseconds>;  // What users see; may jump.
using Work = std::move_only_function<void()>;

// What `Executor::after` returns; 0 is never one.
using TimerId = std::uint64_t;

class Executor {
 public:
  virtual ~Executor() = default;

  // Runs `work` later, never inside the call. Work posted to one executor runs in the order posted
  // and, on a serial executor, never two at a time. Thread-safe.
  virtual void post(Work work) = 0;

  // Posts `work` once `delay` has passed; the id cancels it. Thread-safe.
  virtual TimerId after(Duration delay, Work work) = 0;
  // True if the work will not run any more; false if it has been posted already.
  virtual bool cancel(TimerId timer) = 0;

  // Time since an arbitrary start; never goes back.
  virtual Duration monotonic() const = 0;
  virtual Wall now() const = 0;
};

// A serial executor on top of another: work posted to it never overlaps, so that state touched only
// from it needs no lock. `parent` outlives it and all its work.
std::unique_ptr<Executor> make_serial(Executor& parent);

}  // namespace keelson
