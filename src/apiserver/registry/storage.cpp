// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/storage.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kEventTtl = 1h;  // Upstream: --event-ttl.

bool is_event(const api::Resource& stored) { return stored.storage_prefix == "events"; }
bool is_lease(const api::Resource& stored) { return stored.storage_prefix == "leases"; }

}  // namespace

Task<Result<api::ObjectPtr>> Storage::read(const api::Resource& stored, api::ObjectKey key) const {
  CO_TRY(auto item, co_await store_.get(CacheSet::storage_key(stored, key)));
  if (!item) co_return nullptr;
  co_return api::Object::from_stored(item->value, item->mod_revision);
}

Task<Result<store::Revision>> Storage::commit(const api::Resource& stored, store::Write write) {
  store::Transaction transaction;
  transaction.writes.push_back(std::move(write));
  if (is_lease(stored)) transaction.durability = store::Durability::Behind;
  auto revision = co_await store_.commit(std::move(transaction));
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
  co_return api::Object::from_stored(bytes, revision);
}

Task<Result<store::Revision>> Storage::remove(const api::Resource& stored, api::ObjectKey key,
                                              store::Revision expected) {
  store::Write write{
      .key = CacheSet::storage_key(stored, key), .value = std::nullopt, .expected = expected};
  co_return co_await commit(stored, std::move(write));
}

}  // namespace keelson::apiserver
