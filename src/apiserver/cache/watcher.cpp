// SPDX-License-Identifier: Apache-2.0
#include "apiserver/cache/watcher.h"

#include "apiserver/cache/watch_cache.h"

namespace keelson::apiserver {
namespace {

// Enough to fill a network buffer, few enough that a large initial state does not hold up others.
constexpr std::size_t kBatch = 256;

}  // namespace

bool WatchQueue::push(Item item) {
  std::lock_guard lock(mutex_);
  if (ended_) return false;
  if (items_.size() >= kLimit) {
    // What it has not read is of no use: after the gap it must list again.
    ended_ = true;
    items_.clear();
    wake();
    return false;
  }
  items_.push_back(std::move(item));
  wake();
  return true;
}

void WatchQueue::end() {
  std::lock_guard lock(mutex_);
  ended_ = true;
  wake();
}

bool WatchQueue::has_ended() const {
  std::lock_guard lock(mutex_);
  return ended_;
}

void WatchQueue::wake() {
  if (!waiter_) return;
  waiter_->complete(true);
  waiter_.reset();
}

Task<Result<std::vector<WatchQueue::Item>>> WatchQueue::take(std::size_t limit) {
  while (true) {
    {
      std::lock_guard lock(mutex_);
      if (!items_.empty() || ended_) {
        std::vector<Item> taken;
        const std::size_t count = std::min(limit, items_.size());
        taken.reserve(count);
        std::move(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(count),
                  std::back_inserter(taken));
        items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(count));
        co_return taken;
      }
    }
    const bool woken = co_await suspended<bool>(false, [this](Completion<bool> done) {
      std::lock_guard lock(mutex_);
      if (!items_.empty() || ended_) {
        done.complete(true);
      } else {
        waiter_ = std::move(done);
      }
    });
    if (!woken) co_return fail(Status::canceled());
  }
}

Watcher::Watcher(std::shared_ptr<WatchCache> cache, Selection selection, std::uint64_t id,
                 std::shared_ptr<WatchQueue> queue)
    : cache_(std::move(cache)),
      selection_(std::move(selection)),
      id_(id),
      queue_(std::move(queue)) {}

Watcher::~Watcher() { cache_->forget(*this); }

void Watcher::end() {
  // While the initial state is under way a bookmark would promise too much.
  if (wants_bookmarks_ && !initial_) cache_->bookmark(*queue_);
  queue_->end();
}

bool Watcher::next_initial(std::vector<Delivery>& out) {
  bool more = false;
  snapshot_.each_from(position_, [&](const api::ObjectPtr& object) {
    if (!selection_.namespace_().empty() && object->namespace_() != selection_.namespace_()) {
      return false;
    }
    if (out.size() >= kBatch) {
      position_ = object->key();
      more = true;
      return false;
    }
    if (selection_.matches(*object)) {
      out.push_back({.type = WatchType::Added,
                     .object = object,
                     .event = nullptr,
                     .revision = object->resource_version()});
    }
    return true;
  });
  if (!more) {
    snapshot_ = {};
    if (initial_bookmark_) {
      out.push_back({.type = WatchType::Bookmark,
                     .object = nullptr,
                     .event = nullptr,
                     .revision = since_,
                     .initial_events_end = true});
    }
  }
  return more;
}

void Watcher::translate(const CacheEventPtr& event, std::vector<Delivery>& out) const {
  const bool now = event->object() && selection_.matches(*event->object());
  const bool before = event->before() && selection_.matches(*event->before());
  if (!now && !before) return;
  const WatchType type = !before ? WatchType::Added
                         : now   ? WatchType::Modified
                                 : WatchType::Deleted;
  out.push_back({.type = type,
                 .object = event->seen_as(type),
                 .event = event,
                 .revision = event->revision()});
}

Task<Result<std::optional<std::vector<Delivery>>>> Watcher::next() {
  std::vector<Delivery> out;
  while (initial_) {
    initial_ = next_initial(out);
    if (!out.empty()) co_return std::optional(std::move(out));
  }
  while (true) {
    CO_TRY(auto items, co_await queue_->take(kBatch));
    if (items.empty()) co_return std::nullopt;
    for (const auto& item : items) {
      if (item.event) {
        if (item.event->revision() > since_) translate(item.event, out);
      } else {
        out.push_back({.type = WatchType::Bookmark,
                       .object = nullptr,
                       .event = nullptr,
                       .revision = item.bookmark});
      }
    }
    if (!out.empty()) co_return std::optional(std::move(out));
  }
}

}  // namespace keelson::apiserver
