// SPDX-License-Identifier: Apache-2.0
// LIST: from the cache; at an older revision from a state that was kept for it, else from the
// store's history.
#include "apiserver/registry/conversion/convert.h"
#include "apiserver/registry/list_token.h"
#include "apiserver/registry/registry.h"

namespace keelson::apiserver {
namespace {

constexpr std::int64_t kStorePage = 500;

constexpr std::string_view kExpiredContinue =
    "The provided continue parameter is too old to display a consistent list result. You can start "
    "a new list without the continue parameter, or use the continue token in this response to "
    "retrieve the remainder of the results. Continuing with the provided token results in an "
    "inconsistent list - objects that were created, modified, or deleted between the time the "
    "first chunk was returned and now may show up in the list.";

// "<namespace>/<name>" or "<name>" as a token has it: relative to the prefix of the list, with a
// zero byte behind the last key that was listed.
std::string next_start(const api::ObjectKey& last, const std::string& namespace_) {
  return (namespace_.empty() ? last.text() : last.name) + '\0';
}

api::ObjectKey start_key(const std::string& start, const std::string& namespace_) {
  if (!namespace_.empty()) return {namespace_, start};
  return api::ObjectKey::parse(start);
}

// How many objects of the selection's namespace come after `last`.
std::int64_t count_after(const ObjectIndex::Snapshot& objects, const std::string& namespace_,
                         const api::ObjectKey& last) {
  // '0' follows '/': this key is behind all of the namespace.
  const std::size_t end =
      namespace_.empty() ? objects.size() : objects.count_below({namespace_ + "0", {}});
  return static_cast<std::int64_t>(end - objects.count_below(last)) - 1;
}

// A page out of a snapshot.
void take_page(const WatchCache::State& state, const Selection& selection,
               const api::ObjectKey& from, std::int64_t limit, ListResult& result) {
  const std::string& namespace_ = selection.namespace_();
  bool more = false;
  state.objects.each_from(from, [&](const api::ObjectPtr& object) {
    if (!namespace_.empty() && object->namespace_() != namespace_) return false;
    if (!selection.matches(*object)) return true;
    if (limit > 0 && static_cast<std::int64_t>(result.items.size()) >= limit) {
      more = true;
      return false;
    }
    result.items.push_back(object);
    return true;
  });
  result.revision = state.revision;
  if (!more) return;
  const api::ObjectKey& last = result.items.back()->key();
  if (!selection.has_selectors()) {
    result.remaining = count_after(state.objects, namespace_, last);
  }
  result.continue_ = ListToken{state.revision, next_start(last, namespace_)}.text();
}

}  // namespace

Task<Result<std::vector<api::ObjectPtr>>> Registry::exact_page(
    const api::Resource& stored, const Selection& selection, store::Revision revision,
    std::string start, std::int64_t limit, ListResult& result) {
  std::string prefix = CacheSet::storage_prefix(stored);
  if (!selection.namespace_().empty()) prefix.append(selection.namespace_()).append("/");
  store::KeyRange range = store::KeyRange::prefix(prefix);
  if (!start.empty()) range.start = prefix + start;
  std::vector<api::ObjectPtr> items;
  while (true) {
    CO_TRY(auto page, co_await parts_.storage.store().range(
                          range, {.revision = revision, .limit = kStorePage}));
    for (std::size_t i = 0; i < page.items.size(); ++i) {
      const auto& item = page.items[i];
      CO_TRY(auto object, api::Object::from_stored(item.value, item.mod_revision));
      if (!selection.matches(*object)) continue;
      if (limit > 0 && static_cast<std::int64_t>(items.size()) >= limit) {
        result.continue_ =
            ListToken{revision, next_start(items.back()->key(), selection.namespace_())}.text();
        if (!selection.has_selectors()) {
          result.remaining = page.count - static_cast<std::int64_t>(i);
        }
        co_return items;
      }
      items.push_back(std::move(object));
    }
    if (!page.more || page.items.empty()) co_return items;
    range.start = page.items.back().key + '\0';
  }
}

Task<Result<ListResult>> Registry::list(const api::Resource& resource, std::string namespace_,
                                        ListQuery query, std::string* inconsistent_continue) {
  if (!resource.namespaced) namespace_.clear();
  CO_TRY(const auto selection,
         Selection::parse(resource, namespace_, query.label_selector, query.field_selector));
  CO_TRY(const std::int64_t version, parse_resource_version(query.resource_version));
  const api::Resource& stored = stored_form(resource);
  const auto cache = caches().find(stored);
  if (!cache) co_return fail(Status::method_not_allowed(resource.group, resource.plural, "list"));

  ListResult result;
  ListToken token;
  if (!query.continue_.empty()) {
    CO_TRY(token, ListToken::parse(query.continue_));
    if (!query.resource_version.empty() && version != 0) {
      co_return fail(
          Status::bad_request("specifying resource version is not allowed when using continue"));
    }
  }
  // The revision at which the list must be, not just at the earliest; 0: none.
  store::Revision exact = token.revision > 0 ? token.revision : 0;
  if (version > 0 && query.continue_.empty() &&
      (query.resource_version_match == "Exact" ||
       (query.resource_version_match.empty() && query.limit > 0))) {
    exact = version;
  }
  if (query.resource_version.empty()) {
    CO_TRY_OK(co_await caches().wait_consistent());
  } else {
    CO_TRY_OK(co_await caches().wait_fresh(version));
  }

  std::optional<WatchCache::State> state;
  if (exact == 0) {
    state = query.limit > 0 ? cache->keep_state(parts_.executor.monotonic()) : cache->state();
  } else {
    state = cache->kept_state(exact);
  }
  if (state) {
    api::ObjectKey from{namespace_, {}};
    if (!token.start.empty()) from = start_key(token.start, namespace_);
    take_page(*state, selection, from, query.limit, result);
    if (exact > 0) result.revision = exact;
  } else {
    auto items = co_await exact_page(stored, selection, exact, token.start, query.limit, result);
    if (!items && items.error().is(Reason::Expired)) {
      if (token.start.empty()) {
        co_return fail(Status::expired("The resourceVersion for the provided list is too old."));
      }
      if (inconsistent_continue != nullptr) {
        *inconsistent_continue = ListToken{-1, token.start}.text();
      }
      co_return fail(Status::expired(std::string(kExpiredContinue)));
    }
    if (!items) co_return fail(std::move(items).error());
    result.items = *std::move(items);
    result.revision = exact;
  }
  if (&stored != &resource) {
    for (auto& item : result.items) {
      CO_TRY(item, convert(std::move(item), stored, resource));
    }
  }
  co_return result;
}

}  // namespace keelson::apiserver
