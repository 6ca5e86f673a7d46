// SPDX-License-Identifier: Apache-2.0
// Coroutines. A Task<T> is lazy: it starts when awaited, inherits executor and stop token from the
// task that awaits it, and always runs to its end: stopping is a request that every wait answers
// with Reason::Canceled, so destructors and clean-up code run in order.
//
//   Task<Result<int>> answer() {
//     CO_TRY_OK(co_await sleep_for(5ms));
//     co_return 42;
//   }
//
// A task resumes on its executor after every wait, whichever thread ended the wait.
#pragma once

#include <atomic>
#include <concepts>
#include <coroutine>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "base/executor.h"
#include "base/result.h"

namespace keelson {

struct TaskContext {
  Executor* executor;
  std::stop_token stop;
};

namespace detail {

struct PromiseBase {
  const TaskContext* context = nullptr;
  std::coroutine_handle<> continuation = std::noop_coroutine();
  std::exception_ptr exception;

  struct FinalAwaiter {
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> self) const noexcept {
      return self.promise().continuation;
    }
    void await_resume() const noexcept {}
  };

  std::suspend_always initial_suspend() const noexcept { return {}; }
  FinalAwaiter final_suspend() const noexcept { return {}; }
  void unhandled_exception() { exception = std::current_exception(); }
};

}  // namespace detail

template <class T = void>
class [[nodiscard]] Task {
 public:
  struct promise_type : detail::PromiseBase {
    std::optional<T> value;
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    template <class U>
    void return_value(U&& result) {
      value.emplace(std::forward<U>(result));
    }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    std::coroutine_handle<promise_type> task;
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) const noexcept {
      task.promise().context = parent.promise().context;
      task.promise().continuation = parent;
      return task;
    }
    T await_resume() const {
      auto& promise = task.promise();
      if (promise.exception) std::rethrow_exception(promise.exception);
      return std::move(*promise.value);
    }
  };
  Awaiter operator co_await() && noexcept { return {handle_}; }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

template <>
class [[nodiscard]] Task<void> {
 public:
  struct promise_type : detail::PromiseBase {
    Task get_return_object() {
      return Task(std::coroutine_handle<promise_type>::from_promise(*this));
    }
    void return_void() const noexcept {}
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)) {}
  Task& operator=(Task&& other) noexcept {
    std::swap(handle_, other.handle_);
    return *this;
  }
  ~Task() {
    if (handle_) handle_.destroy();
  }

  struct Awaiter {
    std::coroutine_handle<promise_type> task;
    bool await_ready() const noexcept { return false; }
    template <class P>
    std::coroutine_handle<> await_suspend(std::coroutine_handle<P> parent) const noexcept {
      task.promise().context = parent.promise().context;
      task.promise().continuation = parent;
      return task;
    }
    void await_resume() const {
      if (task.promise().exception) std::rethrow_exception(task.promise().exception);
    }
  };
  Awaiter operator co_await() && noexcept { return {handle_}; }

 private:
  explicit Task(std::coroutine_handle<promise_type> handle) : handle_(handle) {}
  std::coroutine_handle<promise_type> handle_;
};

// The executor and the stop token of the running task: `co_await this_context()`.
struct ThisContext {
  const TaskContext* context = nullptr;
  bool await_ready() const noexcept { return false; }
  template <class P>
  bool await_suspend(std::coroutine_handle<P> self) noexcept {
    context = self.promise().context;
    return false;
  }
  const TaskContext& await_resume() const noexcept { return *context; }
};
inline ThisContext this_context() { return {}; }

namespace detail {

template <class T>
struct CompletionState {
  std::atomic<bool> done{false};
  // The task resumes when both have happened: a value came, and the set-up of the wait is over.
  std::atomic<int> missing{2};
  std::optional<T> value;
  std::coroutine_handle<> waiter;
  Executor* executor = nullptr;
  std::optional<std::stop_callback<Work>> stop_callback;
};

template <class T>
void arrive(const std::shared_ptr<CompletionState<T>>& state) {
  if (state->missing.fetch_sub(1) == 1) {
    state->executor->post([state] { state->waiter.resume(); });
  }
}

}  // namespace detail

// The far end of a wait. The first call of complete() wins, from any thread; later ones do nothing.
template <class T>
class Completion {
 public:
  explicit Completion(std::shared_ptr<detail::CompletionState<T>> state)
      : state_(std::move(state)) {}

  // True if this call ended the wait.
  bool complete(T value) const {
    if (state_->done.exchange(true)) return false;
    state_->value.emplace(std::move(value));
    detail::arrive(state_);
    return true;
  }
  bool is_done() const { return state_->done.load(); }

 private:
  std::shared_ptr<detail::CompletionState<T>> state_;
};

// Waits for a callback: `start(completion)` is called once the task is suspended. When the task is
// stopped meanwhile, the wait ends with `canceled` and `on_stop` (if any) is called.
//   T value = co_await suspended<T>(canceled_value, [&](Completion<T> done) { ... });
template <class T, class Start>
class Suspended {
 public:
  Suspended(T canceled, Start start, Work on_stop)
      : canceled_(std::move(canceled)), start_(std::move(start)), on_stop_(std::move(on_stop)) {}

  bool await_ready() const noexcept { return false; }

  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    // The task does not resume before `start` has returned, so that what `start` refers to (and a
    // lock it holds) outlives the call. Once arrive() is called the task may resume, and destroy
    // this awaiter, on another thread: from there on only locals are touched.
    auto state = std::make_shared<detail::CompletionState<T>>();
    state_ = state;
    state->waiter = self;
    state->executor = self.promise().context->executor;
    std::stop_token stop = self.promise().context->stop;
    Completion<T> completion(state);
    Start start = std::move(start_);
    if (stop.stop_possible()) {
      state->stop_callback.emplace(
          std::move(stop), [weak = std::weak_ptr(state), canceled = std::move(canceled_),
                            on_stop = std::move(on_stop_)]() mutable {
            const auto shared = weak.lock();
            if (!shared) return;
            if (Completion<T>(shared).complete(std::move(canceled)) && on_stop) on_stop();
          });
    }
    if (!completion.is_done()) start(std::move(completion));
    detail::arrive(state);
  }

  T await_resume() {
    // Ends the registration first: after it no callback runs or will run.
    state_->stop_callback.reset();
    return std::move(*state_->value);
  }

 private:
  T canceled_;
  Start start_;
  Work on_stop_;
  std::shared_ptr<detail::CompletionState<T>> state_;
};

template <class T, class Start>
Suspended<T, Start> suspended(T canceled, Start start, Work on_stop = nullptr) {
  return {std::move(canceled), std::move(start), std::move(on_stop)};
}

// Waits on the executor's clock. Errors: Canceled.
Task<Result<void>> sleep_for(Duration delay);
// Lets other work of the executor run first.
Task<void> yield_now();

namespace detail {

// A root: owns itself, runs `task`, then `finish`.
struct Root {
  struct promise_type : PromiseBase {
    TaskContext own_context;
    Root get_return_object() { return {std::coroutine_handle<promise_type>::from_promise(*this)}; }
    std::suspend_always initial_suspend() const noexcept { return {}; }
    std::suspend_never final_suspend() const noexcept { return {}; }
    void return_void() const noexcept {}
    void unhandled_exception() noexcept { std::terminate(); }
  };
  std::coroutine_handle<promise_type> handle;
};

Root run_root(Task<void> task, Work finish);
void start_root(Executor& executor, std::stop_token stop, Task<void> task, Work finish);

template <class T>
struct RunIn {
  TaskContext context;
  Task<T> task;
  std::optional<T> value;

  bool await_ready() const noexcept { return false; }
  // `this` lives in the suspended caller until that is resumed.
  template <class P>
  void await_suspend(std::coroutine_handle<P> self) {
    Executor* const home = self.promise().context->executor;
    start_root(*context.executor, context.stop, store(std::move(task), &value),
               [home, self] { home->post([self] { self.resume(); }); });
  }
  T await_resume() { return std::move(*value); }

 private:
  static Task<void> store(Task<T> inner, std::optional<T>* out) {
    out->emplace(co_await std::move(inner));
  }
};

}  // namespace detail

// Starts a task that nobody waits for. Prefer a TaskGroup: whoever starts a task owns it.
void spawn(Executor& executor, Task<void> task, std::stop_token stop = {});

// Runs `task` in a context of its own and resumes the caller on the caller's executor. The
// caller's stop is not passed on by itself: put it into the context where it should be.
template <class T>
Task<T> run_in(TaskContext context, Task<T> task) {
  co_return co_await detail::RunIn<T>{std::move(context), std::move(task), std::nullopt};
}

// Stops `task` after `delay` and then fails with Reason::Timeout; the caller's stop is passed on.
template <class T>
Task<Result<T>> with_timeout(Duration delay, Task<Result<T>> task) {
  const TaskContext& outer = co_await this_context();
  std::stop_source source;
  std::stop_callback forward(outer.stop, [&source] { source.request_stop(); });
  auto expired = std::make_shared<std::atomic<bool>>(false);
  const TimerId timer = outer.executor->after(delay, [source, expired]() mutable {
    expired->store(true);
    source.request_stop();
  });
  Executor& executor = *outer.executor;
  auto result = co_await run_in(TaskContext{&executor, source.get_token()}, std::move(task));
  executor.cancel(timer);
  if (!result && result.error().is(Reason::Canceled) && expired->load())
    co_return fail(Reason::Timeout, "timed out");
  co_return result;
}

// Owns tasks: stop() asks all to end and waits for them; the destructor requires that none is left.
class TaskGroup {
 public:
  explicit TaskGroup(Executor& executor);
  ~TaskGroup();
  TaskGroup(const TaskGroup&) = delete;
  TaskGroup& operator=(const TaskGroup&) = delete;

  // A task started after stop() was asked for still runs, with its stop already requested.
  void start(Task<void> task);
  std::stop_token stop_token() const;
  void request_stop();
  // request_stop(), then waits for all tasks. Safe to call twice.
  Task<void> stop();
  // Waits until no task runs, without stopping any.
  Task<void> join();
  std::size_t running() const;
  Executor& executor() const { return executor_; }

 private:
  struct State;
  Executor& executor_;
  std::shared_ptr<State> state_;
};

// Runs all at once, each as a task of its own on the caller's executor; results in order.
template <class T>
Task<std::vector<T>> when_all(std::vector<Task<T>> tasks) {
  const TaskContext& context = co_await this_context();
  std::vector<std::optional<T>> slots(tasks.size());
  {
    TaskGroup group(*context.executor);
    std::stop_callback forward(context.stop, [&group] { group.request_stop(); });
    for (std::size_t i = 0; i < tasks.size(); ++i) {
      group.start([](Task<T> task, std::optional<T>* slot) -> Task<void> {
        slot->emplace(co_await std::move(task));
      }(std::move(tasks[i]), &slots[i]));
    }
    co_await group.join();
  }
  std::vector<T> values;
  values.reserve(slots.size());
  for (auto& slot : slots) values.push_back(std::move(*slot));
  co_return values;
}

}  // namespace keelson
