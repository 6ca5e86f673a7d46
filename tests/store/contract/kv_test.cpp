// SPDX-License-Identifier: Apache-2.0
// Transactions, reads, compaction and ttl, as store.h has them.
#include "contract.h"

namespace keelson::store {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

class Kv : public StoreContract {};
INSTANTIATE_TEST_SUITE_P(Backend, Kv, testing::ValuesIn(backends()),
                         [](const auto& backend) { return backend.param.name; });

std::vector<std::string> keys(const RangeResult& result) {
  std::vector<std::string> names;
  for (const auto& item : result.items) names.push_back(item.key);
  return names;
}

TEST_P(Kv, CountsRevisionsFromTwo) {
  EXPECT_EQ(revision(), 1);
  EXPECT_EQ(range(kAll).revision, 1);

  EXPECT_EQ(put("/a", "1"), 2);
  EXPECT_EQ(put("/b", "1"), 3);
  EXPECT_EQ(remove("/a"), 4);

  EXPECT_EQ(revision(), 4);
  EXPECT_EQ(range(kAll).revision, 4);
}

TEST_P(Kv, GivesAllWritesOfATransactionOneRevision) {
  put("/old", "x");

  const auto revision =
      commit({{.key = "/a", .value = "1"}, {.key = "/b", .value = "2"}, {.key = "/old"}});

  ASSERT_EQ(revision, 3);
  EXPECT_EQ(get("/a")->mod_revision, 3);
  EXPECT_EQ(get("/b")->mod_revision, 3);
  EXPECT_FALSE(get("/old"));
}

TEST_P(Kv, CountsVersionsSinceCreation) {
  put("/a", "1");
  EXPECT_EQ(get("/a"), (KeyValue{"/a", "1", 2, 2, 1}));
  put("/a", "2");
  EXPECT_EQ(get("/a"), (KeyValue{"/a", "2", 2, 3, 2}));
  remove("/a");
  EXPECT_EQ(get("/a"), std::nullopt);
  put("/a", "3");
  EXPECT_EQ(get("/a"), (KeyValue{"/a", "3", 5, 5, 1}));
}

TEST_P(Kv, WritesOnlyWhatHasTheExpectedRevision) {
  put("/a", "1");     // 2
  put("/gone", "1");  // 3
  remove("/gone");    // 4
  struct Case {
    const char *name, *key;
    std::optional<std::string> value;
    Revision expected;
    bool accepted;
  };
  const Case cases[] = {
      {"create what exists", "/a", "x", 0, false},
      {"update from an older revision", "/a", "x", 1, false},
      {"update from a newer revision", "/a", "x", 3, false},
      {"delete at another revision", "/a", std::nullopt, 4, false},
      {"delete what should not exist", "/a", std::nullopt, 0, false},
      {"update what is missing", "/none", "x", 2, false},
      {"delete what is missing, at a revision", "/none", std::nullopt, 2, false},
      {"update what is deleted, at its last revision", "/gone", "x", 3, false},
      {"update what is deleted, at its deletion", "/gone", "x", 4, false},
      {"update", "/a", "2", 2, true},
      {"create", "/new", "1", 0, true},
      {"create again", "/gone", "2", 0, true},
      {"delete", "/a", std::nullopt, 5, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Revision before = revision();
    const auto result = commit({{.key = c.key, .value = c.value, .expected = c.expected}});
    if (c.accepted) {
      EXPECT_EQ(result, before + 1);
      EXPECT_EQ(get(c.key) ? std::optional(get(c.key)->value) : std::nullopt, c.value);
    } else {
      ASSERT_FALSE(result);
      EXPECT_TRUE(result.error().is(Reason::Conflict));
      EXPECT_EQ(revision(), before);
    }
  }
}

TEST_P(Kv, AppliesNothingOfARefusedTransaction) {
  put("/a", "1");
  put("/b", "1");

  const auto result = commit({{.key = "/new", .value = "x"},
                              {.key = "/a", .value = "2", .expected = 2},
                              {.key = "/b", .expected = 2}});

  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Reason::Conflict));
  EXPECT_FALSE(get("/new"));
  EXPECT_EQ(get("/a")->value, "1");
  EXPECT_EQ(get("/b")->value, "1");
  EXPECT_EQ(revision(), 3);
}

TEST_P(Kv, TakesTheDeletionOfAMissingKeyForNoWrite) {
  put("/a", "1");

  EXPECT_EQ(remove("/none"), 2);
  EXPECT_EQ(commit({{.key = "/none", .expected = 0}}), 2);
  EXPECT_EQ(commit({}), 2);
  EXPECT_EQ(commit({{.key = "/none"}, {.key = "/a", .value = "2"}}), 3);

  const auto watch_ = watch(kAll, 1);
  EXPECT_THAT(texts(drain(*watch_)), ElementsAre("put /a=1@2", "put /a=2@3"));
}

TEST_P(Kv, RefusesMalformedTransactions) {
  std::vector<Write> many;
  for (std::size_t i = 0; i <= kTransactionWritesMax; ++i)
    many.push_back({.key = "/" + std::to_string(i), .value = "x"});
  struct Case {
    const char* name;
    std::vector<Write> writes;
    Reason reason;
  };
  const Case cases[] = {
      {"no key", {{.key = "", .value = "x"}}, Reason::BadRequest},
      {"a key twice", {{.key = "/a", .value = "x"}, {.key = "/a"}}, Reason::BadRequest},
      {"too many writes", many, Reason::BadRequest},
      {"ttl of a deletion", {{.key = "/a", .ttl = 1s}}, Reason::BadRequest},
      {"negative ttl", {{.key = "/a", .value = "x", .ttl = -1s}}, Reason::BadRequest},
      {"too large",
       {{.key = "/a", .value = std::string(kTransactionBytesMax, 'x')}},
       Reason::RequestEntityTooLarge},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto result = commit(c.writes);
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason(), c.reason) << result.error().message();
    EXPECT_EQ(revision(), 1);
  }
}

TEST_P(Kv, AcceptsTransactionsUpToTheLimits) {
  std::vector<Write> many;
  for (std::size_t i = 0; i < kTransactionWritesMax; ++i)
    many.push_back({.key = "/" + std::to_string(i), .value = "x"});
  EXPECT_EQ(commit(many), 2);
  const std::string large(kTransactionBytesMax - 2, 'x');
  EXPECT_EQ(put("/a", large), 3);
  EXPECT_EQ(get("/a")->value, large);
  EXPECT_EQ(range(kAll).count, static_cast<std::int64_t>(kTransactionWritesMax + 1));
}

TEST_P(Kv, KeepsAnyBytes) {
  const std::string key("/a\0\x01\x80\xff z", 8), value("\0\xff\n\0", 4);
  put(key, value);
  put("/empty", "");

  EXPECT_EQ(get(key)->value, value);
  EXPECT_EQ(get("/empty")->value, "");
  EXPECT_FALSE(get("/a"));
  const auto watched = watch(kAll, 1);
  const auto events = drain(*watched);
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(events[0].item.key, key);
  EXPECT_EQ(events[0].item.value, value);
  EXPECT_EQ(events[1].item.value, "");
}

TEST_P(Kv, ReadsRangesInTheOrderOfBytes) {
  for (const char* key : {"/b", "/a/2", "/a/\xff", "/a", "/a/10", "/a0", "/a/1", "/B"})
    put(key, key);

  EXPECT_THAT(keys(range(kAll)),
              ElementsAre("/B", "/a", "/a/1", "/a/10", "/a/2", "/a/\xff", "/a0", "/b"));
  EXPECT_THAT(keys(range(KeyRange::prefix("/a/"))),
              ElementsAre("/a/1", "/a/10", "/a/2", "/a/\xff"));
  EXPECT_THAT(keys(range(KeyRange::prefix("/a/\xff"))), ElementsAre("/a/\xff"));
  EXPECT_THAT(keys(range(KeyRange::key("/a"))), ElementsAre("/a"));
  EXPECT_THAT(keys(range({"/a/10", "/a0"})), ElementsAre("/a/10", "/a/2", "/a/\xff"));
  EXPECT_THAT(keys(range({"/b", "/a"})), ElementsAre());
  EXPECT_THAT(keys(range(KeyRange::prefix("/none"))), ElementsAre());
}

TEST_P(Kv, CutsARangeAtItsLimit) {
  for (const char* key : {"/1", "/2", "/3", "/4"}) put(key, "x");
  remove("/2");
  struct Case {
    std::int64_t limit;
    std::vector<std::string> expected;
    bool more;
  };
  const Case cases[] = {
      {1, {"/1"}, true},
      {2, {"/1", "/3"}, true},
      {3, {"/1", "/3", "/4"}, false},
      {4, {"/1", "/3", "/4"}, false},
      {0, {"/1", "/3", "/4"}, false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.limit);
    const auto result = range(kAll, {.limit = c.limit});
    EXPECT_EQ(keys(result), c.expected);
    EXPECT_EQ(result.more, c.more);
    EXPECT_EQ(result.count, 3);
  }
}

TEST_P(Kv, LeavesOutValuesWhenAskedForKeysOnly) {
  put("/a", "1");
  put("/a", "2");
  EXPECT_THAT(range(kAll, {.keys_only = true}).items, ElementsAre(KeyValue{"/a", "", 2, 3, 2}));
}

TEST_P(Kv, ReadsAtARevision) {
  put("/a", "1");  // 2
  put("/b", "1");  // 3
  put("/a", "2");  // 4
  remove("/b");    // 5
  put("/b", "2");  // 6

  const auto at = [this](Revision revision) {
    std::vector<std::string> found;
    for (const auto& item : range(kAll, {.revision = revision}).items)
      found.push_back(item.key + "=" + item.value);
    return found;
  };
  EXPECT_THAT(at(1), ElementsAre());
  EXPECT_THAT(at(2), ElementsAre("/a=1"));
  EXPECT_THAT(at(3), ElementsAre("/a=1", "/b=1"));
  EXPECT_THAT(at(4), ElementsAre("/a=2", "/b=1"));
  EXPECT_THAT(at(5), ElementsAre("/a=2"));
  EXPECT_THAT(at(6), ElementsAre("/a=2", "/b=2"));
  EXPECT_EQ(range(kAll, {.revision = 2}).revision, 6);
}

TEST_P(Kv, ReadsPagesOfOneSnapshotWhileOthersWrite) {
  for (int i = 0; i < 30; ++i) put("/k/" + std::to_string(100 + i), "old");
  const Revision snapshot = revision();

  std::vector<std::string> values;
  std::string from = "/k/";
  while (true) {
    const auto page = range({from, "/k0"}, {.revision = snapshot, .limit = 7});
    for (const auto& item : page.items) values.push_back(item.value);
    if (!page.more) break;
    from = page.items.back().key + '\0';
    put("/k/" + std::to_string(100 + values.size()), "new");
    remove("/k/129");
    put("/k/200", "new");
  }

  EXPECT_EQ(values, std::vector<std::string>(30, "old"));
}

TEST_P(Kv, RefusesRevisionsOfTheFuture) {
  put("/a", "1");
  const auto result = try_range(kAll, {.revision = 3});
  ASSERT_FALSE(result);
  EXPECT_TRUE(result.error().is(Reason::BadRequest));
  EXPECT_EQ(result.error().message(), "etcdserver: mvcc: required revision is a future revision");
}

TEST_P(Kv, LosesNoUpdateOfConcurrentWriters) {
  put("/counter", "0");
  constexpr int kWriters = 8, kIncrements = 25;
  auto increment = [](Store* store) -> Task<int> {
    int done = 0;
    while (done < kIncrements) {
      auto current = co_await store->get("/counter");
      CHECK(current && *current);
      const KeyValue& item = **current;
      Transaction transaction;
      transaction.writes.push_back({.key = "/counter",
                                    .value = std::to_string(std::stoi(item.value) + 1),
                                    .expected = item.mod_revision});
      const auto result = co_await store->commit(std::move(transaction));
      CHECK(result || result.error().is(Reason::Conflict));
      if (result) ++done;
    }
    co_return done;
  };
  std::vector<std::future<int>> writers;
  for (int i = 0; i < kWriters; ++i) writers.push_back(executor_.start(increment(store_.get())));
  for (auto& writer : writers) writer.get();

  EXPECT_EQ(get("/counter")->value, std::to_string(kWriters * kIncrements));
  EXPECT_EQ(get("/counter")->version, 1 + kWriters * kIncrements);
  EXPECT_EQ(revision(), 2 + kWriters * kIncrements);
}

TEST_P(Kv, AnswersRevisionsThatNeverGoBack) {
  auto write = [](Store* store) -> Task<int> {
    for (int i = 0; i < 300; ++i) {
      Transaction transaction;
      transaction.writes.push_back({.key = "/a", .value = "x"});
      CHECK((co_await store->commit(std::move(transaction))).has_value());
    }
    co_return 0;
  };
  auto writer = executor_.start(write(store_.get()));
  auto second = executor_.start(write(store_.get()));
  Revision newest = 1;
  while (newest < 601) {
    const Revision read = range(kAll).revision;
    EXPECT_GE(read, newest);
    const Revision current = revision();
    EXPECT_GE(current, read);
    const auto item = get("/a");
    newest = std::max(current, item ? item->mod_revision : 0);
    EXPECT_GE(newest, current);
  }
  writer.get();
  second.get();
}

TEST_P(Kv, ShowsWritesBehindAtOnceAndInOrder) {
  EXPECT_EQ(commit({{.key = "/lease", .value = "1"}}, Durability::Behind), 2);
  EXPECT_EQ(get("/lease")->value, "1");
  EXPECT_EQ(put("/pod", "1"), 3);
  EXPECT_EQ(commit({{.key = "/lease", .value = "2", .expected = 2}}, Durability::Behind), 4);
  EXPECT_FALSE(commit({{.key = "/lease", .value = "3", .expected = 2}}, Durability::Behind));

  const auto watched = watch(kAll, 1);
  EXPECT_THAT(texts(drain(*watched)),
              ElementsAre("put /lease=1@2", "put /pod=1@3", "put /lease=2@4"));
}

TEST_P(Kv, ForgetsWhatWasSupersededBeforeACompaction) {
  put("/a", "1");  // 2
  put("/a", "2");  // 3
  put("/b", "1");  // 4
  remove("/b");    // 5
  put("/a", "3");  // 6

  ASSERT_TRUE(run(store_->compact(5)));

  for (const Revision old : {1, 2, 3, 4}) {
    const auto result = try_range(kAll, {.revision = old});
    ASSERT_FALSE(result) << old;
    EXPECT_TRUE(result.error().is(Reason::Expired));
    EXPECT_EQ(result.error().message(), "etcdserver: mvcc: required revision has been compacted");
  }
  EXPECT_THAT(range(kAll, {.revision = 5}).items, ElementsAre(KeyValue{"/a", "2", 2, 3, 2}));
  EXPECT_THAT(range(kAll, {.revision = 6}).items, ElementsAre(KeyValue{"/a", "3", 2, 6, 3}));
  EXPECT_THAT(range(kAll).items, ElementsAre(KeyValue{"/a", "3", 2, 6, 3}));
  EXPECT_EQ(revision(), 6);
}

TEST_P(Kv, RefusesToCompactBackwardsOrIntoTheFuture) {
  for (int i = 0; i < 4; ++i) put("/a", "x");
  ASSERT_TRUE(run(store_->compact(3)));
  for (const auto& [revision, reason] : {std::pair{Revision{2}, Reason::Expired},
                                         {Revision{3}, Reason::Expired},
                                         {Revision{6}, Reason::BadRequest}}) {
    SCOPED_TRACE(revision);
    const auto result = run(store_->compact(revision));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().reason(), reason);
  }
  EXPECT_TRUE(run(store_->compact(5)));
}

TEST_P(Kv, KeepsDeletedKeysDeletedThroughCompactions) {
  put("/a", "1");               // 2
  put("/b", "1");               // 3
  remove("/a");                 // 4
  const auto b = remove("/b");  // 5

  ASSERT_TRUE(run(store_->compact(4)));
  EXPECT_FALSE(get("/a"));
  EXPECT_THAT(keys(range(kAll, {.revision = 4})), ElementsAre("/b"));
  ASSERT_TRUE(run(store_->compact(b)));
  EXPECT_THAT(keys(range(kAll)), ElementsAre());
  EXPECT_EQ(revision(), 5);

  EXPECT_EQ(commit({{.key = "/a", .value = "2", .expected = 0}}), 6);
  EXPECT_EQ(get("/a"), (KeyValue{"/a", "2", 6, 6, 1}));
  ASSERT_TRUE(run(store_->compact(6)));
  EXPECT_EQ(get("/a"), (KeyValue{"/a", "2", 6, 6, 1}));
}

TEST_P(Kv, FreesTheSpaceOfWhatItForgets) {
  const std::string value(100'000, 'x');
  for (int i = 0; i < 100; ++i) put("/a", value);
  const auto before = run(store_->size_bytes());
  ASSERT_TRUE(run(store_->compact(revision())));
  for (int i = 0; i < 100; ++i) put("/a", value);
  ASSERT_TRUE(run(store_->compact(revision())));
  const auto after = run(store_->size_bytes());
  ASSERT_TRUE(before && after);
  EXPECT_GE(*before, 10'000'000);
  EXPECT_LE(*after, 20'000'000 + 4 * 1024 * 1024) << "a window of history, and the log of as much";
}

TEST_P(Kv, CompactsByItselfToTheRevisionOfOneIntervalAgo) {
  open({.compaction_interval = 5min});
  put("/a", "1");  // 2
  put("/a", "2");  // 3
  executor_.advance(5min);
  while (executor_.timers() == 0) run(yield_now());  // Set again at the end of its work.
  put("/a", "3");                                    // 4
  put("/a", "4");                                    // 5
  EXPECT_EQ(range(kAll, {.revision = 2}).items.size(), 1u);

  executor_.advance(5min);
  while (try_range(kAll, {.revision = 2})) run(yield_now());

  const auto early = try_range(kAll, {.revision = 2});
  EXPECT_TRUE(early.error().is(Reason::Expired));
  EXPECT_EQ(range(kAll, {.revision = 4}).items.size(), 1u);
  EXPECT_EQ(get("/a")->value, "4");
}

TEST_P(Kv, DeletesKeysWhenTheirTtlEnds) {
  put("/event", "1", 60s);  // 2
  put("/kept", "1");        // 3
  const auto watched = watch(kAll, 3);
  executor_.advance(59s);
  put("/other", "1");  // 4
  ASSERT_TRUE(get("/event"));
  EXPECT_THAT(texts(next(*watched)->events), ElementsAre("put /other=1@4"));

  executor_.advance(1s);

  EXPECT_THAT(texts(next_as_time_passes(*watched)->events), ElementsAre("delete /event@5"));
  EXPECT_FALSE(get("/event"));
  EXPECT_TRUE(get("/kept"));
}

TEST_P(Kv, CountsTheTtlFromTheLastWriteOfTheKey) {
  put("/renewed", "1", 60s);
  put("/made-permanent", "1", 60s);
  put("/replaced", "1", 60s);
  executor_.advance(40s);
  put("/renewed", "2", 60s);
  put("/made-permanent", "2");
  remove("/replaced");
  put("/replaced", "2");
  const auto watched = watch(kAll, revision());

  executor_.advance(40s);
  put("/marker", "1");
  EXPECT_THAT(texts(drain(*watched)), ElementsAre("put /marker=1@9"));

  executor_.advance(20s);
  EXPECT_THAT(texts(next_as_time_passes(*watched)->events), ElementsAre("delete /renewed@10"));
  EXPECT_TRUE(get("/made-permanent"));
  EXPECT_TRUE(get("/replaced"));
}

TEST_P(Kv, DeletesManyKeysWhoseTtlEndsAtOnce) {
  constexpr int kCount = 1200;
  for (int i = 0; i < kCount / 100; ++i) {
    std::vector<Write> writes;
    for (int k = 0; k < 100; ++k)
      writes.push_back({.key = "/e/" + std::to_string(i * 100 + k), .value = "x", .ttl = 5s});
    ASSERT_TRUE(commit(std::move(writes)));
  }
  const auto watched = watch(KeyRange::prefix("/e/"), revision());

  std::set<std::string> deleted;
  while (deleted.size() < kCount) {
    const auto batch = next_as_time_passes(*watched);
    ASSERT_TRUE(batch);
    for (const Event& event : batch->events) {
      EXPECT_EQ(event.type, Event::Type::Delete);
      EXPECT_TRUE(deleted.insert(event.item.key).second) << event.item.key;
    }
  }
  EXPECT_EQ(range(kAll).count, 0);
}

}  // namespace
}  // namespace keelson::store
