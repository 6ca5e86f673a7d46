// SPDX-License-Identifier: Apache-2.0
#include "base/sync.h"

namespace keelson {

void Event::set() {
  std::vector<Completion<Result<void>>> waiters;
  {
    std::lock_guard lock(mutex_);
    set_ = true;
    waiters.swap(waiters_);
  }
  for (const auto& waiter : waiters) waiter.complete({});
}

void Event::reset() {
  std::lock_guard lock(mutex_);
  set_ = false;
}

bool Event::is_set() const {
  std::lock_guard lock(mutex_);
  return set_;
}

Task<Result<void>> Event::wait() {
  if (is_set()) co_return Result<void>{};
  co_return co_await suspended<Result<void>>(
      fail(Status::canceled()), [this](Completion<Result<void>> done) {
        {
          std::lock_guard lock(mutex_);
          if (!set_) {
            std::erase_if(waiters_, [](const auto& waiter) { return waiter.is_done(); });
            waiters_.push_back(std::move(done));
            return;
          }
        }
        done.complete({});
      });
}

Task<Result<AsyncMutex::Guard>> AsyncMutex::lock() {
  auto result = co_await suspended<Result<void>>(
      fail(Status::canceled()), [this](Completion<Result<void>> done) {
        std::lock_guard lock(mutex_);
        // A waiter that was stopped just now must not be left with the lock.
        if (!held_ && done.complete({})) {
          held_ = true;
        } else {
          waiters_.push_back(std::move(done));
        }
      });
  if (!result) co_return fail(std::move(result).error());
  co_return Guard(this);
}

void AsyncMutex::unlock() {
  std::lock_guard lock(mutex_);
  while (!waiters_.empty()) {
    auto waiter = std::move(waiters_.front());
    waiters_.pop_front();
    if (waiter.complete({})) return;  // The lock is handed over, still held.
  }
  held_ = false;
}

}  // namespace keelson
