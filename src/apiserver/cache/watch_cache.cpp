// SPDX-License-Identifier: Apache-2.0
#include "apiserver/cache/watch_cache.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

// How many events are remembered for watchers that resume: as many as the limit, or fewer once they
// are older than a client would take to come back.
constexpr std::size_t kWindowMax = 8192;
constexpr std::size_t kWindowMin = 256;
constexpr Duration kWindowAge = 5min;
constexpr std::size_t kKeptStates = 16;

const std::vector<std::string> kNodePath{"spec.nodeName"};

std::string node_of(const api::Resource& resource, const api::ObjectPtr& object) {
  return object ? std::move(select_fields(resource, *object, kNodePath).front()) : std::string();
}

}  // namespace

WatchCache::WatchCache(const api::Resource& resource, const std::atomic<store::Revision>& applied)
    : resource_(resource), applied_(applied) {}

// Caches learn of one revision one after the other: this one may be ahead of the others.
store::Revision WatchCache::revision_locked() const {
  return std::max(last_event_, applied_.load(std::memory_order_acquire));
}

api::ObjectPtr WatchCache::find(const api::ObjectKey& key) const {
  std::lock_guard lock(mutex_);
  return objects_.find(key);
}

std::size_t WatchCache::size() const {
  std::lock_guard lock(mutex_);
  return objects_.size();
}

std::size_t WatchCache::watchers() const {
  std::lock_guard lock(mutex_);
  return watchers_;
}

store::Revision WatchCache::last_change() const {
  std::lock_guard lock(mutex_);
  return last_event_;
}

WatchCache::State WatchCache::state() {
  std::lock_guard lock(mutex_);
  return {objects_.snapshot(), revision_locked()};
}

WatchCache::State WatchCache::keep_state(Duration now) {
  std::lock_guard lock(mutex_);
  State state{objects_.snapshot(), revision_locked()};
  kept_.insert_or_assign(state.revision, Kept{state, now});
  if (kept_.size() > kKeptStates) kept_.erase(kept_.begin());
  return state;
}

std::optional<WatchCache::State> WatchCache::kept_state(store::Revision revision) {
  std::lock_guard lock(mutex_);
  const auto found = kept_.find(revision);
  if (found == kept_.end()) return std::nullopt;
  return found->second.state;
}

void WatchCache::expire_kept(Duration before) {
  std::lock_guard lock(mutex_);
  std::erase_if(kept_, [&](const auto& entry) { return entry.second.when < before; });
}

WatchCache::Entries& WatchCache::place_of(const Selection& selection) {
  if (selection.name()) return audience_.by_name[*selection.name()];
  if (selection.node()) return audience_.by_node[*selection.node()];
  if (!selection.namespace_().empty()) return audience_.by_namespace[selection.namespace_()];
  return audience_.all;
}

Result<std::unique_ptr<Watcher>> WatchCache::watch(Selection selection, WatchStart start) {
  std::lock_guard lock(mutex_);
  const bool initial = start.send_initial_events || start.since == 0;
  if (!initial && start.since < window_begin_) {
    return fail(Status::expired("too old resource version: " + std::to_string(start.since) + " (" +
                                std::to_string(window_begin_) + ")"));
  }
  auto queue = std::make_shared<WatchQueue>();
  auto watcher =
      std::make_unique<Watcher>(shared_from_this(), std::move(selection), ++last_id_, queue);
  watcher->wants_bookmarks_ = start.bookmarks;
  if (initial) {
    watcher->initial_ = true;
    watcher->initial_bookmark_ = start.initial_bookmark;
    watcher->snapshot_ = objects_.snapshot();
    watcher->position_ = {watcher->selection_.namespace_(), {}};
    watcher->since_ = revision_locked();
  } else {
    watcher->since_ = start.since;
    const auto first = std::upper_bound(
        window_.begin(), window_.end(), start.since,
        [](store::Revision since, const Remembered& r) { return since < r.event->revision(); });
    for (auto it = first; it != window_.end(); ++it) queue->push({it->event});
  }
  place_of(watcher->selection_).emplace(watcher->id_, Entry{std::move(queue), start.bookmarks});
  ++watchers_;
  return watcher;
}

void WatchCache::forget(const Watcher& watcher) {
  std::lock_guard lock(mutex_);
  const auto erase_from = [&](std::unordered_map<std::string, Entries>& index,
                              const std::string& key) {
    const auto found = index.find(key);
    if (found == index.end()) return;
    found->second.erase(watcher.id_);
    if (found->second.empty()) index.erase(found);
  };
  const Selection& selection = watcher.selection_;
  if (selection.name()) {
    erase_from(audience_.by_name, *selection.name());
  } else if (selection.node()) {
    erase_from(audience_.by_node, *selection.node());
  } else if (!selection.namespace_().empty()) {
    erase_from(audience_.by_namespace, selection.namespace_());
  } else {
    audience_.all.erase(watcher.id_);
  }
  --watchers_;
}

void WatchCache::send(Entries& entries, const CacheEventPtr& event) {
  for (auto& [id, entry] : entries) entry.queue->push({event});
}

void WatchCache::publish(CacheEventPtr event, Duration now) {
  last_event_ = event->revision();
  window_.push_back({event, now});
  while (window_.size() > kWindowMax ||
         (window_.size() > kWindowMin && window_.front().when + kWindowAge < now)) {
    window_begin_ = window_.front().event->revision();
    window_.pop_front();
  }
  if (watchers_ == 0) return;
  const api::ObjectPtr& any = event->object() ? event->object() : event->before();
  send(audience_.all, event);
  const auto send_to = [&](std::unordered_map<std::string, Entries>& index,
                           const std::string& key) {
    if (const auto found = index.find(key); found != index.end()) send(found->second, event);
  };
  send_to(audience_.by_namespace, any->namespace_());
  send_to(audience_.by_name, any->name());
  if (!audience_.by_node.empty()) {
    const std::string now_on = node_of(resource_, event->object());
    const std::string before_on = node_of(resource_, event->before());
    if (event->object()) send_to(audience_.by_node, now_on);
    if (event->before() && (!event->object() || before_on != now_on)) {
      send_to(audience_.by_node, before_on);
    }
  }
}

void WatchCache::apply_put(api::ObjectPtr object, Duration now) {
  std::lock_guard lock(mutex_);
  const store::Revision revision = object->resource_version();
  api::ObjectPtr before = objects_.set(object);
  publish(std::make_shared<const CacheEvent>(std::move(object), std::move(before), revision), now);
}

void WatchCache::apply_delete(const api::ObjectKey& key, store::Revision revision, Duration now) {
  std::lock_guard lock(mutex_);
  api::ObjectPtr before = objects_.remove(key);
  if (!before) return;
  publish(std::make_shared<const CacheEvent>(nullptr, std::move(before), revision), now);
}

void WatchCache::replace(std::vector<api::ObjectPtr> objects, store::Revision revision) {
  std::lock_guard lock(mutex_);
  objects_.clear();
  for (auto& object : objects) objects_.set(std::move(object));
  window_.clear();
  kept_.clear();
  window_begin_ = revision;
  last_event_ = revision;
  each_entry([](Entry& entry) { entry.queue->end(); });
}

template <class Visit>
void WatchCache::each_entry(Visit visit) {
  for (auto& [id, entry] : audience_.all) visit(entry);
  for (auto* index : {&audience_.by_namespace, &audience_.by_name, &audience_.by_node}) {
    for (auto& [key, entries] : *index) {
      for (auto& [id, entry] : entries) visit(entry);
    }
  }
}

void WatchCache::bookmark(WatchQueue& queue) const {
  std::lock_guard lock(mutex_);
  queue.push({nullptr, revision_locked()});
}

void WatchCache::bookmark_all() {
  std::lock_guard lock(mutex_);
  const store::Revision revision = revision_locked();
  each_entry([&](Entry& entry) {
    if (entry.bookmarks) entry.queue->push({nullptr, revision});
  });
}

void WatchCache::end_all() {
  std::lock_guard lock(mutex_);
  each_entry([](Entry& entry) { entry.queue->end(); });
}

}  // namespace keelson::apiserver
