// SPDX-License-Identifier: Apache-2.0
// A child process writes as fast as it can and reports what was answered; it is killed at a random
// moment, and what it left is checked. Run with --writer it is that child.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <random>

#include "../temporary_folder.h"
#include "../test_executor.h"
#include "store/sqlite/sqlite_store.h"

extern char** environ;

namespace keelson::store {
namespace {

constexpr int kWriters = 8;
constexpr int kReportDescriptor = 3;
const KeyRange kAll{.start = "/", .end = "0"};

std::string left_key(int writer) { return "/left/" + std::to_string(writer); }
std::string right_key(int writer) { return "/right/" + std::to_string(writer); }

// What the child says of an answered commit; smaller than PIPE_BUF, so never cut.
struct Report {
  int writer;
  int count;
  Revision revision;
};

// Long enough for a transaction to span pages.
std::string value_of(int count) {
  return std::to_string(count) + ":" +
         std::string(static_cast<std::size_t>(count * 37 % 3000), 'x');
}

int count_of(const std::optional<KeyValue>& item) {
  if (!item) return 0;
  const int count = std::atoi(item->value.c_str());
  EXPECT_EQ(item->value, value_of(count));
  return count;
}

Task<void> write_without_end(Store* store, int writer) {
  auto found = co_await store->get(left_key(writer));
  CHECK(found.has_value());
  int count = *found ? std::atoi((*found)->value.c_str()) : 0;
  while (true) {
    ++count;
    Transaction transaction;
    transaction.writes.push_back({.key = left_key(writer), .value = value_of(count)});
    // Comes and goes, so that compactions have deletions to forget.
    transaction.writes.push_back({.key = "/sometimes/" + std::to_string(writer)});
    if (count % 2 == 0) transaction.writes.back().value = "x";
    transaction.writes.push_back({.key = right_key(writer), .value = value_of(count)});
    if (writer == 0) transaction.durability = Durability::Behind;
    const auto revision = co_await store->commit(std::move(transaction));
    CHECK(revision.has_value());
    const Report report{writer, count, *revision};
    CHECK(::write(kReportDescriptor, &report, sizeof report) == sizeof report);
  }
}

// In small steps, so that a kill finds one under way.
Task<void> compact_up_to(Store* store, Revision end) {
  Revision at = end > 400 ? end - 400 : 1;
  for (; at < end; at += 50) {
    const auto result = co_await store->compact(at);
    CHECK(result || result.error().is(Reason::Expired));
  }
}

int run_writer(const char* path) {
  TestExecutor executor(2);
  auto store = open_sqlite_store(executor, {.path = path, .wal_bytes_max = 512 * 1024});
  CHECK(store.has_value());
  const auto opened = executor.run((*store)->current_revision());
  for (int writer = 0; writer < kWriters; ++writer)
    spawn(executor, write_without_end(store->get(), writer));
  spawn(executor, compact_up_to(store->get(), *opened));
  while (true) ::pause();
}

class Child final {
 public:
  explicit Child(const std::string& path) {
    std::array<int, 2> ends{};
    CHECK(::pipe2(ends.data(), O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_adddup2(&actions, ends[1], kReportDescriptor);
    std::string program = "/proc/self/exe", mode = "--writer", file = path;
    char* arguments[] = {program.data(), mode.data(), file.data(), nullptr};
    CHECK(::posix_spawn(&pid_, program.c_str(), &actions, nullptr, arguments, environ) == 0);
    posix_spawn_file_actions_destroy(&actions);
    ::close(ends[1]);
    reports_ = ends[0];
  }
  ~Child() { ::close(reports_); }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  // Waits for so many reports, but not longer than the time; then kills, and returns all reports.
  std::vector<Report> kill_after(std::size_t reports, std::chrono::milliseconds time) {
    std::vector<Report> all;
    const auto end = std::chrono::steady_clock::now() + time;
    while (all.size() < reports) {
      const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
          end - std::chrono::steady_clock::now());
      pollfd waiting{.fd = reports_, .events = POLLIN, .revents = 0};
      if (left.count() <= 0 || ::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) break;
      if (!read_one(all)) break;
    }
    ::kill(pid_, SIGKILL);
    while (read_one(all)) continue;
    int status = 0;
    ::waitpid(pid_, &status, 0);
    EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL)
        << "the writer failed by itself";
    return all;
  }

 private:
  bool read_one(std::vector<Report>& all) {
    Report report{};
    const auto size = ::read(reports_, &report, sizeof report);
    if (size == 0) return false;
    CHECK(size == sizeof report);
    all.push_back(report);
    return true;
  }

  pid_t pid_ = 0;
  int reports_ = -1;
};

std::vector<Event> events_since(TestExecutor& executor, Store& store, Revision since) {
  auto watch = executor.run(store.watch(kAll, since));
  CHECK(watch.has_value());
  const Revision end = *executor.run(store.current_revision());
  (*watch)->request_progress();
  std::vector<Event> events;
  while (true) {
    auto batch = executor.run((*watch)->next());
    CHECK(batch.has_value());
    for (Event& event : batch->events) events.push_back(std::move(event));
    if (batch->revision >= end) return events;
  }
}

// KEELSON_SEED and KEELSON_ROUNDS replay, or prolong.
unsigned setting(const char* name, unsigned otherwise) {
  const char* value = std::getenv(name);
  return value ? static_cast<unsigned>(std::strtoul(value, nullptr, 10)) : otherwise;
}

TEST(Crash, LosesNoAnsweredWriteAndLeavesNoneHalfDone) {
  const unsigned seed = setting("KEELSON_SEED", std::random_device()());
  const unsigned rounds = setting("KEELSON_ROUNDS", 100);
  std::printf("KEELSON_SEED=%u\n", seed);
  std::minstd_rand random(seed);
  TemporaryFolder folder;
  const std::string path = folder.file("state.db");
  TestExecutor executor(2);
  std::map<std::string, KeyValue> state;  // As it was at `revision`.
  Revision revision = 1;
  std::size_t answered = 0;

  for (unsigned round = 0; round < rounds; ++round) {
    SCOPED_TRACE("round " + std::to_string(round) + ", KEELSON_SEED=" + std::to_string(seed));
    // Some are killed while they open or recover, some after a few commits, some after many.
    const auto reports = Child(path).kill_after(
        random() % (round % 3 == 0 ? 20 : 1000),
        std::chrono::milliseconds(1 + random() % (round % 6 == 1 ? 40 : 2000)));
    answered += reports.size();

    auto opened = open_sqlite_store(executor, {.path = path, .check_integrity = true});
    ASSERT_TRUE(opened) << opened.error().message();
    Store& store = **opened;
    const Revision now = *executor.run(store.current_revision());
    ASSERT_GE(now, revision);
    const auto events = events_since(executor, store, revision);
    const auto found = executor.run(store.range(kAll, {}));
    ASSERT_TRUE(found);

    // The events since the last look lead exactly from that state to this one.
    std::map<std::pair<Revision, std::string>, std::string> written;
    Revision last = revision;
    for (const Event& event : events) {
      ASSERT_GE(event.item.mod_revision, last);
      last = event.item.mod_revision;
      if (event.type == Event::Type::Put) {
        state[event.item.key] = event.item;
        written[{last, event.item.key}] = event.item.value;
      } else {
        ASSERT_EQ(state.erase(event.item.key), 1u);
      }
    }
    ASSERT_GE(now, last);
    std::vector<KeyValue> items;
    for (const auto& [key, item] : state) items.push_back(item);
    ASSERT_EQ(items, found->items);

    std::array<int, kWriters> reported{};
    std::set<Revision> given;
    for (const Report& report : reports) {
      ASSERT_TRUE(given.insert(report.revision).second) << "a revision was given twice";
      ASSERT_LE(report.revision, now);
      ASSERT_EQ((written[{report.revision, left_key(report.writer)}]), value_of(report.count));
      ASSERT_EQ((written[{report.revision, right_key(report.writer)}]), value_of(report.count));
      reported[static_cast<std::size_t>(report.writer)] = report.count;
    }
    for (int writer = 0; writer < kWriters; ++writer) {
      const auto left = executor.run(store.get(left_key(writer)));
      const auto right = executor.run(store.get(right_key(writer)));
      ASSERT_TRUE(left && right);
      const int count = count_of(*left);
      ASSERT_EQ(count, count_of(*right)) << "half a transaction";
      if (const int known = reported[static_cast<std::size_t>(writer)]) {
        ASSERT_GE(count, known);
        ASSERT_LE(count, known + 1) << "one commit at most was under way";
      }
    }
    revision = now;
    executor.run(store.stop());
  }
  EXPECT_GT(answered, rounds * 10u);
  std::printf("%zu answered commits in %u rounds, revision %lld\n", answered, rounds,
              static_cast<long long>(revision));
}

}  // namespace
}  // namespace keelson::store

int main(int argc, char** argv) {
  if (argc == 3 && std::string_view(argv[1]) == "--writer")
    return keelson::store::run_writer(argv[2]);
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
