// SPDX-License-Identifier: Apache-2.0
// How every component talks to the API: one identity's view of the server. Two transports implement
// it: HTTP (http_client.h), and in-process calls (apiserver), which share the server's immutable
// objects. Thread-safe. Errors are the server's Status, or Unavailable/Timeout of the way there.
#pragma once

#include <boost/json/fwd.hpp>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/codec/json.h"
#include "api/object.h"
#include "base/task.h"

namespace keelson::client {

using api::ObjectKey;
using api::ObjectPtr;
using api::Resource;

struct ListOptions {
  std::string label_selector, field_selector;
  std::int64_t limit = 0;
  std::string continue_;
  std::string resource_version;  // "": consistent; "0": whatever the cache has.
};

struct ObjectList {
  std::vector<ObjectPtr> items;
  std::string resource_version;
  std::string continue_;  // Not empty: there is more.
};

struct WatchOptions {
  std::string label_selector, field_selector;
  std::string resource_version;      // Events after it.
  bool send_initial_events = false;  // First the present state, then a bookmark that says so.
};

struct WatchEvent {
  enum class Type : std::uint8_t { Added, Modified, Deleted, Bookmark };
  Type type = Type::Added;
  ObjectPtr object;  // Of a Deleted: the last state. Of a Bookmark: only metadata.
  bool initial_events_end = false;
};

// One reader. Destroying it ends the watch.
class WatchStream {
 public:
  virtual ~WatchStream() = default;
  // Waits for the next events, never none. Errors: Expired/Gone (list again), Unavailable,
  // Canceled; nothing: the server ended the watch in good order, so resume from the last resource
  // version.
  virtual Task<Result<std::optional<std::vector<WatchEvent>>>> next() = 0;
};

enum class PatchType : std::uint8_t { Json, Merge, Strategic, Apply };
enum class Propagation : std::uint8_t { Default, Orphan, Background, Foreground };

struct WriteOptions {
  std::string subresource;  // "status", "scale", "binding", "eviction", "token", ...
  std::string field_manager;
  bool dry_run = false;
  bool force = false;  // Apply only.
};

struct DeleteOptions {
  std::optional<std::int64_t> grace_period_seconds;
  Propagation propagation = Propagation::Default;
  std::string precondition_uid, precondition_resource_version;
  bool dry_run = false;
};

class Client {
 public:
  virtual ~Client() = default;

  virtual Task<Result<ObjectPtr>> get(const Resource& resource, ObjectKey key,
                                      std::string subresource = {}) = 0;
  // `namespace_` empty: all namespaces.
  virtual Task<Result<ObjectList>> list(const Resource& resource, std::string namespace_,
                                        ListOptions options) = 0;
  virtual Task<Result<std::unique_ptr<WatchStream>>> watch(const Resource& resource,
                                                           std::string namespace_,
                                                           WatchOptions options) = 0;
  // `key.name` matters only for subresources; the object's own name else.
  virtual Task<Result<ObjectPtr>> create(const Resource& resource, ObjectKey key,
                                         boost::json::value object, WriteOptions options) = 0;
  virtual Task<Result<ObjectPtr>> update(const Resource& resource, ObjectKey key,
                                         boost::json::value object, WriteOptions options) = 0;
  virtual Task<Result<ObjectPtr>> patch(const Resource& resource, ObjectKey key, PatchType type,
                                        std::string patch, WriteOptions options) = 0;
  // The object as it is after the call where it lives on (finalizers, graceful deletion); else its
  // last state, or null if the server told only a Status.
  virtual Task<Result<ObjectPtr>> remove(const Resource& resource, ObjectKey key,
                                         DeleteOptions options) = 0;
  virtual Task<Result<void>> remove_collection(const Resource& resource, std::string namespace_,
                                               DeleteOptions options, ListOptions selection) = 0;

  // --- Typed forms; the kind's main resource ----------------------------------------------------

  template <class T>
  Task<Result<std::shared_ptr<const T>>> get(ObjectKey key) {
    CO_TRY(auto object, co_await get(api::resource_of<T>(), std::move(key)));
    co_return api::share<T>(std::move(object));
  }

  template <class T>
  Task<Result<std::shared_ptr<const T>>> create(T object, WriteOptions options = {}) {
    ObjectKey key{object.metadata.namespace_, object.metadata.name};
    CO_TRY(auto created, co_await create(api::resource_of<T>(), std::move(key),
                                         api::encode_document(object), std::move(options)));
    co_return api::share<T>(std::move(created));
  }

  // With metadata.resourceVersion set, Conflict if the object changed meanwhile.
  template <class T>
  Task<Result<std::shared_ptr<const T>>> update(T object, WriteOptions options = {}) {
    ObjectKey key{object.metadata.namespace_, object.metadata.name};
    CO_TRY(auto updated, co_await update(api::resource_of<T>(), std::move(key),
                                         api::encode_document(object), std::move(options)));
    co_return api::share<T>(std::move(updated));
  }

  template <class T>
  Task<Result<std::shared_ptr<const T>>> update_status(T object) {
    return update(std::move(object), WriteOptions{.subresource = "status"});
  }

  template <class T>
  Task<Result<std::shared_ptr<const T>>> patch(ObjectKey key, PatchType type,
                                               std::string patch_text, WriteOptions options = {}) {
    CO_TRY(auto patched, co_await patch(api::resource_of<T>(), std::move(key), type,
                                        std::move(patch_text), std::move(options)));
    co_return api::share<T>(std::move(patched));
  }

  template <class T>
  Task<Result<void>> remove(ObjectKey key, DeleteOptions options = {}) {
    CO_TRY([[maybe_unused]] auto last,
           co_await remove(api::resource_of<T>(), std::move(key), std::move(options)));
    co_return Result<void>{};
  }

  template <class T>
  Task<Result<std::vector<std::shared_ptr<const T>>>> list(std::string namespace_ = {},
                                                           ListOptions options = {}) {
    CO_TRY(auto found,
           co_await list(api::resource_of<T>(), std::move(namespace_), std::move(options)));
    std::vector<std::shared_ptr<const T>> items;
    items.reserve(found.items.size());
    for (auto& item : found.items) items.push_back(api::share<T>(std::move(item)));
    co_return items;
  }
};

// Reads, changes, writes, and starts again on Conflict (5 times, as client-go's RetryOnConflict).
// `change` returns false when nothing is to be written.
template <class T>
Task<Result<std::shared_ptr<const T>>> update_with_retry(Client& client, ObjectKey key,
                                                         std::function<bool(T&)> change,
                                                         WriteOptions options = {}) {
  for (int attempt = 0;; ++attempt) {
    CO_TRY(auto current, co_await client.get<T>(key));
    T next = *current;
    if (!change(next)) co_return current;
    auto updated = co_await client.update(std::move(next), options);
    if (updated || !updated.error().is(Reason::Conflict) || attempt >= 4) co_return updated;
    CO_TRY_OK(co_await sleep_for(std::chrono::milliseconds(10 << attempt)));
  }
}

}  // namespace keelson::client
