// SPDX-License-Identifier: Apache-2.0
// What only a file can do: outlive a process, lose power, be locked, grow, be damaged.
#include <sys/stat.h>
#include <unistd.h>

#include <fstream>

#include "../temporary_folder.h"
#include "contract.h"
#include "power_loss_vfs.h"
#include "store/sqlite/log_writer.h"
#include "store/sqlite/sqlite_store.h"

namespace keelson::store {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class SqliteFile : public testing::Test {
 protected:
  SqliteFile() { options_.compaction_interval = Duration{0}; }
  void SetUp() override {
    options_.path = folder_.file("state.db");
    open();
  }
  void TearDown() override { close(); }

  void open() {
    auto opened = open_sqlite_store(executor_, options_);
    ASSERT_TRUE(opened) << opened.error().message();
    store_ = *std::move(opened);
  }
  void close() {
    if (!store_) return;
    executor_.run(store_->stop());
    store_.reset();
  }
  void reopen() {
    close();
    open();
  }
  // As after a power cut: the old store's file with what was durable only.
  void lose_power() {
    const std::string next = folder_.file("state-" + std::to_string(++losses_) + ".db");
    vfs_.restore(options_.path, next);
    close();
    options_.path = next;
    open();
  }

  Result<Revision> commit(std::vector<Write> writes, Durability durability = Durability::Synced) {
    return executor_.run(store_->commit({.writes = std::move(writes), .durability = durability}));
  }
  Revision put(std::string key, std::string value, std::chrono::seconds ttl = {}) {
    return commit({{.key = std::move(key), .value = std::move(value), .ttl = ttl}}).value();
  }
  Revision put_behind(std::string key, std::string value) {
    return commit({{.key = std::move(key), .value = std::move(value)}}, Durability::Behind).value();
  }
  std::optional<KeyValue> get(std::string key) {
    return executor_.run(store_->get(std::move(key))).value();
  }
  std::string read(std::string key) {
    const auto item = get(std::move(key));
    return item ? item->value : "(none)";
  }
  RangeResult range() { return executor_.run(store_->range(kAll, {})).value(); }
  Revision revision() { return executor_.run(store_->current_revision()).value(); }
  Result<void> compact(Revision revision) { return executor_.run(store_->compact(revision)); }
  std::vector<std::string> history(Revision since) {
    auto watch = executor_.run(store_->watch(kAll, since)).value();
    watch->request_progress();
    std::vector<std::string> lines;
    while (true) {
      const auto batch = executor_.run(watch->next()).value();
      for (const auto& line : texts(batch.events)) lines.push_back(line);
      if (batch.revision >= revision()) return lines;
    }
  }
  std::int64_t file_bytes(const char* part = "") const {
    std::error_code missing;
    const auto size = std::filesystem::file_size(options_.path + part, missing);
    return missing ? 0 : static_cast<std::int64_t>(size);
  }
  // A statement beside the store, which is closed.
  std::int64_t query_closed(const std::string& sql) {
    auto connection = Connection::open(options_.path, Connection::Mode::ReadWrite).value();
    return connection->query_integer(sql).value();
  }
  Status open_error() {
    auto opened = open_sqlite_store(executor_, options_);
    if (!opened) return opened.error();
    executor_.run((*opened)->stop());
    return Status::internal("opened");
  }

  PowerLossVfs vfs_;
  TemporaryFolder folder_;
  TestExecutor executor_{2};
  SqliteOptions options_;
  std::unique_ptr<Store> store_;
  int losses_ = 0;
};

TEST_F(SqliteFile, ContinuesAfterARestart) {
  put("/a", "1");
  put("/a", "2");
  put("/b", "1");
  commit({{.key = "/b"}}).value();
  reopen();

  EXPECT_EQ(revision(), 5);
  EXPECT_EQ(get("/a"), (KeyValue{"/a", "2", 2, 3, 2}));
  EXPECT_FALSE(get("/b"));
  EXPECT_THAT(history(1), ElementsAre("put /a=1@2", "put /a=2@3", "put /b=1@4", "delete /b@5"));
  EXPECT_FALSE(commit({{.key = "/a", .value = "x", .expected = 2}}));
  EXPECT_EQ(commit({{.key = "/a", .value = "3", .expected = 3}}), 6);
}

TEST_F(SqliteFile, RemembersItsCompaction) {
  for (int i = 0; i < 5; ++i) put("/a", std::to_string(i));
  ASSERT_TRUE(compact(4));
  reopen();

  const auto old = executor_.run(store_->range(kAll, {.revision = 3}));
  ASSERT_FALSE(old);
  EXPECT_TRUE(old.error().is(Reason::Expired));
  EXPECT_FALSE(executor_.run(store_->watch(kAll, 2)));
  EXPECT_THAT(history(3), ElementsAre("put /a=2@4", "put /a=3@5", "put /a=4@6"));
}

TEST_F(SqliteFile, NeverGivesARevisionTwiceThoughAllIsDeletedAndCompacted) {
  put("/a", "1");
  const Revision last = commit({{.key = "/a"}}).value();
  ASSERT_TRUE(compact(last));
  reopen();
  EXPECT_EQ(revision(), last);
  EXPECT_THAT(range().items, IsEmpty());
  reopen();
  EXPECT_EQ(put("/a", "2"), last + 1);
}

TEST_F(SqliteFile, FinishesACompactionThatACrashInterrupted) {
  for (int i = 0; i < 1000; ++i) put_behind("/a", std::to_string(i));
  close();
  {
    // The crash came when the compaction was decided, but little had been removed.
    auto file = open_file(options_.path, {}).value();
    auto log = LogWriter::create(std::move(file.connection)).value();
    ASSERT_TRUE(log->begin(true));
    ASSERT_TRUE(log->set_compacted(900));
    ASSERT_TRUE(log->sweep(0, 900, 10));
    ASSERT_TRUE(log->commit());
  }
  ASSERT_GT(query_closed("SELECT count(*) FROM log"), 900);
  open();
  EXPECT_EQ(revision(), 1001);
  EXPECT_FALSE(executor_.run(store_->range(kAll, {.revision = 899})));
  EXPECT_EQ(executor_.run(store_->range(kAll, {.revision = 900}))->items.front().value, "898");

  ASSERT_TRUE(compact(901));  // Answers when both are done.
  close();
  EXPECT_EQ(query_closed("SELECT count(*) FROM log"), 101);
}

TEST_F(SqliteFile, CountsTtlThroughARestart) {
  put("/soon", "1", 60s);
  put("/later", "1", 3600s);
  close();
  executor_.advance(30s);
  open();
  EXPECT_TRUE(get("/soon"));
  close();

  executor_.advance(60s);
  open();
  const auto watch = executor_.run(store_->watch(kAll, 3)).value();
  EXPECT_THAT(texts(executor_.run(watch->next())->events), ElementsAre("delete /soon@4"));
  EXPECT_TRUE(get("/later"));
  auto next = executor_.start(watch->next());
  while (next.wait_for(1ms) != std::future_status::ready) executor_.advance(60s);
  EXPECT_THAT(texts(next.get()->events), ElementsAre("delete /later@5"));
}

TEST_F(SqliteFile, IsReadableByItsOwnerOnly) {
  put("/a", "1");
  for (const char* part : {"", "-wal", "-shm", ".lock"}) {
    struct stat info{};
    ASSERT_EQ(::stat((options_.path + part).c_str(), &info), 0) << part;
    EXPECT_EQ(info.st_mode & 0777, 0600u) << part;
  }
  close();
  ::chmod(options_.path.c_str(), 0644);
  open();
  struct stat info{};
  ASSERT_EQ(::stat(options_.path.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(SqliteFile, RefusesASecondOwner) {
  const Status error = open_error();
  EXPECT_EQ(error.reason(), Reason::ServiceUnavailable);
  EXPECT_EQ(error.message(), options_.path + ": in use by process " + std::to_string(::getpid()));
  EXPECT_EQ(put("/a", "1"), 2);
  close();
  open();
  EXPECT_TRUE(get("/a"));
}

TEST_F(SqliteFile, SaysWhatIsWrongWithAFileItCannotUse) {
  close();
  const auto replace = [this](const std::string& content) {
    for (const char* part : {"", "-wal", "-shm"}) std::filesystem::remove(options_.path + part);
    std::ofstream(options_.path, std::ios::binary) << content;
  };
  {
    SCOPED_TRACE("not a database");
    replace("This is no database, however long one looks at it. " + std::string(8192, 'x'));
    EXPECT_EQ(open_error().reason(), Reason::InternalError);
    EXPECT_THAT(open_error().message(), HasSubstr("file is not a database"));
  }
  {
    SCOPED_TRACE("another program's database");
    replace("");
    query_closed("CREATE TABLE t (a)");
    EXPECT_THAT(open_error().message(), HasSubstr("not a store of this program"));
  }
  {
    SCOPED_TRACE("a newer version");
    replace("");
    open();
    close();
    query_closed("PRAGMA user_version = 99");
    EXPECT_THAT(open_error().message(), HasSubstr("schema version 99 is not known"));
  }
  {
    SCOPED_TRACE("no folder");
    options_.path = folder_.file("none/state.db");
    EXPECT_EQ(open_error().reason(), Reason::ServiceUnavailable);
    EXPECT_THAT(open_error().message(), HasSubstr("No such file or directory"));
  }
}

TEST_F(SqliteFile, NoticesDamage) {
  for (int i = 0; i < 200; ++i) put_behind("/" + std::to_string(i), std::string(1000, 'x'));
  close();
  {
    std::fstream file(options_.path, std::ios::in | std::ios::out | std::ios::binary);
    for (std::streamoff page = 4; page < 40; ++page) {
      file.seekp(page * 4096);
      file << std::string(64, '\xa5');
    }
  }
  // Without the check it may open, but never answers with what it cannot trust.
  if (auto opened = open_sqlite_store(executor_, options_)) {
    const auto read = executor_.run((*opened)->range(kAll, {}));
    ASSERT_FALSE(read);
    EXPECT_EQ(read.error().reason(), Reason::InternalError);
    EXPECT_THAT(read.error().message(), HasSubstr("malformed"));
    executor_.run((*opened)->stop());
  } else {
    EXPECT_EQ(opened.error().reason(), Reason::InternalError);
  }
  options_.check_integrity = true;
  EXPECT_EQ(open_error().reason(), Reason::InternalError);
  EXPECT_THAT(open_error().message(), HasSubstr("restore the file from a backup"));
}

TEST_F(SqliteFile, StaysAsSmallAsItsLiveDataAndTheCompactionWindow) {
  options_.wal_bytes_max = 256 * 1024;
  reopen();
  const std::string value(10'000, 'x');
  std::int64_t largest = 0;
  for (int window = 0; window < 20; ++window) {
    const Revision before = revision();
    for (int i = 0; i < 50; ++i) put_behind("/" + std::to_string(i % 10), value);
    ASSERT_TRUE(compact(before));
    largest = std::max(largest, executor_.run(store_->size_bytes()).value());
  }
  // 10 MB were written. Two windows of 500 KB, half a page wasted each, and the log.
  EXPECT_LE(largest, 3'000'000);
}

TEST_F(SqliteFile, GivesSpaceBackWhenMuchIsDeleted) {
  for (int i = 0; i < 80; ++i) put_behind("/" + std::to_string(i), std::string(100'000, 'x'));
  reopen();
  ASSERT_GT(file_bytes(), 8'000'000);

  for (int i = 0; i < 80; ++i)
    commit({{.key = "/" + std::to_string(i)}}, Durability::Behind).value();
  ASSERT_TRUE(compact(revision()));
  close();

  EXPECT_LE(file_bytes(), 1'500'000) << "a reserve of free pages is kept";
}

TEST_F(SqliteFile, KeepsTheWriteAheadLogBounded) {
  options_.wal_bytes_max = 1024 * 1024;
  reopen();
  std::int64_t largest = 0;
  for (int i = 0; i < 400; ++i) {
    put_behind("/" + std::to_string(i % 50), std::string(50'000, 'x'));
    largest = std::max(largest, file_bytes("-wal"));
  }
  EXPECT_GT(largest, 500'000);
  EXPECT_LE(largest, 4 * options_.wal_bytes_max);
}

TEST_F(SqliteFile, RefusesWritesBeyondItsSizeUntilSpaceIsFreed) {
  options_.size_bytes_max = 2'000'000;
  reopen();
  const std::string value(100'000, 'x');
  Result<Revision> last = 0;
  for (int i = 0; i < 100 && last; ++i) last = commit({{.key = "/a", .value = value}});
  ASSERT_FALSE(last);
  EXPECT_EQ(last.error().reason(), Reason::ServiceUnavailable);
  EXPECT_THAT(last.error().message(), HasSubstr("full"));
  EXPECT_LE(file_bytes(), options_.size_bytes_max);
  const auto before = get("/a");
  ASSERT_TRUE(before);
  EXPECT_EQ(before->mod_revision, revision());

  ASSERT_TRUE(compact(revision()));
  EXPECT_EQ(put("/a", value), before->mod_revision + 1);
}

TEST_F(SqliteFile, SharesAnFsyncBetweenConcurrentCommits) {
  put("/a", "1");
  const int before = vfs_.syncs_of(options_.path + "-wal");
  auto write = [](Store* store, int writer) -> Task<int> {
    for (int i = 0; i < 20; ++i) {
      Transaction transaction;
      transaction.writes.push_back({.key = "/" + std::to_string(writer), .value = "x"});
      CHECK((co_await store->commit(std::move(transaction))).has_value());
    }
    co_return 0;
  };
  std::vector<std::future<int>> writers;
  for (int i = 0; i < 32; ++i) writers.push_back(executor_.start(write(store_.get(), i)));
  for (auto& writer : writers) writer.get();
  EXPECT_EQ(revision(), 2 + 32 * 20);
  EXPECT_LT(vfs_.syncs_of(options_.path + "-wal") - before, 32 * 20 / 2);
}

TEST_F(SqliteFile, HasEveryAnsweredSyncedWriteWhenPowerIsLost) {
  for (int round = 0; round < 10; ++round) {
    const std::string value = std::to_string(round);
    const Revision written = put("/a", value);
    lose_power();
    ASSERT_GE(revision(), written);
    ASSERT_TRUE(get("/a"));
    EXPECT_EQ(read("/a"), value);
    EXPECT_EQ(get("/a")->mod_revision, written);
  }
}

TEST_F(SqliteFile, HasEveryWriteBehindThatASyncedOneCameAfter) {
  put_behind("/lease", "1");
  put_behind("/lease", "2");
  put("/pod", "1");
  lose_power();
  EXPECT_EQ(read("/lease"), "2");
  EXPECT_EQ(read("/pod"), "1");
}

TEST_F(SqliteFile, NeverReusesTheRevisionOfAWriteBehindThatPowerLossTook) {
  put("/pod", "1");
  Revision seen = 0;
  for (int i = 0; i < 5; ++i) seen = put_behind("/lease", std::to_string(i));
  // What was never synced is lost; a test that could not lose it would show nothing.
  lose_power();
  const auto lease = get("/lease");
  EXPECT_TRUE(!lease || lease->value != "4");
  EXPECT_GE(revision(), seen);
  EXPECT_THAT(history(seen), IsEmpty());
  EXPECT_GT(put("/pod", "2"), seen);
  EXPECT_EQ(history(seen).size(), 1u);
}

TEST_F(SqliteFile, DoesNotSkipRevisionsAfterACleanStop) {
  const Revision last = put_behind("/lease", "1");
  reopen();
  EXPECT_EQ(revision(), last);
  EXPECT_EQ(read("/lease"), "1");
}

TEST_F(SqliteFile, SyncsWritesBehindWithinASecond) {
  put_behind("/lease", "1");
  put_behind("/lease", "2");
  const int before = vfs_.syncs_of(options_.path + "-wal");
  executor_.advance(1s);
  while (vfs_.syncs_of(options_.path + "-wal") == before) executor_.run(yield_now());
  lose_power();
  EXPECT_EQ(read("/lease"), "2");
}

TEST_F(SqliteFile, HasWholeTransactionsOnlyWhereverTheLogIsTorn) {
  // Both keys of a transaction, or neither; and nothing later without all that came before.
  for (int i = 1; i <= 12; ++i) put_behind("/warm-up", std::to_string(i));
  for (int i = 1; i <= 12; ++i) {
    const std::string value = std::to_string(i) + ":" + std::string(3000, 'x');
    commit({{.key = "/left", .value = value}, {.key = "/right", .value = value}}).value();
  }
  const std::string original = options_.path;
  const auto wal_bytes = file_bytes("-wal");
  ASSERT_GT(wal_bytes, 50'000);
  std::vector<std::string> copies;
  for (std::int64_t cut = wal_bytes; cut > 0; cut -= 7777) {
    copies.push_back(folder_.file("cut-" + std::to_string(cut) + ".db"));
    std::filesystem::copy_file(original, copies.back());
    std::filesystem::copy_file(original + "-wal", copies.back() + "-wal");
    std::filesystem::resize_file(copies.back() + "-wal", static_cast<std::uintmax_t>(cut));
  }
  close();

  Revision previous = std::numeric_limits<Revision>::max();
  std::set<Revision> seen;
  for (const std::string& copy : copies) {
    SCOPED_TRACE(copy);
    options_.path = copy;
    ASSERT_NO_FATAL_FAILURE(open());
    const auto left = get("/left"), right = get("/right");
    ASSERT_EQ(left.has_value(), right.has_value());
    if (left) {
      EXPECT_EQ(left->value, right->value);
      EXPECT_EQ(left->mod_revision, right->mod_revision);
    }
    const Revision found = left ? left->mod_revision : 0;
    EXPECT_LE(found, previous);
    previous = found;
    seen.insert(found);
    close();
  }
  EXPECT_GE(seen.size(), 12u) << "each cut must matter";
}

}  // namespace
}  // namespace keelson::store
