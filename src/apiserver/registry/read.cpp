// SPDX-License-Identifier: Apache-2.0
// GET and WATCH. LIST is in list.cpp.
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {

Task<Result<api::ObjectPtr>> Registry::get(const api::Resource& resource, api::ObjectKey key,
                                           std::string resource_version) {
  const Target target = target_of(resource, std::move(key));
  CO_TRY(const std::int64_t version, parse_resource_version(resource_version));
  auto cache = caches().find(target.stored);
  if (!cache) co_return fail(Status::method_not_allowed(resource.group, resource.plural, "get"));
  if (resource_version.empty()) {
    CO_TRY_OK(co_await caches().wait_consistent());
  } else {
    CO_TRY_OK(co_await caches().wait_fresh(version));
  }
  api::ObjectPtr object = cache->find(target.key);
  if (!object) co_return fail(not_found(resource, target.key));
  co_return convert(std::move(object), target.stored, resource);
}

Task<Result<std::unique_ptr<Watcher>>> Registry::watch(const api::Resource& resource,
                                                       std::string namespace_, ListQuery query) {
  CO_TRY(auto selection, Selection::parse(resource, std::move(namespace_), query.label_selector,
                                          query.field_selector));
  CO_TRY(const std::int64_t version, parse_resource_version(query.resource_version));
  const api::Resource& stored = stored_form(resource);
  auto cache = caches().find(stored);
  if (!cache) co_return fail(Status::method_not_allowed(resource.group, resource.plural, "watch"));

  WatchStart start;
  start.since = version;
  start.bookmarks = query.allow_bookmarks;
  const bool initial = query.send_initial_events.value_or(version == 0);
  if (initial) {
    start.send_initial_events = true;
    start.initial_bookmark = query.send_initial_events.has_value() && query.allow_bookmarks;
    if (query.resource_version.empty()) {
      CO_TRY_OK(co_await caches().wait_consistent());
    } else {
      CO_TRY_OK(co_await caches().wait_fresh(version));
    }
  } else if (version == 0) {
    CO_TRY_OK(co_await caches().wait_consistent());
    start.since = cache->state().revision;
  }
  co_return cache->watch(std::move(selection), start);
}

}  // namespace keelson::apiserver
