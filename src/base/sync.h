// SPDX-License-Identifier: Apache-2.0
// Waiting for each other: events, bounded channels, mutexes for tasks. All thread-safe.
#pragma once

#include <deque>
#include <mutex>
#include <optional>

#include "base/task.h"

namespace keelson {

// Once set, lets everybody through until reset.
class Event {
 public:
  void set();
  void reset();
  bool is_set() const;
  // Errors: Canceled.
  Task<Result<void>> wait();

 private:
  mutable std::mutex mutex_;
  bool set_ = false;
  std::vector<Completion<Result<void>>> waiters_;
};

// Held across waits by one task at a time, first come first served.
class AsyncMutex {
 public:
  class Guard {
   public:
    explicit Guard(AsyncMutex* mutex) : mutex_(mutex) {}
    Guard(Guard&& other) noexcept : mutex_(std::exchange(other.mutex_, nullptr)) {}
    Guard& operator=(Guard&&) = delete;
    ~Guard() {
      if (mutex_) mutex_->unlock();
    }

   private:
    AsyncMutex* mutex_;
  };

  // Errors: Canceled.
  Task<Result<Guard>> lock();

 private:
  void unlock();

  std::mutex mutex_;
  bool held_ = false;
  std::deque<Completion<Result<void>>> waiters_;
};

// A queue between tasks with a named limit. Closing it lets readers drain what is left.
template <class T>
class Channel {
 public:
  explicit Channel(std::size_t limit) : limit_(limit) {}

  // False, and `value` untouched, when full or closed.
  bool try_push(T&& value) {
    std::unique_lock lock(mutex_);
    if (closed_ || items_.size() >= limit_) return false;
    items_.push_back(std::move(value));
    wake(readers_, lock);
    return true;
  }
  bool try_push(const T& value) { return try_push(T(value)); }

  // Waits for room. False when closed or stopped.
  Task<bool> push(T value) {
    while (true) {
      // Not moved from when it is refused: try_push() takes a reference.
      // NOLINTNEXTLINE(bugprone-use-after-move)
      if (try_push(std::move(value))) co_return true;
      const bool more = co_await suspended<bool>(false, [this](Completion<bool> done) {
        bool open = false;
        {
          std::lock_guard lock(mutex_);
          open = !closed_;
          if (open && items_.size() >= limit_) {
            writers_.push_back(std::move(done));
            return;
          }
        }
        done.complete(open);
      });
      if (!more) co_return false;
    }
  }

  std::optional<T> try_pop() {
    std::unique_lock lock(mutex_);
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    wake(writers_, lock);
    return item;
  }

  // The next item; nothing when closed and drained, or stopped.
  Task<std::optional<T>> pop() {
    while (true) {
      if (auto item = try_pop()) co_return item;
      const bool more = co_await suspended<bool>(false, [this](Completion<bool> done) {
        bool some = false;
        {
          std::lock_guard lock(mutex_);
          some = !items_.empty();
          if (!some && !closed_) {
            readers_.push_back(std::move(done));
            return;
          }
        }
        done.complete(some);
      });
      if (!more) co_return try_pop();
    }
  }

  void close() {
    std::deque<Completion<bool>> readers, writers;
    {
      std::lock_guard lock(mutex_);
      closed_ = true;
      readers.swap(readers_);
      writers.swap(writers_);
    }
    for (auto& reader : readers) reader.complete(false);
    for (auto& writer : writers) writer.complete(false);
  }

  bool is_closed() const {
    std::lock_guard lock(mutex_);
    return closed_;
  }
  std::size_t size() const {
    std::lock_guard lock(mutex_);
    return items_.size();
  }

 private:
  // Unlocks first: whoever is woken may destroy the channel at once.
  static void wake(std::deque<Completion<bool>>& waiters, std::unique_lock<std::mutex>& lock) {
    while (!waiters.empty() && waiters.front().is_done()) waiters.pop_front();
    if (waiters.empty()) return;
    auto waiter = std::move(waiters.front());
    waiters.pop_front();
    lock.unlock();
    // Stopped just now: its place is not passed on, since it looks at the queue once more itself.
    waiter.complete(true);
  }

  const std::size_t limit_;
  mutable std::mutex mutex_;
  bool closed_ = false;
  std::deque<T> items_;
  std::deque<Completion<bool>> readers_, writers_;
};

}  // namespace keelson
