// SPDX-License-Identifier: Apache-2.0
// How many durable commits a second the SQLite store takes from so many writers at once, and what
// the store costs in memory. Usage: store_commits [folder on the disk to measure]
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
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
