// SPDX-License-Identifier: Apache-2.0
#include "client/work_queue.h"

#include <gtest/gtest.h>

#include "base/virtual_executor.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;

using Queue = WorkQueue<std::string>;

TEST(WorkQueue, HoldsEachKeyOnce) {
  VirtualExecutor executor;
  Queue queue(executor);

  queue.add("web");
  queue.add("db");
  queue.add("web");

  EXPECT_EQ(queue.take(), "web");
  EXPECT_EQ(queue.take(), "db");
  EXPECT_EQ(queue.take(), std::nullopt);
}

TEST(WorkQueue, HandlesAKeyThatChangedMeanwhileOnceMore) {
  VirtualExecutor executor;
  Queue queue(executor);
  queue.add("web");
  ASSERT_EQ(queue.take(), "web");

  queue.add("web");
  queue.add("web");

  EXPECT_EQ(queue.take(), std::nullopt);
  queue.done("web");
  EXPECT_EQ(queue.take(), "web");
  queue.done("web");
  EXPECT_EQ(queue.take(), std::nullopt);
}

TEST(WorkQueue, DoublesTheDelayOfEachRetryUpToItsLimit) {
  VirtualExecutor executor;
  Queue queue(executor, {.delay_min = 5ms, .delay_max = 30ms});
  for (const Duration expected : {5ms, 10ms, 20ms, 30ms, 30ms}) {
    queue.retry("web");
    executor.advance(expected - 1ms);
    EXPECT_EQ(queue.take(), std::nullopt);
    executor.advance(1ms);
    EXPECT_EQ(queue.take(), "web");
    queue.done("web");
  }

  queue.forget("web");

  queue.retry("web");
  executor.advance(5ms);
  EXPECT_EQ(queue.take(), "web");
}

TEST(WorkQueue, StaysAtTheLimitAfterManyFailures) {
  VirtualExecutor executor;
  Queue queue(executor, {.delay_min = 5ms, .delay_max = 1000s});
  for (int i = 0; i < 100; ++i) queue.retry("web");
  executor.advance(5ms);
  ASSERT_EQ(queue.take(), "web");
  queue.done("web");

  queue.retry("web");

  executor.advance(999s);
  EXPECT_EQ(queue.take(), std::nullopt);
  executor.advance(1s);
  EXPECT_EQ(queue.take(), "web");
}

TEST(WorkQueue, KeepsTheEarliestOfSeveralDelays) {
  VirtualExecutor executor;
  Queue queue(executor);
  queue.add_after("web", 10s);
  queue.add_after("web", 2s);
  queue.add_after("web", 5s);

  executor.advance(2s);

  EXPECT_EQ(queue.take(), "web");
  queue.done("web");
  executor.advance(1h);
  EXPECT_EQ(queue.take(), std::nullopt);
}

TEST(WorkQueue, HandlesWhatComesWhileAKeyRestsAsOneOnceItHasRested) {
  VirtualExecutor executor;
  Queue queue(executor, {.rest = 100ms});
  queue.add("web");
  ASSERT_EQ(queue.take(), "web");
  queue.done("web");
  queue.add("web");
  queue.add("web");
  queue.add("other");

  EXPECT_EQ(queue.take(), "other");
  executor.advance(99ms);
  EXPECT_EQ(queue.take(), std::nullopt);
  executor.advance(1ms);
  EXPECT_EQ(queue.take(), "web");
  queue.done("web");
  queue.done("other");
  executor.advance(1s);
  EXPECT_EQ(queue.take(), std::nullopt);

  queue.add("web");
  EXPECT_EQ(queue.take(), "web");
}

Task<Result<Requeue>> record(std::vector<std::string>* log, int* active, int* peak,
                             std::string key) {
  ++*active;
  *peak = std::max(*peak, *active);
  CO_TRY_OK(co_await sleep_for(1s));
  --*active;
  log->push_back(key);
  if (key == "again" && log->size() < 10) co_return Requeue::in(10s);
  if (key == "fails" && std::ranges::count(*log, "fails") < 3) {
    co_return fail(Status::internal("not yet"));
  }
  co_return Requeue::none();
}

TEST(WorkQueue, WorkersRetryFailuresAndHonourRequeues) {
  VirtualExecutor executor;
  Queue queue(executor);
  std::vector<std::string> log;
  int active = 0, peak = 0;
  TaskGroup group(executor);
  group.start(run_workers<std::string>(queue, 2, "test", [&](std::string key) {
    return record(&log, &active, &peak, std::move(key));
  }));
  queue.add("fails");
  queue.add("again");
  queue.add("once");

  executor.advance(25s);

  EXPECT_EQ(std::ranges::count(log, "once"), 1);
  EXPECT_EQ(std::ranges::count(log, "fails"), 3);
  EXPECT_EQ(std::ranges::count(log, "again"), 3);  // At 1 s, 12 s and 23 s.
  EXPECT_EQ(peak, 2);
  EXPECT_EQ(queue.failures("fails"), 0);

  group.request_stop();
  executor.run_ready();
  EXPECT_EQ(group.running(), 0u);
}

TEST(WorkQueue, StoppedWorkersLeaveWhatIsQueued) {
  VirtualExecutor executor;
  Queue queue(executor);
  std::vector<std::string> log;
  int active = 0, peak = 0;
  TaskGroup group(executor);
  group.start(run_workers<std::string>(queue, 1, "test", [&](std::string key) {
    return record(&log, &active, &peak, std::move(key));
  }));
  for (int i = 0; i < 5; ++i) queue.add("key-" + std::to_string(i));
  executor.advance(1500ms);

  group.request_stop();
  executor.advance(10s);

  EXPECT_EQ(group.running(), 0u);
  EXPECT_EQ(log, std::vector<std::string>{"key-0"});
  EXPECT_EQ(queue.size(), 3u);
}

}  // namespace
}  // namespace keelson::client
