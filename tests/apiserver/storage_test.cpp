// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/storage.h"

#include <gtest/gtest.h>

#include "api/coordination/v1.h"
#include "api/core/v1.h"
#include "base/sync.h"
#include "base/virtual_executor.h"
#include "store/memory/memory_store.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

// Applies a commit at once and answers it when told to.
class SlowStore final : public store::Store {
 public:
  explicit SlowStore(Executor& executor) : store_(store::make_memory_store(executor)) {}

  Task<Result<store::Revision>> commit(store::Transaction transaction) override {
    durability = transaction.durability;
    CO_TRY(const store::Revision revision, co_await store_->commit(std::move(transaction)));
    CO_TRY_OK(co_await answer.wait());
    co_return revision;
  }
  Task<Result<std::optional<store::KeyValue>>> get(std::string key) override {
    return store_->get(std::move(key));
  }
  Task<Result<store::RangeResult>> range(store::KeyRange range,
                                         store::RangeOptions options) override {
    return store_->range(std::move(range), options);
  }
  Task<Result<std::unique_ptr<store::Watch>>> watch(store::KeyRange range,
                                                    store::Revision since) override {
    return store_->watch(std::move(range), since);
  }
  Task<Result<store::Revision>> current_revision() override { return store_->current_revision(); }
  Task<Result<void>> compact(store::Revision revision) override {
    return store_->compact(revision);
  }
  Task<Result<std::int64_t>> size_bytes() override { return store_->size_bytes(); }
  Task<void> stop() override { return store_->stop(); }

  Event answer;
  store::Durability durability = store::Durability::Synced;

 private:
  std::unique_ptr<store::Store> store_;
};

class StorageTest : public testing::Test {
 protected:
  VirtualExecutor executor;
  SlowStore store{executor};
  CacheSet caches{store, executor, false};
  Metrics metrics;
  Storage storage{store, caches, executor, metrics};
};

TEST_F(StorageTest, TellsThatAWriteHappenedEvenToWhoHasGoneAway) {
  std::optional<Result<api::ObjectPtr>> written;
  spawn(executor, [](Storage* slow, std::optional<Result<api::ObjectPtr>>* out) -> Task<void> {
    out->emplace(co_await with_timeout(
        1s, slow->write(api::resource_of<core::v1::ConfigMap>(), {"default", "a"},
                        R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{}})", 0)));
  }(&storage, &written));

  executor.advance(2s);
  EXPECT_FALSE(written.has_value()) << "whether it happened is not known yet";
  store.answer.set();
  executor.run_ready();

  ASSERT_TRUE(written.has_value());
  ASSERT_TRUE(written->has_value()) << written->error().message();
  EXPECT_GT((**written)->resource_version(), 0);
}

TEST_F(StorageTest, WritesBehindOnlyTheHeartbeatsOfNodes) {
  struct Case {
    std::string namespace_;
    bool renewal;
    store::Durability durability;
  };
  const Case cases[] = {
      {"kube-node-lease", false, store::Durability::Synced},
      {"kube-node-lease", true, store::Durability::Behind},
      // Whoever leads must not forget it.
      {"kube-system", false, store::Durability::Synced},
      {"kube-system", true, store::Durability::Synced},
  };
  store.answer.set();
  std::int64_t version = 0;
  for (const auto& each : cases) {
    spawn(executor, [](Storage* slow, const Case* given, std::int64_t* revision) -> Task<void> {
      const auto written = co_await slow->write(
          api::resource_of<coordination::v1::Lease>(), {given->namespace_, "a"},
          R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{}})",
          given->renewal ? *revision : 0);
      EXPECT_TRUE(written.has_value());
      *revision = written ? (*written)->resource_version() : 0;
    }(&storage, &each, &version));
    executor.run_ready();
    EXPECT_EQ(store.durability, each.durability) << each.namespace_ << " " << each.renewal;
  }
}

}  // namespace
}  // namespace keelson::apiserver
