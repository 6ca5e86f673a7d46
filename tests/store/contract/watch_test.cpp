// SPDX-License-Identifier: Apache-2.0
// Watches: nothing missing, nothing twice, nothing out of order. Among the cases are the ways in
// which etcd has gone wrong.
#include <random>

#include "contract.h"

namespace keelson::store {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;

class Watching : public StoreContract {
 protected:
  // What a watch from the beginning sees.
  std::vector<Event> history(KeyRange range = kAll, Revision since = 1) {
    return drain(*watch(std::move(range), since));
  }
};
INSTANTIATE_TEST_SUITE_P(Backend, Watching, testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

// A mixture of transactions on a few keys, each of its own random choice.
Task<int> write_at_random(Store* store, unsigned seed, int count) {
  std::minstd_rand random(seed);
  for (int i = 0; i < count; ++i) {
    Transaction transaction;
    const int writes = 1 + static_cast<int>(random() % 3);
    const unsigned first = random() % 12;
    for (int w = 0; w < writes; ++w) {
      Write write{.key = "/" + std::to_string((first + static_cast<unsigned>(w)) % 12)};
      if (random() % 4 != 0) write.value = std::to_string(seed) + "-" + std::to_string(i);
      transaction.writes.push_back(std::move(write));
    }
    if (random() % 3 == 0) transaction.durability = Durability::Behind;
    CHECK((co_await store->commit(std::move(transaction))).has_value());
  }
  co_return 0;
}

TEST_P(Watching, ReplaysAllFromAnOldRevision) {
  put("/a", "1");                                                // 2
  put("/b", "1");                                                // 3
  put("/a", "2");                                                // 4
  commit({{.key = "/b"}, {.key = "/c", .value = "1"}}).value();  // 5
  remove("/a");                                                  // 6

  EXPECT_THAT(texts(history()), ElementsAre("put /a=1@2", "put /b=1@3", "put /a=2@4", "delete /b@5",
                                            "put /c=1@5", "delete /a@6"));
  EXPECT_THAT(texts(history(kAll, 0)), ElementsAre("put /a=1@2", "put /b=1@3", "put /a=2@4",
                                                   "delete /b@5", "put /c=1@5", "delete /a@6"));
  EXPECT_THAT(texts(history(kAll, 4)), ElementsAre("delete /b@5", "put /c=1@5", "delete /a@6"));
  EXPECT_THAT(texts(history(KeyRange::key("/a"))),
              ElementsAre("put /a=1@2", "put /a=2@4", "delete /a@6"));
  EXPECT_THAT(texts(history(kAll, 6)), IsEmpty());
}

TEST_P(Watching, DescribesEachEventInFull) {
  put("/a", "1");
  put("/a", "2");
  remove("/a");

  const auto events = history();

  ASSERT_EQ(events.size(), 3u);
  EXPECT_EQ(events[0], (Event{Event::Type::Put, {"/a", "1", 2, 2, 1}}));
  EXPECT_TRUE(events[0].is_create());
  EXPECT_EQ(events[1], (Event{Event::Type::Put, {"/a", "2", 2, 3, 2}}));
  EXPECT_FALSE(events[1].is_create());
  EXPECT_EQ(events[2], (Event{Event::Type::Delete, {"/a", "", 0, 4, 0}}));
}

TEST_P(Watching, HandsOutLiveEventsOfItsRangeOnly) {
  const auto pods = watch(KeyRange::prefix("/pods/"), 1);
  const auto one = watch(KeyRange::key("/pods/b"), 1);
  auto waiting = executor_.start(pods->next());

  put("/nodes/a", "1");
  put("/pods/a", "1");
  const auto batch = waiting.get();
  ASSERT_TRUE(batch);
  EXPECT_THAT(texts(batch->events), ElementsAre("put /pods/a=1@3"));
  EXPECT_EQ(batch->revision, 3);

  put("/pods/b", "1");
  put("/pods0", "1");
  EXPECT_THAT(texts(drain(*pods)), ElementsAre("put /pods/b=1@4"));
  EXPECT_THAT(texts(drain(*one)), ElementsAre("put /pods/b=1@4"));
}

TEST_P(Watching, KeepsARevisionInOneBatch) {
  for (int i = 0; i < 20; ++i) {
    std::vector<Write> writes;
    for (std::size_t k = 0; k < kTransactionWritesMax; ++k)
      writes.push_back({.key = "/" + std::to_string(k), .value = "x"});
    ASSERT_TRUE(commit(std::move(writes)));
  }

  const auto watched = watch(kAll, 1);
  Revision before = 1;
  std::size_t events = 0;
  while (before < 21) {
    const auto batch = next(*watched);
    ASSERT_TRUE(batch);
    ASSERT_FALSE(batch->events.empty());
    EXPECT_EQ(batch->events.front().item.mod_revision, before + 1);
    EXPECT_EQ(batch->events.size() % kTransactionWritesMax, 0u);
    EXPECT_GE(batch->revision, batch->events.back().item.mod_revision);
    before = batch->revision;
    events += batch->events.size();
  }
  EXPECT_EQ(events, 20 * kTransactionWritesMax);
}

TEST_P(Watching, WaitsForARevisionOfTheFutureWithoutShowingOlderEvents) {
  put("/a", "1");
  const auto watched = watch(kAll, 4);
  auto waiting = executor_.start(watched->next());
  put("/a", "2");
  put("/a", "3");
  put("/a", "4");
  put("/a", "5");

  const auto batch = waiting.get();
  ASSERT_TRUE(batch);
  std::vector<Event> events = batch->events;
  for (Event& event : drain(*watched)) events.push_back(std::move(event));
  EXPECT_THAT(texts(events), ElementsAre("put /a=4@5", "put /a=5@6"));
}

TEST_P(Watching, ReportsNoProgressBeforeAFutureStartHasCome) {
  put("/a", "1");
  const auto watched = watch(KeyRange::key("/b"), 3);
  watched->request_progress();
  auto waiting = executor_.start(watched->next());
  put("/a", "2");  // 3
  const auto batch = waiting.get();
  ASSERT_TRUE(batch);
  EXPECT_THAT(batch->events, IsEmpty());
  EXPECT_EQ(batch->revision, 3);
  EXPECT_GE(revision(), 3);
}

TEST_P(Watching, ReportsProgressWhenAsked) {
  const auto quiet = watch(KeyRange::prefix("/quiet/"), 1);
  for (int i = 0; i < 3; ++i) put("/busy", "x");

  quiet->request_progress();
  auto batch = next(*quiet);
  ASSERT_TRUE(batch);
  EXPECT_THAT(batch->events, IsEmpty());
  EXPECT_EQ(batch->revision, 4);

  auto waiting = executor_.start(quiet->next());
  put("/busy", "x");
  quiet->request_progress();
  batch = waiting.get();
  ASSERT_TRUE(batch);
  EXPECT_THAT(batch->events, IsEmpty());
  EXPECT_EQ(batch->revision, 5);
}

TEST_P(Watching, ProgressNeverOvertakesEvents) {
  const auto watched = watch(kAll, 1);
  std::vector<std::future<int>> writers;
  for (unsigned seed = 1; seed <= 4; ++seed)
    writers.push_back(executor_.start(write_at_random(store_.get(), seed, 100)));

  Revision handed_out = 1;
  std::size_t count = 0;
  const auto writing = [&writers] {
    return std::ranges::any_of(writers,
                               [](auto& w) { return w.wait_for(0s) != std::future_status::ready; });
  };
  for (bool last = false; !last;) {
    last = !writing();
    watched->request_progress();
    const Revision target = revision();
    while (handed_out < target) {
      const auto batch = next(*watched);
      ASSERT_TRUE(batch);
      for (const Event& event : batch->events) {
        ASSERT_GT(event.item.mod_revision, handed_out) << text(event);
        ASSERT_LE(event.item.mod_revision, batch->revision) << text(event);
      }
      ASSERT_GE(batch->revision, handed_out);
      handed_out = batch->revision;
      count += batch->events.size();
    }
  }
  EXPECT_EQ(count, history().size());
}

TEST_P(Watching, ShowsEveryWatcherTheSameHistory) {
  std::vector<std::future<int>> writers;
  for (unsigned seed = 1; seed <= 4; ++seed)
    writers.push_back(executor_.start(write_at_random(store_.get(), seed, 150)));
  struct Reader {
    std::unique_ptr<Watch> watch;
    Revision since;
    KeyRange range;
    std::vector<Event> events;
  };
  std::vector<Reader> readers;
  const KeyRange ranges[] = {kAll, KeyRange::key("/3"), KeyRange::prefix("/1")};
  for (int i = 0; i < 30; ++i) {
    const KeyRange& range = ranges[i % 3];
    const Revision since = i % 2 == 0 ? revision() : 1 + i;
    readers.push_back({watch(range, since), since, range, {}});
    if (i % 5 == 0) put("/tick", "x");
  }
  for (auto& writer : writers) writer.get();
  for (Reader& reader : readers) reader.events = drain(*reader.watch);

  const auto whole = history();
  for (const Reader& reader : readers) {
    std::vector<Event> expected;
    for (const Event& event : whole)
      if (event.item.mod_revision > reader.since && reader.range.contains(event.item.key))
        expected.push_back(event);
    EXPECT_EQ(texts(reader.events), texts(expected)) << "since " << reader.since;
  }
}

TEST_P(Watching, CatchesUpFromHistoryWithoutLosingOrRepeating) {
  // So little memory that a slow reader has to go back to history again and again, while events go
  // on arriving.
  open({.watch = {.recent_bytes_max = 400, .batch_events_max = 5, .batch_bytes_max = 300}});
  const auto slow = watch(kAll, 1);
  const auto narrow = watch(KeyRange::key("/7"), 1);
  std::vector<std::future<int>> writers;
  for (unsigned seed = 1; seed <= 3; ++seed)
    writers.push_back(executor_.start(write_at_random(store_.get(), seed, 150)));

  std::vector<Event> seen;
  for (int i = 0; i < 40; ++i) {
    const auto batch = next(*slow);
    ASSERT_TRUE(batch);
    seen.insert(seen.end(), batch->events.begin(), batch->events.end());
  }
  for (auto& writer : writers) writer.get();
  for (Event& event : drain(*slow)) seen.push_back(std::move(event));

  const auto whole = history();
  EXPECT_EQ(texts(seen), texts(whole));
  std::vector<Event> sevens;
  for (const Event& event : whole)
    if (event.item.key == "/7") sevens.push_back(event);
  EXPECT_EQ(texts(drain(*narrow)), texts(sevens));
}

TEST_P(Watching, ResumesExactlyWhereABatchEnded) {
  std::vector<std::future<int>> writers;
  for (unsigned seed = 1; seed <= 3; ++seed)
    writers.push_back(executor_.start(write_at_random(store_.get(), seed, 100)));

  std::vector<Event> seen;
  Revision resume = 1;
  for (int i = 0; i < 30; ++i) {
    const auto watched = watch(kAll, resume);
    watched->request_progress();
    const auto batch = next(*watched);
    ASSERT_TRUE(batch);
    ASSERT_GE(batch->revision, resume);
    seen.insert(seen.end(), batch->events.begin(), batch->events.end());
    resume = batch->revision;
  }
  for (auto& writer : writers) writer.get();
  const auto rest = watch(kAll, resume);
  for (Event& event : drain(*rest)) seen.push_back(std::move(event));

  EXPECT_EQ(texts(seen), texts(history()));
}

TEST_P(Watching, LosesNothingWhenAWaitIsCanceled) {
  const auto watched = watch(kAll, 1);
  std::vector<Event> seen;
  for (int i = 0; i < 50; ++i) {
    std::stop_source stop;
    auto waiting = executor_.start(watched->next(), stop.get_token());
    auto writing = executor_.start(write_at_random(store_.get(), static_cast<unsigned>(i), 1));
    stop.request_stop();
    const auto batch = waiting.get();
    if (batch) {
      seen.insert(seen.end(), batch->events.begin(), batch->events.end());
    } else {
      ASSERT_TRUE(batch.error().is(Reason::Canceled));
    }
    writing.get();
  }
  for (Event& event : drain(*watched)) seen.push_back(std::move(event));
  EXPECT_EQ(texts(seen), texts(history()));
}

TEST_P(Watching, RefusesToBeginBeforeACompaction) {
  for (int i = 0; i < 5; ++i) put("/a", std::to_string(i));  // 2..6
  ASSERT_TRUE(run(store_->compact(4)));

  for (const Revision since : {0, 1, 2}) {
    const auto result = run(store_->watch(kAll, since));
    ASSERT_FALSE(result) << since;
    EXPECT_TRUE(result.error().is(Reason::Expired));
  }
  EXPECT_THAT(texts(history(kAll, 3)), ElementsAre("put /a=2@4", "put /a=3@5", "put /a=4@6"));
}

TEST_P(Watching, RefusesANegativeStart) {
  const auto result = run(store_->watch(kAll, -1));
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Reason::BadRequest));
}

TEST_P(Watching, SeesADeletionInTheCompactedRevisionItself) {
  put("/a", "1");  // 2
  put("/b", "1");  // 3
  remove("/a");    // 4
  remove("/b");    // 5

  ASSERT_TRUE(run(store_->compact(4)));
  EXPECT_THAT(texts(history(kAll, 3)), ElementsAre("delete /a@4", "delete /b@5"));
  ASSERT_TRUE(run(store_->compact(5)));
  EXPECT_THAT(texts(history(kAll, 4)), ElementsAre("delete /b@5"));
  EXPECT_THAT(texts(history(kAll, 5)), IsEmpty());
}

TEST_P(Watching, SeesAllOrIsToldWhenACompactionOvertakesTheReader) {
  open({.watch = {.recent_bytes_max = 0}});
  const auto behind = watch(kAll, 1);
  const auto level = watch(kAll, 1);
  for (int i = 0; i < 5; ++i) put("/a", std::to_string(i));  // 2..6
  EXPECT_EQ(drain(*level).size(), 5u);
  ASSERT_TRUE(run(store_->compact(5)));
  put("/a", "5");  // 7

  const auto batch = next(*behind);
  if (batch) {
    EXPECT_THAT(texts(batch->events), ElementsAre("put /a=0@2", "put /a=1@3", "put /a=2@4",
                                                  "put /a=3@5", "put /a=4@6", "put /a=5@7"));
  } else {
    EXPECT_TRUE(batch.error().is(Reason::Expired));
  }
  EXPECT_THAT(texts(drain(*level)), ElementsAre("put /a=5@7"));
}

TEST_P(Watching, CompactionsUnderWayTakeNothingFromALevelReader) {
  open({.watch = {.recent_bytes_max = 400, .batch_events_max = 3}});
  std::vector<Event> seen;
  const auto watched = watch(kAll, 1);
  for (int round = 0; round < 20; ++round) {
    const Revision before = revision();
    std::vector<std::future<int>> writers;
    for (unsigned seed = 1; seed <= 3; ++seed) {
      const unsigned choice = static_cast<unsigned>(round) * 10 + seed;
      writers.push_back(executor_.start(write_at_random(store_.get(), choice, 10)));
    }
    if (before > 1 && round % 2 == 0) EXPECT_TRUE(run(store_->compact(before)));
    for (Event& event : drain(*watched)) seen.push_back(std::move(event));
    for (auto& writer : writers) writer.get();
    for (Event& event : drain(*watched)) seen.push_back(std::move(event));
  }

  // Replayed, the events give the state of the store, and their revisions have no gap.
  std::map<std::string, KeyValue> state;
  Revision last = 1;
  for (const Event& event : seen) {
    ASSERT_GE(event.item.mod_revision, last);
    ASSERT_LE(event.item.mod_revision, last + 1);
    last = event.item.mod_revision;
    if (event.type == Event::Type::Put) {
      state[event.item.key] = event.item;
    } else {
      ASSERT_EQ(state.erase(event.item.key), 1u) << text(event);
    }
  }
  std::vector<KeyValue> items;
  for (auto& [key, item] : state) items.push_back(item);
  EXPECT_EQ(items, range(kAll).items);
  EXPECT_EQ(last, revision());
}

TEST_P(Watching, AnEventSeenCanBeReadAtOnce) {
  const auto watched = watch(kAll, 1);
  auto writing = executor_.start(write_at_random(store_.get(), 1, 200));
  Revision last = 1;
  for (int i = 0; i < 20 && last < 100; ++i) {
    const auto batch = next(*watched);
    ASSERT_TRUE(batch);
    last = batch->revision;
    EXPECT_GE(revision(), last);
    EXPECT_GE(range(KeyRange::key("/a"), {.revision = last}).revision, last);
  }
  writing.get();
}

TEST_P(Watching, EndsWhenTheStoreStops) {
  auto watched = watch(kAll, 1);
  const auto idle = watch(kAll, 1);
  auto waiting = executor_.start(watched->next());

  run(store_->stop());

  auto ended = waiting.get();
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason(), Reason::ServiceUnavailable);
  store_.reset();
  ended = next(*idle);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason(), Reason::ServiceUnavailable);
}

TEST_P(Watching, LeavesTheStoreInOrderWhenDropped) {
  auto watched = watch(kAll, 1);
  put("/a", "1");
  ASSERT_TRUE(next(*watched));
  watched.reset();
  EXPECT_EQ(put("/a", "2"), 3);
  EXPECT_THAT(texts(history(kAll, 2)), ElementsAre("put /a=2@3"));
}

}  // namespace
}  // namespace keelson::store
