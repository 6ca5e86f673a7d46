// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/registry.h"

#include "api/codec/json.h"
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {

void Registry::set_allocation(const api::Resource& stored, std::unique_ptr<Allocation> allocation) {
  allocations_[&stored] = std::move(allocation);
}

Allocation* Registry::allocation_of(const api::Resource& stored) const {
  const auto found = allocations_.find(&stored);
  return found == allocations_.end() ? nullptr : found->second.get();
}

Registry::Target Registry::target_of(const api::Resource& resource, api::ObjectKey key,
                                     std::string subresource) {
  const api::Resource& stored = stored_form(resource);
  if (!resource.namespaced) key.namespace_.clear();
  return {resource, stored, strategy_for(stored), std::move(key), std::move(subresource)};
}

Result<std::string> stored_bytes(api::Document document, const api::Resource& stored) {
  metadata_of(document).erase("resourceVersion");
  auto done = api::normalize(document, *stored.type);
  if (!done) return fail(Status::internal(done.error().message()));
  return api::to_json(document);
}

Status not_found(const api::Resource& resource, const api::ObjectKey& key) {
  return Status::not_found(resource.group, resource.plural, key.name);
}

Status modified_conflict(const api::Resource& resource, const api::ObjectKey& key) {
  return Status::conflict(resource.group, resource.plural, key.name,
                          "the object has been modified; please apply your changes to the latest "
                          "version and try again");
}

Status precondition_conflict(const api::Resource& resource, const api::ObjectKey& key,
                             std::string_view wanted, std::string_view actual) {
  // Source: upstream, StorageError of its storage, which has codes of its own.
  std::string why = "StorageError: invalid object, Code: 4, Key: ";
  why.append(CacheSet::storage_key(resource, key));
  why.append(
      ", ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: ");
  why.append(wanted).append(", UID in object meta: ").append(actual);
  return Status::conflict(resource.group, resource.plural, key.name, why);
}

Task<Result<std::shared_ptr<WatchCache>>> Registry::consistent_cache(const api::Resource& stored) {
  auto cache = caches().find(stored);
  if (!cache) {
    co_return fail(Status::method_not_allowed(stored.group, stored.plural, "get"));
  }
  CO_TRY_OK(co_await caches().wait_consistent());
  co_return cache;
}

Task<Result<api::ObjectPtr>> Registry::current(const Target& target, bool from_store) {
  if (from_store) co_return co_await parts_.storage.read(target.stored, target.key);
  CO_TRY(const auto cache, co_await consistent_cache(target.stored));
  co_return cache->find(target.key);
}

}  // namespace keelson::apiserver
