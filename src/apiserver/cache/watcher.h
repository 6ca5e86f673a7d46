// SPDX-License-Identifier: Apache-2.0
// One reader of a WatchCache: first the state that it asked for, if it did, then what changes.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "apiserver/cache/event.h"
#include "apiserver/cache/object_index.h"
#include "apiserver/cache/selection.h"
#include "base/task.h"

namespace keelson::apiserver {

class WatchCache;

struct Delivery {
  WatchType type = WatchType::Added;
  api::ObjectPtr object;  // Null for a bookmark.
  // Whose frame(type) this delivery is; null for the initial state and bookmarks.
  CacheEventPtr event;
  store::Revision revision = 0;
  bool initial_events_end = false;
};

// What the cache and the reader share. Thread-safe.
class WatchQueue {
 public:
  // Events a watcher may lag behind before it is ended, so that it lists again.
  static constexpr std::size_t kLimit = 10'000;

  struct Item {
    CacheEventPtr event;  // Null: a bookmark.
    store::Revision bookmark = 0;
  };

  // False when the queue has overflowed or ended.
  bool push(Item item);
  void end();
  bool has_ended() const;
  // Everything there is, up to `limit`; waits for the first. Empty: ended, and all taken.
  // Errors: Canceled.
  Task<Result<std::vector<Item>>> take(std::size_t limit);

 private:
  void wake();

  mutable std::mutex mutex_;
  std::deque<Item> items_;
  bool ended_ = false;
  std::optional<Completion<bool>> waiter_;
};

class Watcher {
 public:
  // Made by WatchCache::watch().
  Watcher(std::shared_ptr<WatchCache> cache, Selection selection, std::uint64_t id,
          std::shared_ptr<WatchQueue> queue);
  ~Watcher();
  Watcher(const Watcher&) = delete;
  Watcher& operator=(const Watcher&) = delete;

  // The next deliveries, never none. Nothing: the watch is over (end() was called, the reader was
  // too slow, or the cache began anew). Errors: Canceled.
  Task<Result<std::optional<std::vector<Delivery>>>> next();
  // Ends the watch in good order, after a last bookmark if the watcher wants them. Thread-safe.
  void end();
  const Selection& selection() const { return selection_; }

 private:
  friend class WatchCache;

  bool next_initial(std::vector<Delivery>& out);
  void translate(const CacheEventPtr& event, std::vector<Delivery>& out) const;

  const std::shared_ptr<WatchCache> cache_;
  const Selection selection_;
  const std::uint64_t id_;
  const std::shared_ptr<WatchQueue> queue_;

  // The initial state, as far as it has not been delivered.
  std::atomic<bool> initial_{false};
  bool initial_bookmark_ = false;
  bool wants_bookmarks_ = false;
  ObjectIndex::Snapshot snapshot_;
  api::ObjectKey position_;
  store::Revision since_ = 0;  // Events up to here are not for this watcher.
};

}  // namespace keelson::apiserver
