// SPDX-License-Identifier: Apache-2.0
#include "apiserver/cache/cache_set.h"

#include "base/log.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kFillPage = 2000;
constexpr Duration kFreshWait = 3s;  // Upstream's blockTimeout.
constexpr Duration kBookmarkEvery = 60s;
constexpr Duration kKeptFor = 5min;  // Upstream compacts as often.
constexpr Duration kRetryMin = 50ms;
constexpr Duration kRetryMax = 5s;

}  // namespace

CacheSet::CacheSet(store::Store& store, Executor& executor, bool shared_store)
    : store_(store), executor_(executor), shared_store_(shared_store), tasks_(executor) {}

CacheSet::~CacheSet() = default;

void CacheSet::add(const api::Resource& resource) {
  caches_.try_emplace(std::string(resource.storage_prefix),
                      std::make_shared<WatchCache>(resource, applied_));
}

std::shared_ptr<WatchCache> CacheSet::find(const api::Resource& resource) const {
  const auto found = caches_.find(resource.storage_prefix);
  return found == caches_.end() ? nullptr : found->second;
}

std::string CacheSet::storage_prefix(const api::Resource& resource) {
  std::string prefix(kRegistryPrefix);
  return prefix.append(resource.storage_prefix).append("/");
}

std::string CacheSet::storage_key(const api::Resource& resource, const api::ObjectKey& key) {
  std::string text = storage_prefix(resource);
  if (!key.namespace_.empty()) text.append(key.namespace_).append("/");
  return text.append(key.name);
}

std::pair<WatchCache*, std::string_view> CacheSet::route(std::string_view key) const {
  key.remove_prefix(std::min(key.size(), kRegistryPrefix.size()));
  // A prefix has one segment, or two: "services/specs".
  auto slash = key.find('/');
  for (int segments = 0; segments < 2 && slash != std::string_view::npos; ++segments) {
    const auto found = caches_.find(key.substr(0, slash));
    if (found != caches_.end()) return {found->second.get(), key.substr(slash + 1)};
    slash = key.find('/', slash + 1);
  }
  return {nullptr, {}};
}

Task<Result<store::Revision>> CacheSet::fill() {
  std::map<WatchCache*, std::vector<api::ObjectPtr>> found;
  store::KeyRange range = store::KeyRange::prefix(kRegistryPrefix);
  store::Revision revision = 0;
  while (true) {
    store::RangeOptions options{.revision = revision, .limit = kFillPage};
    CO_TRY(auto page, co_await store_.range(range, options));
    if (revision == 0) revision = page.revision;
    for (const auto& item : page.items) {
      WatchCache* const cache = route(item.key).first;
      if (cache == nullptr) continue;
      auto object = api::Object::from_stored(item.value, item.mod_revision);
      if (object) {
        found[cache].push_back(*std::move(object));
      } else {
        log_error("Stored object is unreadable", {{"key", item.key}});
      }
    }
    if (!page.more || page.items.empty()) break;
    range.start = page.items.back().key + '\0';
  }
  for (const auto& [prefix, cache] : caches_) {
    cache->replace(std::move(found[cache.get()]), revision);
  }
  set_applied(revision);
  co_return revision;
}

Task<Result<void>> CacheSet::start() {
  CO_TRY(const store::Revision revision, co_await fill());
  tasks_.start(follow(revision));
  tasks_.start(send_bookmarks());
  co_return Result<void>{};
}

Task<void> CacheSet::stop() {
  for (const auto& [prefix, cache] : caches_) cache->end_all();
  co_await tasks_.stop();
}

// Until stopped: watches, and begins anew when it has lost the thread.
Task<void> CacheSet::follow(store::Revision since) {
  Duration delay = kRetryMin;
  bool lost = false;
  while (!tasks_.stop_token().stop_requested()) {
    if (lost) {
      auto filled = co_await fill();
      if (filled) {
        since = *filled;
        lost = false;
      }
    }
    if (!lost) {
      const Status ended = co_await follow_watch(since);
      if (ended.is(Reason::Canceled)) co_return;
      lost = ended.is(Reason::Expired);
      if (applied() > since) delay = kRetryMin;
      since = applied();
      log_warning("The watch on the store ended", {{"err", ended.message()}});
    }
    if (!co_await sleep_for(delay)) co_return;
    delay = std::min(delay * 2, kRetryMax);
  }
}

Task<Status> CacheSet::follow_watch(store::Revision since) {
  auto opened = co_await store_.watch(store::KeyRange::prefix(kRegistryPrefix), since);
  if (!opened) co_return std::move(opened).error();
  const std::shared_ptr<store::Watch> watch = *std::move(opened);
  {
    std::lock_guard lock(mutex_);
    watch_ = watch;
  }
  while (true) {
    auto batch = co_await watch->next();
    if (!batch) {
      std::lock_guard lock(mutex_);
      watch_ = nullptr;
      co_return std::move(batch).error();
    }
    apply(*batch);
  }
}

void CacheSet::apply(const store::WatchBatch& batch) {
  const Duration now = executor_.monotonic();
  for (const auto& event : batch.events) {
    const auto [cache, rest] = route(event.item.key);
    if (cache == nullptr) continue;
    if (event.type == store::Event::Type::Delete) {
      cache->apply_delete(api::ObjectKey::parse(rest), event.item.mod_revision, now);
      continue;
    }
    auto object = api::Object::from_stored(event.item.value, event.item.mod_revision);
    if (object) {
      cache->apply_put(*std::move(object), now);
    } else {
      log_error("Stored object is unreadable", {{"key", event.item.key}});
    }
  }
  set_applied(batch.revision);
}

void CacheSet::set_applied(store::Revision revision) {
  std::vector<Completion<bool>> woken;
  {
    std::lock_guard lock(mutex_);
    if (revision <= applied_.load(std::memory_order_relaxed)) return;
    applied_.store(revision, std::memory_order_release);
    const auto end = waiters_.upper_bound(revision);
    for (auto it = waiters_.begin(); it != end; ++it) woken.push_back(std::move(it->second));
    waiters_.erase(waiters_.begin(), end);
  }
  for (auto& waiter : woken) waiter.complete(true);
}

void CacheSet::note_commit(store::Revision revision) {
  store::Revision known = committed_.load(std::memory_order_relaxed);
  while (known < revision &&
         !committed_.compare_exchange_weak(known, revision, std::memory_order_acq_rel)) {
  }
}

Task<Result<void>> CacheSet::wait_consistent() {
  store::Revision revision = committed_.load(std::memory_order_acquire);
  if (shared_store_) {
    CO_TRY(const store::Revision current, co_await store_.current_revision());
    revision = std::max(revision, current);
    // The newest revision may have changed nothing here: then no event would tell that it is past.
    std::lock_guard lock(mutex_);
    if (watch_ && revision > applied()) watch_->request_progress();
  }
  if (revision <= applied()) co_return Result<void>{};
  co_return co_await wait_fresh(revision);
}

Task<Result<void>> CacheSet::wait_fresh(store::Revision revision) {
  if (revision <= applied()) co_return Result<void>{};
  // Shared with the callbacks: a stop may resume this task while they are still being set up.
  struct Wait {
    std::atomic<TimerId> timer{0};
    std::atomic<bool> expired{false};
  };
  const auto wait = std::make_shared<Wait>();
  const bool woken = co_await suspended<bool>(false, [this, revision, wait](Completion<bool> done) {
    wait->timer = executor_.after(kFreshWait, [done, wait] {
      wait->expired = true;
      done.complete(false);
    });
    std::lock_guard lock(mutex_);
    if (revision <= applied_.load(std::memory_order_relaxed)) {
      done.complete(true);
    } else {
      waiters_.emplace(revision, std::move(done));
    }
  });
  executor_.cancel(wait->timer);
  if (woken) co_return Result<void>{};
  if (!wait->expired) co_return fail(Status::canceled());
  StatusDetails details;
  details.causes.push_back(
      {.reason = "ResourceVersionTooLarge", .message = "Too large resource version", .field = {}});
  details.retry_after_seconds = 1;
  co_return fail(
      Status(Reason::Timeout, "Timeout: Too large resource version: " + std::to_string(revision) +
                                  ", current: " + std::to_string(applied()))
          .with_details(std::move(details)));
}

Task<void> CacheSet::send_bookmarks() {
  while (co_await sleep_for(kBookmarkEvery)) {
    const Duration now = executor_.monotonic();
    for (const auto& [prefix, cache] : caches_) {
      cache->bookmark_all();
      cache->expire_kept(now - kKeptFor);
    }
  }
}

}  // namespace keelson::apiserver
