// SPDX-License-Identifier: Apache-2.0
#include "contract.h"

#include "../temporary_folder.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace keelson::store {
namespace {

class MemoryBackend final : public Backend {
 public:
  std::unique_ptr<Store> open(TestExecutor& executor, const BackendOptions& options) override {
    return make_memory_store(
        executor, {.compaction_interval = options.compaction_interval, .watch = options.watch});
  }
};

class SqliteBackend final : public Backend {
 public:
  std::unique_ptr<Store> open(TestExecutor& executor, const BackendOptions& options) override {
    auto store = open_sqlite_store(
        executor, {.path = folder_.file("state-" + std::to_string(++opened_) + ".db"),
                   .compaction_interval = options.compaction_interval,
                   .watch = options.watch});
    CHECK(store.has_value());
    return *std::move(store);
  }

 private:
  TemporaryFolder folder_;
  int opened_ = 0;
};

}  // namespace

const std::vector<NamedBackend>& backends() {
  static const std::vector<NamedBackend> all = {
      {"Memory", []() -> std::unique_ptr<Backend> { return std::make_unique<MemoryBackend>(); }},
      {"Sqlite", []() -> std::unique_ptr<Backend> { return std::make_unique<SqliteBackend>(); }},
  };
  return all;
}

void StoreContract::open(const BackendOptions& options) {
  close();
  if (!backend_) backend_ = GetParam().make();
  store_ = backend_->open(executor_, options);
}

void StoreContract::close() {
  if (!store_) return;
  run(store_->stop());
  store_.reset();
}

Revision StoreContract::put(std::string key, std::string value, std::chrono::seconds ttl) {
  auto result = commit({{.key = std::move(key), .value = std::move(value), .ttl = ttl}});
  EXPECT_TRUE(result) << result.error().message();
  return result.value_or(0);
}

Revision StoreContract::remove(std::string key) {
  auto result = commit({{.key = std::move(key)}});
  EXPECT_TRUE(result) << result.error().message();
  return result.value_or(0);
}

std::optional<KeyValue> StoreContract::get(std::string key) {
  auto result = run(store_->get(std::move(key)));
  EXPECT_TRUE(result) << result.error().message();
  return result ? *std::move(result) : std::nullopt;
}

RangeResult StoreContract::range(KeyRange range, RangeOptions options) {
  auto result = try_range(std::move(range), options);
  EXPECT_TRUE(result) << result.error().message();
  return result ? *std::move(result) : RangeResult();
}

Result<RangeResult> StoreContract::try_range(KeyRange range, RangeOptions options) {
  return run(store_->range(std::move(range), options));
}

Revision StoreContract::revision() {
  auto result = run(store_->current_revision());
  EXPECT_TRUE(result);
  return result.value_or(0);
}

std::unique_ptr<Watch> StoreContract::watch(KeyRange range, Revision since) {
  auto result = run(store_->watch(std::move(range), since));
  EXPECT_TRUE(result) << result.error().message();
  return result ? *std::move(result) : nullptr;
}

std::vector<Event> StoreContract::drain(Watch& watch) {
  const Revision end = revision();
  watch.request_progress();
  std::vector<Event> events;
  while (true) {
    auto batch = next(watch);
    EXPECT_TRUE(batch) << batch.error().message();
    if (!batch) return events;
    for (Event& event : batch->events) events.push_back(std::move(event));
    if (batch->revision >= end) return events;
  }
}

Result<WatchBatch> StoreContract::next_as_time_passes(Watch& watch) {
  auto batch = executor_.start(watch.next());
  while (batch.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready)
    executor_.advance(std::chrono::seconds(1));
  return batch.get();
}

std::string text(const Event& event) {
  const KeyValue& item = event.item;
  return event.type == Event::Type::Put
             ? "put " + item.key + "=" + item.value + "@" + std::to_string(item.mod_revision)
             : "delete " + item.key + "@" + std::to_string(item.mod_revision);
}

std::vector<std::string> texts(const std::vector<Event>& events) {
  std::vector<std::string> lines;
  for (const Event& event : events) lines.push_back(text(event));
  return lines;
}

}  // namespace keelson::store
