// SPDX-License-Identifier: Apache-2.0
#include "base/task.h"

namespace keelson {

Task<Result<void>> sleep_for(Duration delay) {
  const TaskContext& context = co_await this_context();
  Executor& executor = *context.executor;
  // Shared, because the timer may fire before its id is stored.
  auto timer = std::make_shared<std::atomic<TimerId>>(0);
  auto result = co_await suspended<Result<void>>(
      fail(Status::canceled()), [&executor, timer, delay](const Completion<Result<void>>& done) {
        timer->store(executor.after(delay, [done] { done.complete({}); }));
      });
  if (!result) executor.cancel(timer->load());
  co_return result;
}

Task<void> yield_now() {
  co_await suspended<bool>(false, [](const Completion<bool>& done) { done.complete(true); });
}

namespace detail {

Root run_root(Task<void> task, Work finish) {
  {
    // Ends the task's frame, and what it refers to, before anybody learns that it is done.
    Task<void> running = std::move(task);
    co_await std::move(running);
  }
  finish();
}

void start_root(Executor& executor, std::stop_token stop, Task<void> task, Work finish) {
  executor.post([&executor, stop = std::move(stop), task = std::move(task),
                 finish = std::move(finish)]() mutable {
    Root root = run_root(std::move(task), std::move(finish));
    auto& promise = root.handle.promise();
    promise.own_context = TaskContext{&executor, std::move(stop)};
    promise.context = &promise.own_context;
    root.handle.resume();
  });
}

}  // namespace detail

void spawn(Executor& executor, Task<void> task, std::stop_token stop) {
  detail::start_root(executor, std::move(stop), std::move(task), [] {});
}

struct TaskGroup::State {
  std::mutex mutex;
  std::size_t running = 0;
  std::stop_source stop;
  std::vector<Completion<bool>> joiners;
};

TaskGroup::TaskGroup(Executor& executor) : executor_(executor), state_(std::make_shared<State>()) {}

TaskGroup::~TaskGroup() { CHECK(running() == 0); }

void TaskGroup::start(Task<void> task) {
  {
    std::lock_guard lock(state_->mutex);
    ++state_->running;
  }
  detail::start_root(executor_, state_->stop.get_token(), std::move(task), [state = state_] {
    std::vector<Completion<bool>> joiners;
    {
      std::lock_guard lock(state->mutex);
      if (--state->running == 0) joiners.swap(state->joiners);
    }
    for (const auto& joiner : joiners) joiner.complete(true);
  });
}

std::stop_token TaskGroup::stop_token() const { return state_->stop.get_token(); }

void TaskGroup::request_stop() { state_->stop.request_stop(); }

Task<void> TaskGroup::stop() {
  request_stop();
  co_await join();
}

Task<void> TaskGroup::join() {
  // Joining must outlast the caller's own stop: the tasks' frames may refer to the caller's.
  const TaskContext& context = co_await this_context();
  auto wait = [](std::shared_ptr<State> state) -> Task<bool> {
    co_return co_await suspended<bool>(false, [state](Completion<bool> done) {
      {
        std::lock_guard lock(state->mutex);
        if (state->running != 0) {
          state->joiners.push_back(std::move(done));
          return;
        }
      }
      done.complete(true);
    });
  };
  co_await run_in(TaskContext{context.executor, {}}, wait(state_));
}

std::size_t TaskGroup::running() const {
  std::lock_guard lock(state_->mutex);
  return state_->running;
}

}  // namespace keelson
