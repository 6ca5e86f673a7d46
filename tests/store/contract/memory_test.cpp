// SPDX-License-Identifier: Apache-2.0
// What simulations need of the store in memory: one thread, a virtual clock, the same run each
// time.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/random.h"
#include "base/virtual_executor.h"
#include "contract.h"
#include "store/memory/memory_store.h"

namespace keelson::store {
namespace {

using namespace std::chrono_literals;

struct Trace {
  std::vector<std::string> lines;
  int running = 0;
};

Task<void> write(Store* store, int writer, std::uint64_t seed, Trace* trace) {
  const auto random = make_seeded_random(seed);
  for (int i = 0; i < 20; ++i) {
    Transaction transaction;
    transaction.writes.push_back({.key = "/" + std::to_string(random->below(5)),
                                  .value = std::to_string(writer) + "-" + std::to_string(i),
                                  .ttl = std::chrono::seconds(random->below(3) * 10)});
    CHECK((co_await store->commit(std::move(transaction))).has_value());
    CHECK((co_await sleep_for(std::chrono::milliseconds(random->below(900)))).has_value());
  }
  --trace->running;
}

Task<void> follow(Store* store, const char* name, Trace* trace) {
  auto watch = co_await store->watch(kAll, 1);
  CHECK(watch.has_value());
  while (true) {
    const auto batch = co_await (*watch)->next();
    if (!batch) co_return;
    for (const Event& event : batch->events) trace->lines.push_back(name + (" " + text(event)));
  }
}

std::vector<std::string> simulate(std::uint64_t seed) {
  VirtualExecutor executor;
  Trace trace{.lines = {}, .running = 4};
  auto store = make_memory_store(executor);
  for (int i = 0; i < 4; ++i)
    spawn(executor, write(store.get(), i, seed + static_cast<std::uint64_t>(i), &trace));
  spawn(executor, follow(store.get(), "first", &trace));
  spawn(executor, follow(store.get(), "second", &trace));
  CHECK(executor.run_until([&trace] { return trace.running == 0; }, 1min));
  executor.advance(1h);
  spawn(executor, store->stop());
  executor.run_ready();
  return trace.lines;
}

TEST(MemoryStore, GivesTheSameRunForTheSameSeed) {
  const auto run = simulate(1);
  EXPECT_GE(run.size(), 160u);
  EXPECT_EQ(run, simulate(1));
  EXPECT_NE(run, simulate(2));
}

TEST(MemoryStore, NeedsNoThreadForTtlAndCompaction) {
  VirtualExecutor executor;
  auto store = make_memory_store(executor);
  std::optional<Result<RangeResult>> old;
  std::optional<KeyValue> event;
  auto scenario = [](Store* s, auto* old_range, auto* found) -> Task<void> {
    Transaction transaction;
    transaction.writes.push_back({.key = "/event", .value = "x", .ttl = 3600s});
    CHECK((co_await s->commit(std::move(transaction))).has_value());
    CHECK((co_await sleep_for(3599s)).has_value());
    *found = (co_await s->get("/event")).value();
    CHECK((co_await sleep_for(1h)).has_value());
    *old_range = co_await s->range(kAll, {.revision = 2});
    CHECK(!(co_await s->get("/event")).value());
  };
  bool done = false;
  auto run = [](Task<void> task, bool* flag) -> Task<void> {
    co_await std::move(task);
    *flag = true;
  };
  spawn(executor, run(scenario(store.get(), &old, &event), &done));
  executor.advance(3h);
  ASSERT_TRUE(done);
  EXPECT_TRUE(event);
  ASSERT_FALSE(*old);
  EXPECT_TRUE(old->error().is(Reason::Expired));
}

}  // namespace
}  // namespace keelson::store
