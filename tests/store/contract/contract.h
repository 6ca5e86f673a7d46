// SPDX-License-Identifier: Apache-2.0
// The fixture that holds a backend to store.h. A new backend is one more entry in contract.cpp.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "../test_executor.h"
#include "store/watch_hub.h"

namespace keelson::store {

struct BackendOptions {
  Duration compaction_interval{0};
  WatchHubOptions watch;
};

class Backend {
 public:
  virtual ~Backend() = default;
  virtual std::unique_ptr<Store> open(TestExecutor& executor, const BackendOptions& options) = 0;
};

struct NamedBackend {
  const char* name;
  std::unique_ptr<Backend> (*make)();
};

const std::vector<NamedBackend>& backends();

class StoreContract : public testing::TestWithParam<NamedBackend> {
 protected:
  void SetUp() override { open({}); }
  void TearDown() override { close(); }

  // Replaces the store by an empty one.
  void open(const BackendOptions& options);
  void close();

  template <class T>
  T run(Task<T> task) {
    return executor_.run(std::move(task));
  }

  Result<Revision> commit(std::vector<Write> writes, Durability durability = Durability::Synced) {
    return run(store_->commit({.writes = std::move(writes), .durability = durability}));
  }
  // A commit that must succeed.
  Revision put(std::string key, std::string value, std::chrono::seconds ttl = {});
  Revision remove(std::string key);
  std::optional<KeyValue> get(std::string key);
  RangeResult range(KeyRange range, RangeOptions options = {});
  Result<RangeResult> try_range(KeyRange range, RangeOptions options);
  Revision revision();
  std::unique_ptr<Watch> watch(KeyRange range, Revision since);
  // All events up to the store's revision now.
  std::vector<Event> drain(Watch& watch);
  // One batch.
  Result<WatchBatch> next(Watch& watch) { return run(watch.next()); }
  // One batch, letting time pass while there is none.
  Result<WatchBatch> next_as_time_passes(Watch& watch);

  TestExecutor executor_{2};
  std::unique_ptr<Backend> backend_;
  std::unique_ptr<Store> store_;
};

// "put key=value@revision" or "delete key@revision": readable in failures.
std::string text(const Event& event);
std::vector<std::string> texts(const std::vector<Event>& events);

const KeyRange kAll{.start = std::string(1, '\0'), .end = "\xff"};

}  // namespace keelson::store
