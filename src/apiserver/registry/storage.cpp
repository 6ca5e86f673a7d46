// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/storage.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kEventTtl = 1h;  // Upstream: --event-ttl.

// Seconds; upstream's buckets for etcd_request_duration_seconds.
constexpr double kBounds[] = {0.005, 0.025, 0.05, 0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25, 1.5, 2,
                              3,     4,     5,    6,   8,   10,  15,  20,  30,  45,   60};

Histogram& request_time(Metrics& metrics, std::string operation) {
  return metrics.histogram("etcd_request_duration_seconds",
                           "Etcd request latency in seconds for each operation and object type.",
                           kBounds, {{"operation", std::move(operation)}});
}

double seconds(Duration duration) { return std::chrono::duration<double>(duration).count(); }

bool is_event(const api::Resource& stored) { return stored.storage_prefix == "events"; }

// A node's sign of life: the next one repairs what a crash took.
bool is_heartbeat(const api::Resource& stored, const api::ObjectKey& key) {
  return stored.storage_prefix == "leases" && key.namespace_ == "kube-node-lease";
}

}  // namespace

Storage::Storage(store::Store& store, CacheSet& caches, Executor& executor, Metrics& metrics)
    : store_(store),
      caches_(caches),
      executor_(executor),
      get_time_(request_time(metrics, "get")),
      commit_time_(request_time(metrics, "txn")) {}

Task<Result<api::ObjectPtr>> Storage::read(const api::Resource& stored, api::ObjectKey key) const {
  const Duration start = executor_.monotonic();
  CO_TRY(auto item, co_await store_.get(CacheSet::storage_key(stored, key)));
  get_time_.observe(seconds(executor_.monotonic() - start));
  if (!item) co_return nullptr;
  co_return api::Object::from_stored(item->value, item->mod_revision);
}

Task<Result<store::Revision>> Storage::commit(store::Write write, store::Durability durability) {
  store::Transaction transaction;
  transaction.writes.push_back(std::move(write));
  transaction.durability = durability;
  const Duration start = executor_.monotonic();
  // Not to be stopped: what was handed to the store happens, and callers must know that it did.
  const TaskContext& context = co_await this_context();
  auto revision =
      co_await run_in(TaskContext{context.executor, {}}, store_.commit(std::move(transaction)));
  commit_time_.observe(seconds(executor_.monotonic() - start));
  if (revision) caches_.note_commit(*revision);
  co_return revision;
}

Task<Result<api::ObjectPtr>> Storage::write(const api::Resource& stored, api::ObjectKey key,
                                            std::string value, store::Revision expected) {
  store::Write write{
      .key = CacheSet::storage_key(stored, key), .value = std::move(value), .expected = expected};
  if (is_event(stored)) write.ttl = kEventTtl;
  const std::string bytes = *write.value;
  const bool behind = expected != 0 && is_heartbeat(stored, key);
  CO_TRY(const store::Revision revision,
         co_await commit(std::move(write),
                         behind ? store::Durability::Behind : store::Durability::Synced));
  // Mostly the cache has heard of it by now: then there is one object of it, and its typed value is
  // decoded once.
  if (const auto cache = caches_.find(stored)) {
    auto seen = cache->find(key);
    if (seen && seen->resource_version() == revision) co_return seen;
  }
  co_return api::Object::from_stored(bytes, revision);
}

Task<Result<store::Revision>> Storage::remove(const api::Resource& stored, api::ObjectKey key,
                                              store::Revision expected) {
  store::Write write{
      .key = CacheSet::storage_key(stored, key), .value = std::nullopt, .expected = expected};
  co_return co_await commit(std::move(write), store::Durability::Synced);
}

}  // namespace keelson::apiserver
