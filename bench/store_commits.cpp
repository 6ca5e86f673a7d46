// SPDX-License-Identifier: Apache-2.0
// How many durable commits a second the SQLite store takes from so many writers at once, what the
// store costs in memory, and how many events a second it tells to how many watches.
// Usage: store_commits [folder on the disk to measure]
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <future>
#include <thread>

#include "net/runtime.h"
#include "store/sqlite/sqlite_store.h"

namespace keelson::store {
namespace {

using Clock = std::chrono::steady_clock;
using Milliseconds = std::chrono::duration<double, std::milli>;

constexpr int kKeys = 25'000;
constexpr std::size_t kValueBytes = 1024;

std::string key_of(int i) { return "/registry/pods/default/web-5d9c7b6f4-" + std::to_string(i); }

struct Share {
  Store* store;
  int first, step, end;
  Durability durability;
};

// Writes the keys of its share and notes how long each commit took.
Task<std::vector<double>> write(Share share) {
  std::vector<double> latencies;
  for (int i = share.first; i < share.end; i += share.step) {
    Transaction transaction{.durability = share.durability};
    transaction.writes.push_back(
        {.key = key_of(i % kKeys),
         .value = std::string(kValueBytes, static_cast<char>('a' + i % 26))});
    const auto start = Clock::now();
    CHECK((co_await share.store->commit(std::move(transaction))).has_value());
    latencies.push_back(Milliseconds(Clock::now() - start).count());
  }
  co_return latencies;
}

template <class T>
Task<void> deliver(Task<T> task, std::promise<T>* promise) {
  promise->set_value(co_await std::move(task));
}

template <class T>
T run(Executor& executor, Task<T> task) {
  std::promise<T> promise;
  auto value = promise.get_future();
  spawn(executor, deliver(std::move(task), &promise));
  return value.get();
}

// Resident and private, without the pages of files.
long memory_kilobytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return std::strtol(line.c_str() + 8, nullptr, 10);
  return 0;
}

double fdatasync_milliseconds(const std::string& folder) {
  const std::string path = folder + "/fdatasync";
  const int descriptor = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  CHECK(descriptor >= 0);
  const std::string block(64 * 1024, 'x');
  constexpr int kRounds = 100;
  const auto start = Clock::now();
  for (int i = 0; i < kRounds; ++i) {
    CHECK(::pwrite(descriptor, block.data(), block.size(), 0) > 0);
    CHECK(::fdatasync(descriptor) == 0);
  }
  const double each = Milliseconds(Clock::now() - start).count() / kRounds;
  ::close(descriptor);
  ::unlink(path.c_str());
  return each;
}

void measure(Executor& executor, Store& store, const char* name, int writers, int commits,
             Durability durability) {
  std::vector<Task<std::vector<double>>> tasks;
  for (int i = 0; i < writers; ++i)
    tasks.push_back(write({&store, i, writers, commits, durability}));
  const auto start = Clock::now();
  const auto shares = run(executor, when_all(std::move(tasks)));
  const double seconds = Milliseconds(Clock::now() - start).count() / 1000;

  std::vector<double> all;
  for (const auto& share : shares) all.insert(all.end(), share.begin(), share.end());
  std::ranges::sort(all);
  std::printf("%-8s %8d %10.0f %9.2f %9.2f %9.2f %10ld\n", name, writers, commits / seconds,
              all[all.size() / 2], all[all.size() * 99 / 100], all.back(), memory_kilobytes());
}

// --- Watches ------------------------------------------------------------------------------------

constexpr int kWatches = 25, kWatchedKeys = 10'000, kClients = 1000;
constexpr int kWritesEach = 4;  // Create, update, update, delete.

struct Watched {
  Store* store;
  Revision since;
  // When the writer of the revision `since` + i had its answer; 0: not yet.
  std::vector<std::atomic<Clock::rep>> answered =
      std::vector<std::atomic<Clock::rep>>(kWatchedKeys * kWritesEach + 1);
};

struct Client {
  Watched* shared;
  int first;
};

Task<bool> churn(Client client) {
  for (int i = client.first; i < kWatchedKeys; i += kClients) {
    for (int write = 1; write <= kWritesEach; ++write) {
      Transaction transaction;
      Write& one = transaction.writes.emplace_back();
      one.key = "/registry/configmaps/default/web-" + std::to_string(i);
      if (write < kWritesEach) one.value = std::string(kValueBytes, static_cast<char>('a' + write));
      const auto revision = co_await client.shared->store->commit(std::move(transaction));
      CHECK(revision.has_value());
      client.shared->answered[static_cast<std::size_t>(*revision - client.shared->since)] =
          Clock::now().time_since_epoch().count();
    }
  }
  co_return true;
}

// How long after the writer's answer each event came, in milliseconds; 0: before it.
Task<std::vector<double>> lags(std::unique_ptr<Watch> watch, Watched* shared) {
  std::vector<double> lags;
  while (lags.size() < kWatchedKeys * kWritesEach) {
    const auto batch = co_await watch->next();
    CHECK(batch.has_value());
    const auto now = Clock::now().time_since_epoch();
    for (const Event& event : batch->events) {
      const Clock::duration answered(
          shared->answered[static_cast<std::size_t>(event.item.mod_revision - shared->since)]);
      lags.push_back(answered.count() == 0 ? 0 : Milliseconds(now - answered).count());
    }
  }
  co_return lags;
}

void measure_watches(Executor& executor, Store& store) {
  Watched shared{.store = &store, .since = *run(executor, store.current_revision())};
  std::vector<Task<std::vector<double>>> watches;
  for (int i = 0; i < kWatches; ++i) {
    auto watch =
        run(executor, store.watch(KeyRange::prefix("/registry/configmaps/"), shared.since));
    CHECK(watch.has_value());
    watches.push_back(lags(*std::move(watch), &shared));
  }
  std::promise<std::vector<std::vector<double>>> promise;
  auto seen = promise.get_future();
  const auto start = Clock::now();
  spawn(executor, deliver(when_all(std::move(watches)), &promise));
  std::vector<Task<bool>> clients;
  for (int i = 0; i < kClients; ++i) clients.push_back(churn({&shared, i}));
  run(executor, when_all(std::move(clients)));

  std::vector<double> all;
  for (const auto& of_one : seen.get()) all.insert(all.end(), of_one.begin(), of_one.end());
  const double seconds = Milliseconds(Clock::now() - start).count() / 1000;
  std::ranges::sort(all);
  std::printf(
      "\n%d watches, %d keys written %d times by %d: %.0f events/s, lag p50 %.2f ms, p99 %.2f ms\n",
      kWatches, kWatchedKeys, kWritesEach, kClients, static_cast<double>(all.size()) / seconds,
      all[all.size() / 2], all[all.size() * 99 / 100]);
}

void measure_all(Executor& executor, const std::string& folder) {
  std::printf("fdatasync of 64 KiB: %.2f ms\n\n", fdatasync_milliseconds(folder));
  std::printf("%-8s %8s %10s %9s %9s %9s %10s\n", "commits", "writers", "per s", "p50 ms", "p99 ms",
              "max ms", "RssAnon KB");
  auto store = open_sqlite_store(executor, {.path = folder + "/state.db"});
  CHECK(store.has_value());
  for (const auto& [writers, commits] :
       {std::pair{1, 500}, {8, 5'000}, {32, 25'000}, {64, 50'000}, {256, 100'000}})
    measure(executor, **store, "synced", writers, commits, Durability::Synced);
  for (const auto& [writers, commits] : {std::pair{1, 10'000}, {32, 50'000}})
    measure(executor, **store, "behind", writers, commits, Durability::Behind);
  measure_watches(executor, **store);

  const auto start = Clock::now();
  const auto all = run(executor, (*store)->range(KeyRange::prefix("/registry/pods/"), {}));
  CHECK(all.has_value() && all->count == kKeys);
  std::printf("\nrange of %d x %zu B: %.0f ms\n", kKeys, kValueBytes,
              Milliseconds(Clock::now() - start).count());

  const auto revision = run(executor, (*store)->current_revision());
  const auto compaction = Clock::now();
  CHECK(run(executor, (*store)->compact(*revision)).has_value());
  std::printf("compaction of %lld revisions: %.0f ms; file and log after it: %lld KB\n",
              static_cast<long long>(*revision), Milliseconds(Clock::now() - compaction).count(),
              static_cast<long long>(*run(executor, (*store)->size_bytes()) / 1024));
  run(executor, [](Store* stopped) -> Task<bool> {
    co_await stopped->stop();
    co_return true;
  }(store->get()));
}

}  // namespace
}  // namespace keelson::store

int main(int argc, char** argv) {
  const std::filesystem::path base = argc > 1 ? argv[1] : std::filesystem::temp_directory_path();
  std::string folder = (base / "store-commits-XXXXXX").string();
  CHECK(::mkdtemp(folder.data()) != nullptr);
  auto runtime = keelson::net::make_runtime();
  std::thread loop([&runtime] { runtime->run(2); });
  keelson::store::measure_all(*runtime, folder);
  runtime->stop();
  loop.join();
  std::filesystem::remove_all(folder);
}
