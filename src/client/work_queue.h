// SPDX-License-Identifier: Apache-2.0
// Keys to reconcile: each waits at most once and is handled by one worker at a time; failures come
// back after a growing delay. Used on one serial executor. Source: client-go util/workqueue.
#pragma once

#include <chrono>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/sync.h"
#include "base/task.h"

namespace keelson::client {

struct QueueDelays {
  Duration delay_min = std::chrono::milliseconds(5);
  Duration delay_max = std::chrono::seconds(1000);
  // A key that was handled is not handled again before this has passed: what comes in between is
  // handled as one. For keys whose handling costs far more than noticing a change.
  Duration rest = Duration::zero();
};

template <class Key>
class WorkQueue {
 public:
  explicit WorkQueue(Executor& executor, QueueDelays delays = {})
      : executor_(executor), delays_(delays) {}

  // A key that is being handled is handled once more afterwards.
  void add(Key key) {
    if (!dirty_.insert(key).second) return;
    if (active_.contains(key)) return;
    ready_.push_back(std::move(key));
    wake();
  }

  // The earliest of several delayed additions of a key counts.
  void add_after(Key key, Duration delay) {
    if (delay <= Duration::zero()) return add(std::move(key));
    const Duration due = executor_.monotonic() + delay;
    if (const auto found = delayed_.find(key); found != delayed_.end()) {
      if (found->second.due <= due) return;
      executor_.cancel(found->second.timer);
    }
    const TimerId timer = executor_.after(delay, [this, alive = std::weak_ptr(alive_), key] {
      if (alive.expired()) return;
      delayed_.erase(key);
      add(key);
    });
    delayed_[std::move(key)] = {due, timer};
  }

  // delay_min, doubled with each retry since forget().
  void retry(Key key) {
    const int failures = failures_[key]++;
    Duration delay = delays_.delay_max;
    // Beyond 2^30 the limit is long reached, and the product could overflow.
    if (failures < 30)
      delay = std::min<Duration>(delays_.delay_max, delays_.delay_min * (1LL << failures));
    add_after(std::move(key), delay);
  }
  void forget(const Key& key) { failures_.erase(key); }
  int failures(const Key& key) const {
    const auto found = failures_.find(key);
    return found == failures_.end() ? 0 : found->second;
  }

  // Nothing if none is ready. done() must follow.
  std::optional<Key> take() {
    if (ready_.empty()) return std::nullopt;
    Key key = std::move(ready_.front());
    ready_.pop_front();
    dirty_.erase(key);
    active_.insert(key);
    return key;
  }
  void done(const Key& key) {
    if (delays_.rest <= Duration::zero()) return release(key);
    const TimerId timer = executor_.after(delays_.rest, [this, alive = std::weak_ptr(alive_), key] {
      if (alive.expired()) return;
      resting_.erase(key);
      release(key);
    });
    resting_[key] = timer;
  }

  // Waits for a key; nothing when stopped.
  Task<std::optional<Key>> next() {
    const TaskContext& context = co_await this_context();
    while (!context.stop.stop_requested()) {
      if (auto key = take()) co_return key;
      available_.reset();
      if (!co_await available_.wait()) break;
    }
    co_return std::nullopt;
  }

  std::size_t size() const { return ready_.size(); }

  ~WorkQueue() {
    for (const auto& [key, entry] : delayed_) executor_.cancel(entry.timer);
    for (const auto& [key, timer] : resting_) executor_.cancel(timer);
  }

 private:
  struct Delayed {
    Duration due;
    TimerId timer;
  };

  void wake() { available_.set(); }

  void release(const Key& key) {
    active_.erase(key);
    if (dirty_.contains(key)) {
      ready_.push_back(key);
      wake();
    }
  }

  Executor& executor_;
  const QueueDelays delays_;
  std::deque<Key> ready_;
  std::set<Key> dirty_, active_;
  std::map<Key, TimerId> resting_;  // Active until the timer fires.
  std::map<Key, Delayed> delayed_;
  std::map<Key, int> failures_;
  Event available_;
  // Tells timers already posted that the queue is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

// What reconcile() asks for next.
struct Requeue {
  Duration after{0};  // 0: nothing more.
  static Requeue none() { return {}; }
  static Requeue in(Duration delay) { return {delay}; }
};

// `workers` tasks that take keys and reconcile them; errors are logged and retried. Runs until
// stopped.
template <class Key>
Task<void> run_workers(WorkQueue<Key>& queue, int workers, std::string_view name,
                       std::function<Task<Result<Requeue>>(Key)> reconcile);

}  // namespace keelson::client

#include "client/work_queue_run.h"
