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
bool is_lease(const api::Resource& stored) { return stored.storage_prefix == "leases"; }

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

Task<Result<store::Revision>> Storage::commit(const api::Resource& stored, store::Write write) {
  store::Transaction transaction;
  transaction.writes.push_back(std::move(write));
  if (is_lease(stored)) transaction.durability = store::Durability::Behind;
  const Duration start = executor_.monotonic();
  auto revision = co_await store_.commit(std::move(transaction));
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
  CO_TRY(const store::Revision revision, co_await commit(stored, std::move(write)));
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
  co_return co_await commit(stored, std::move(write));
}

}  // namespace keelson::apiserver
