// SPDX-License-Identifier: Apache-2.0
#include "base/task.h"

#include <gtest/gtest.h>

#include "base/sync.h"
#include "base/virtual_executor.h"

namespace keelson {
namespace {

using namespace std::chrono_literals;

Task<Result<int>> answer_after(Duration delay, int value) {
  CO_TRY_OK(co_await sleep_for(delay));
  co_return value;
}

TEST(Task, ResumesWhenTheClockSaysSo) {
  VirtualExecutor executor;
  std::optional<Result<int>> result;
  spawn(executor, [](std::optional<Result<int>>* out) -> Task<void> {
    *out = co_await answer_after(5s, 42);
  }(&result));

  executor.advance(4999ms);
  EXPECT_FALSE(result);
  executor.advance(1ms);

  ASSERT_TRUE(result);
  EXPECT_EQ(result->value(), 42);
}

TEST(Task, GroupStopCancelsWaitsAndJoins) {
  VirtualExecutor executor;
  TaskGroup group(executor);
  std::vector<Reason> reasons;
  for (int i = 0; i < 3; ++i) {
    group.start([](std::vector<Reason>* out) -> Task<void> {
      auto result = co_await sleep_for(1h);
      if (!result) out->push_back(result.error().reason());
    }(&reasons));
  }
  executor.run_ready();
  EXPECT_EQ(group.running(), 3u);

  bool stopped = false;
  spawn(executor, [](TaskGroup* tasks, bool* done) -> Task<void> {
    co_await tasks->stop();
    *done = true;
  }(&group, &stopped));
  executor.run_ready();

  EXPECT_TRUE(stopped);
  EXPECT_EQ(group.running(), 0u);
  EXPECT_EQ(reasons, std::vector(3, Reason::Canceled));
}

TEST(Task, TimeoutStopsTheTaskAndSaysSo) {
  VirtualExecutor executor;
  std::optional<Result<int>> slow, fast;
  spawn(executor, [](std::optional<Result<int>>* a, std::optional<Result<int>>* b) -> Task<void> {
    *a = co_await with_timeout(1s, answer_after(5s, 1));
    *b = co_await with_timeout(1s, answer_after(500ms, 2));
  }(&slow, &fast));

  executor.advance(10s);

  ASSERT_TRUE(slow && fast);
  EXPECT_TRUE(slow->error().is(Reason::Timeout));
  EXPECT_EQ(fast->value(), 2);
}

TEST(Task, WhenAllKeepsTheOrder) {
  VirtualExecutor executor;
  std::vector<Result<int>> results;
  spawn(executor, [](std::vector<Result<int>>* out) -> Task<void> {
    std::vector<Task<Result<int>>> tasks;
    tasks.push_back(answer_after(3s, 1));
    tasks.push_back(answer_after(1s, 2));
    *out = co_await when_all(std::move(tasks));
  }(&results));

  executor.advance(3s);

  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].value(), 1);
  EXPECT_EQ(results[1].value(), 2);
}

TEST(Channel, HandsOverInOrderAndDrainsAfterClose) {
  VirtualExecutor executor;
  Channel<int> channel(2);
  std::vector<int> taken;
  spawn(executor, [](Channel<int>* in, std::vector<int>* out) -> Task<void> {
    while (auto item = co_await in->pop()) out->push_back(*item);
    out->push_back(-1);
  }(&channel, &taken));
  spawn(executor, [](Channel<int>* out) -> Task<void> {
    for (int i = 0; i < 5; ++i) co_await out->push(i);
    out->close();
  }(&channel));

  executor.run_ready();

  EXPECT_EQ(taken, (std::vector{0, 1, 2, 3, 4, -1}));
  EXPECT_FALSE(channel.try_push(7));
}

TEST(AsyncMutex, LetsOneTaskInAtATime) {
  VirtualExecutor executor;
  AsyncMutex mutex;
  int inside = 0, most = 0, rounds = 0;
  for (int i = 0; i < 4; ++i) {
    spawn(executor, [](AsyncMutex* m, int* in, int* max, int* count) -> Task<void> {
      auto guard = co_await m->lock();
      *max = std::max(*max, ++*in);
      (void)co_await sleep_for(1s);
      --*in;
      ++*count;
    }(&mutex, &inside, &most, &rounds));
  }

  executor.advance(10s);

  EXPECT_EQ(most, 1);
  EXPECT_EQ(rounds, 4);
}

TEST(Event, WakesAllWaiters) {
  VirtualExecutor executor;
  Event event;
  int woken = 0;
  for (int i = 0; i < 3; ++i) {
    spawn(executor, [](Event* e, int* count) -> Task<void> {
      if (co_await e->wait()) ++*count;
    }(&event, &woken));
  }
  executor.run_ready();
  EXPECT_EQ(woken, 0);

  event.set();
  executor.run_ready();

  EXPECT_EQ(woken, 3);
}

TEST(SerialExecutor, RunsPostedWorkInOrder) {
  VirtualExecutor parent;
  const auto serial = make_serial(parent);
  std::vector<int> order;
  for (int i = 0; i < 200; ++i) serial->post([&order, i] { order.push_back(i); });

  parent.run_ready();

  ASSERT_EQ(order.size(), 200u);
  EXPECT_TRUE(std::is_sorted(order.begin(), order.end()));
}

TEST(Status, InvalidListsItsCauses) {
  const Status status =
      Status::invalid("apps", "Deployment", "web",
                      {{"FieldValueRequired", "Required value", "spec.selector"},
                       {"FieldValueInvalid",
                        "Invalid value: -1: must be greater than or equal to 0", "spec.replicas"}});

  EXPECT_EQ(status.code(), 422);
  EXPECT_EQ(status.message(),
            "Deployment.apps \"web\" is invalid: [spec.selector: Required value, spec.replicas: "
            "Invalid value: -1: must be greater than or equal to 0]");
}

}  // namespace
}  // namespace keelson
