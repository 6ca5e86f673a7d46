// SPDX-License-Identifier: Apache-2.0
// An executor for stores with threads of their own: work runs on a thread as it comes, but time
// stands still until the test moves it.
#pragma once

#include <condition_variable>
#include <deque>
#include <future>
#include <map>
#include <thread>

#include "base/task.h"

namespace keelson::store {

class TestExecutor final : public Executor {
 public:
  explicit TestExecutor(int threads = 1) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { run_work(); });
  }

  ~TestExecutor() override {
    {
      std::lock_guard lock(mutex_);
      ending_ = true;
    }
    changed_.notify_all();
    for (auto& thread : threads_) thread.join();
  }

  void post(Work work) override {
    {
      std::lock_guard lock(mutex_);
      ready_.push_back(std::move(work));
    }
    changed_.notify_one();
  }

  TimerId after(Duration delay, Work work) override {
    std::lock_guard lock(mutex_);
    const TimerId id = ++last_timer_;
    timers_.emplace(id, Timer{elapsed_ + delay, std::move(work)});
    return id;
  }

  bool cancel(TimerId timer) override {
    std::lock_guard lock(mutex_);
    return timers_.erase(timer) == 1;
  }

  Duration monotonic() const override {
    std::lock_guard lock(mutex_);
    return elapsed_;
  }

  Wall now() const override { return start_ + monotonic(); }

  // Lets time pass and posts the work of the timers that are due, the earliest first.
  void advance(Duration duration) {
    {
      std::lock_guard lock(mutex_);
      const Duration end = elapsed_ + duration;
      while (true) {
        auto first = timers_.end();
        for (auto it = timers_.begin(); it != timers_.end(); ++it)
          if (it->second.due <= end &&
              (first == timers_.end() || it->second.due < first->second.due))
            first = it;
        if (first == timers_.end()) break;
        elapsed_ = std::max(elapsed_, first->second.due);
        ready_.push_back(std::move(first->second.work));
        timers_.erase(first);
      }
      elapsed_ = end;
    }
    changed_.notify_all();
  }

  std::size_t timers() const {
    std::lock_guard lock(mutex_);
    return timers_.size();
  }

  // Runs a task to its end and returns its value. Aborts when that takes implausibly long, so that
  // a hang names the test.
  template <class T>
  T run(Task<T> task, std::stop_token stop = {}) {
    auto value = start(std::move(task), std::move(stop));
    CHECK(value.wait_for(std::chrono::seconds(100)) == std::future_status::ready);
    return value.get();
  }

  template <class T>
  std::future<T> start(Task<T> task, std::stop_token stop = {}) {
    auto promise = std::make_shared<std::promise<T>>();
    auto value = promise->get_future();
    spawn(*this, deliver(std::move(task), std::move(promise)), std::move(stop));
    return value;
  }

 private:
  struct Timer {
    Duration due;
    Work work;
  };

  template <class T>
  static Task<void> deliver(Task<T> task, std::shared_ptr<std::promise<T>> promise) {
    if constexpr (std::is_void_v<T>) {
      co_await std::move(task);
      promise->set_value();
    } else {
      promise->set_value(co_await std::move(task));
    }
  }

  void run_work() {
    while (true) {
      Work work;
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [this] { return ending_ || !ready_.empty(); });
        if (ready_.empty()) return;
        work = std::move(ready_.front());
        ready_.pop_front();
      }
      work();
    }
  }

  const Wall start_{std::chrono::seconds(1'700'000'000)};
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Work> ready_;
  std::map<TimerId, Timer> timers_;
  TimerId last_timer_ = 0;
  Duration elapsed_{0};
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace keelson::store
