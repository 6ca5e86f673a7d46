// SPDX-License-Identifier: Apache-2.0
// The present state of one resource, the events that led to it, and who watches it. Objects are
// those of the stored version. Fed by a CacheSet in revision order. Thread-safe.
// Source: apiserver pkg/storage/cacher, for what clients can see of it.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <unordered_map>
#include <vector>

#include "apiserver/cache/event.h"
#include "apiserver/cache/object_index.h"
#include "apiserver/cache/watcher.h"

namespace keelson::apiserver {

struct WatchStart {
  // Events after it; 0: first the present state.
  store::Revision since = 0;
  bool send_initial_events = false;  // The state first, though `since` is not 0.
  bool bookmarks = false;
  bool initial_bookmark = false;  // A bookmark that tells where the initial state ends.
};

class WatchCache : public std::enable_shared_from_this<WatchCache> {
 public:
  // `applied`: the revision up to which all caches have seen every event.
  WatchCache(const api::Resource& resource, const std::atomic<store::Revision>& applied);

  const api::Resource& resource() const { return resource_; }

  api::ObjectPtr find(const api::ObjectKey& key) const;  // null if there is none
  std::size_t size() const;
  std::size_t watchers() const;
  // Of the last change that it saw: what is derived from the objects is good until it moves.
  store::Revision last_change() const;

  struct State {
    ObjectIndex::Snapshot objects;
    store::Revision revision = 0;
  };
  State state();
  // The same, and kept a while, so that the rest of a list can be read at that revision.
  State keep_state(Duration now);
  // A state that was kept, if it is still there.
  std::optional<State> kept_state(store::Revision revision);

  // Errors: Expired ("too old resource version: 5 (1200)").
  Result<std::unique_ptr<Watcher>> watch(Selection selection, WatchStart start);

  // --- For the CacheSet
  // ---------------------------------------------------------------------------

  // The state at `revision`, instead of all that was known; watchers are ended.
  void replace(std::vector<api::ObjectPtr> objects, store::Revision revision);
  // In revision order.
  void apply_put(api::ObjectPtr object, Duration now);
  void apply_delete(const api::ObjectKey& key, store::Revision revision, Duration now);
  // A bookmark to all watchers that want them.
  void bookmark_all();
  // Drops kept states older than `before`.
  void expire_kept(Duration before);
  void end_all();

 private:
  friend class Watcher;

  struct Entry {
    std::shared_ptr<WatchQueue> queue;
    bool bookmarks = false;
  };
  using Entries = std::unordered_map<std::uint64_t, Entry>;
  // Watchers by the narrowest thing that they ask for, so that an event visits few in vain.
  struct Audience {
    Entries all;
    std::unordered_map<std::string, Entries> by_namespace, by_name, by_node;
  };

  store::Revision revision_locked() const;
  void publish(CacheEventPtr event, Duration now);
  void forget(const Watcher& watcher);
  void bookmark(WatchQueue& queue) const;
  Entries& place_of(const Selection& selection);
  void send(Entries& entries, const CacheEventPtr& event);
  template <class Visit>
  void each_entry(Visit visit);

  const api::Resource& resource_;
  const std::atomic<store::Revision>& applied_;

  mutable std::mutex mutex_;
  ObjectIndex objects_;
  store::Revision last_event_ = 0;
  // Events after `window_begin_`, oldest first.
  struct Remembered {
    CacheEventPtr event;
    Duration when;
  };
  std::deque<Remembered> window_;
  store::Revision window_begin_ = 0;
  Audience audience_;
  std::size_t watchers_ = 0;
  std::uint64_t last_id_ = 0;
  struct Kept {
    State state;
    Duration when{};
  };
  std::map<store::Revision, Kept> kept_;
};

}  // namespace keelson::apiserver
