// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <mutex>

#include "base/executor.h"

namespace keelson {
namespace {

// Shared with the work in flight, which can outlive the SerialExecutor by its last step.
struct Queue {
  std::mutex mutex;
  std::deque<Work> work;
  bool running = false;
};

class SerialExecutor final : public Executor {
 public:
  explicit SerialExecutor(Executor& parent) : parent_(parent), queue_(std::make_shared<Queue>()) {}

  void post(Work work) override { enqueue(parent_, queue_, std::move(work)); }

  TimerId after(Duration delay, Work work) override {
    return parent_.after(delay,
                         [&parent = parent_, queue = queue_, work = std::move(work)]() mutable {
                           enqueue(parent, queue, std::move(work));
                         });
  }

  bool cancel(TimerId timer) override { return parent_.cancel(timer); }
  Duration monotonic() const override { return parent_.monotonic(); }
  Wall now() const override { return parent_.now(); }

 private:
  // Bounds how long one serial executor keeps a thread of the pool while others wait.
  static constexpr int kBatch = 64;

  static void enqueue(Executor& parent, const std::shared_ptr<Queue>& queue, Work work) {
    {
      std::lock_guard lock(queue->mutex);
      queue->work.push_back(std::move(work));
      if (queue->running) return;
      queue->running = true;
    }
    parent.post([&parent, queue] { run(parent, queue); });
  }

  static void run(Executor& parent, const std::shared_ptr<Queue>& queue) {
    for (int i = 0; i < kBatch; ++i) {
      Work work;
      {
        std::lock_guard lock(queue->mutex);
        if (queue->work.empty()) {
          queue->running = false;
          return;
        }
        work = std::move(queue->work.front());
        queue->work.pop_front();
      }
      work();
    }
    parent.post([&parent, queue] { run(parent, queue); });
  }

  Executor& parent_;
  std::shared_ptr<Queue> queue_;
};

}  // namespace

std::unique_ptr<Executor> make_serial(Executor& parent) {
  return std::make_unique<SerialExecutor>(parent);
}

}  // namespace keelson
