// SPDX-License-Identifier: Apache-2.0
// All WatchCaches, fed by one watch on the store.
//
//     Store::watch("/registry/") -> by prefix -> WatchCache::apply_*() -> applied() moves on
//
// A read is consistent when it waits until what was committed before it has been applied.
// Thread-safe.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include "apiserver/cache/watch_cache.h"
#include "base/task.h"
#include "store/store.h"

namespace keelson::apiserver {

inline constexpr std::string_view kRegistryPrefix = "/registry/";

class CacheSet {
 public:
  // `shared_store`: others write to the store too, so reads must ask it for its revision.
  CacheSet(store::Store& store, Executor& executor, bool shared_store);
  ~CacheSet();

  // Before start(); `resource` is a stored version.
  void add(const api::Resource& resource);
  // Null if that resource is not stored. `resource` may be any version of the kind.
  std::shared_ptr<WatchCache> find(const api::Resource& resource) const;
  template <class Visit>
  void each(Visit visit) const {
    for (const auto& [prefix, cache] : caches_) visit(*cache);
  }

  // Reads everything, then follows the store until stop(). Errors: those of the store.
  Task<Result<void>> start();
  Task<void> stop();

  // "/registry/<prefix>/<namespace>/<name>"
  static std::string storage_key(const api::Resource& resource, const api::ObjectKey& key);
  static std::string storage_prefix(const api::Resource& resource);

  store::Revision applied() const { return applied_.load(std::memory_order_acquire); }
  // A commit of this server was answered: later reads must see it.
  void note_commit(store::Revision revision);
  // Until everything that was committed before the call is in the caches. Errors: Canceled.
  Task<Result<void>> wait_consistent();
  // Until `revision` is in the caches. Errors: Canceled; Timeout ("Too large resource version: 9,
  // current: 5") after 3 s.
  Task<Result<void>> wait_fresh(store::Revision revision);

 private:
  Task<Result<store::Revision>> fill();
  Task<void> follow(store::Revision since);
  // Applies events until the watch ends, and returns why.
  Task<Status> follow_watch(store::Revision since);
  Task<void> send_bookmarks();
  void apply(const store::WatchBatch& batch);
  void set_applied(store::Revision revision);
  // The cache that a key belongs to, and what stands behind its prefix.
  std::pair<WatchCache*, std::string_view> route(std::string_view key) const;

  store::Store& store_;
  Executor& executor_;
  const bool shared_store_;
  std::map<std::string, std::shared_ptr<WatchCache>, std::less<>> caches_;
  std::atomic<store::Revision> applied_{0}, committed_{0};
  std::mutex mutex_;
  std::multimap<store::Revision, Completion<bool>> waiters_;
  std::shared_ptr<store::Watch> watch_;  // The one being followed, if any.
  TaskGroup tasks_;
};

}  // namespace keelson::apiserver
