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
  auto result = co_await suspended<Result<void>>(fail(Status::canceled()),
                                                 [this](Completion<Result<void>> done) {
                                                   {
                                                     std::lock_guard lock(mutex_);
                                                     if (held_) {
                                                       waiters_.push_back(std::move(done));
                                                       return;
                                                     }
                                                     held_ = true;
                                                   }
                                                   // A waiter that was stopped just now must not be
                                                   // left with the lock.
                                                   if (!done.complete({})) unlock();
                                                 });
  if (!result) co_return fail(std::move(result).error());
  co_return Guard(this);
}

void AsyncMutex::unlock() {
  while (true) {
    std::optional<Completion<Result<void>>> next;
    {
      std::lock_guard lock(mutex_);
      if (waiters_.empty()) {
        held_ = false;
        return;
      }
      next.emplace(std::move(waiters_.front()));
      waiters_.pop_front();
    }
    // Handed over, still held. Whoever has it may destroy the mutex at once.
    if (next->complete({})) return;
  }
}

}  // namespace keelson
