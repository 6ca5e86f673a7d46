// SPDX-License-Identifier: Apache-2.0
// Two views on shared, immutable versions: by key, for reads at a revision, and as a log, for
// watches and compaction.
#include "store/memory/memory_store.h"

#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "store/status.h"

namespace keelson::store {
namespace {

using Version = std::shared_ptr<const Event>;

class MemoryHistory final : public History, public std::enable_shared_from_this<MemoryHistory> {
 public:
  MemoryHistory(Executor& executor, WatchHubOptions watch)
      : executor_(executor), options_(watch), hub_(1, 0, watch) {}

  WatchHub& hub() { return hub_; }

  Result<Revision> commit(Transaction transaction) {
    TRY_OK(validate(transaction));
    std::lock_guard lock(mutex_);
    if (stopped_) return fail(stopped_error());
    TRY(const Revision revision, apply(std::move(transaction)));
    arm_expiry();
    return revision;
  }

  Result<RangeResult> range(const KeyRange& range, const RangeOptions& options) {
    std::lock_guard lock(mutex_);
    if (stopped_) return fail(stopped_error());
    if (options.revision > revision_) return fail(future_error());
    if (options.revision != 0 && options.revision < compacted_) return fail(compacted_error());
    if (options.revision < 0 || options.limit < 0 || range.start.empty())
      return fail(Status::bad_request("store: malformed range"));

    const Revision at = options.revision ? options.revision : revision_;
    RangeResult result{.items = {}, .revision = revision_};
    for (auto it = keys_.lower_bound(range.start); it != keys_.end() && range.contains(it->first);
         ++it) {
      const Event* version = find(it->second, at);
      if (!version || version->type == Event::Type::Delete) continue;
      ++result.count;
      if (options.limit && std::cmp_equal(result.items.size(), options.limit)) {
        result.more = true;
        continue;
      }
      result.items.push_back(version->item);
      if (options.keys_only) result.items.back().value.clear();
    }
    return result;
  }

  Result<void> compact(Revision revision) {
    std::lock_guard lock(mutex_);
    if (stopped_) return fail(stopped_error());
    if (revision <= compacted_) return fail(compacted_error());
    if (revision > revision_) return fail(future_error());
    compacted_ = revision;
    hub_.set_compacted(revision);
    for (const Version& version : log_) {
      if (version->item.mod_revision > revision) break;
      forget_superseded(version->item.key, revision);
    }
    // The log keeps the revision itself: a watch may still begin with it.
    while (!log_.empty() && log_.front()->item.mod_revision < revision) log_.pop_front();
    return {};
  }

  std::int64_t size_bytes() {
    std::lock_guard lock(mutex_);
    std::int64_t bytes = 0;
    for (const auto& [key, versions] : keys_)
      for (const Version& version : versions)
        bytes += static_cast<std::int64_t>(key.size() + version->item.value.size());
    return bytes;
  }

  Task<Result<WatchBatch>> events_after(KeyRange range, Revision since) override {
    std::lock_guard lock(mutex_);
    if (since < compacted_ - 1) co_return fail(compacted_error());
    WatchBatch batch{.events = {}, .revision = since};
    std::size_t bytes = 0;
    auto it = std::ranges::upper_bound(log_, since, {},
                                       [](const Version& v) { return v->item.mod_revision; });
    for (; it != log_.end(); ++it) {
      const Event& event = **it;
      const bool full =
          batch.events.size() >= options_.batch_events_max || bytes >= options_.batch_bytes_max;
      if (full && event.item.mod_revision != batch.revision) co_return batch;
      batch.revision = event.item.mod_revision;
      if (!range.contains(event.item.key)) continue;
      bytes += event.item.key.size() + event.item.value.size();
      batch.events.push_back(event);
    }
    batch.revision = std::max(batch.revision, revision_);
    co_return batch;
  }

  void stop() {
    hub_.close();
    std::lock_guard lock(mutex_);
    stopped_ = true;
    if (expiry_timer_) executor_.cancel(*expiry_timer_);
    expiry_timer_.reset();
  }

 private:
  // The version of a key at a revision, perhaps a deletion; null before its first.
  static const Event* find(const std::vector<Version>& versions, Revision at) {
    for (auto it = versions.rbegin(); it != versions.rend(); ++it)
      if ((*it)->item.mod_revision <= at) return it->get();
    return nullptr;
  }

  const Event* find_current(const std::string& key) const {
    const auto it = keys_.find(key);
    if (it == keys_.end() || it->second.empty()) return nullptr;
    const Event* newest = it->second.back().get();
    return newest->type == Event::Type::Put ? newest : nullptr;
  }

  Result<Revision> apply(Transaction transaction) {
    bool changes = false;
    for (const Write& write : transaction.writes) {
      const Event* current = find_current(write.key);
      if (write.expected && *write.expected != (current ? current->item.mod_revision : 0))
        return fail(conflict_error(write.key));
      changes = changes || write.value || current;
    }
    if (!changes) return revision_;

    ++revision_;
    std::vector<Event> events;
    for (Write& write : transaction.writes) {
      const Event* current = find_current(write.key);
      if (!write.value && !current) continue;
      Event event;
      event.item.key = write.key;
      event.item.mod_revision = revision_;
      if (write.value) {
        event.item.value = *std::move(write.value);
        event.item.create_revision = current ? current->item.create_revision : revision_;
        event.item.version = current ? current->item.version + 1 : 1;
      } else {
        event.type = Event::Type::Delete;
      }
      set_expiry(write.key, expiry_of(executor_.now(), write.ttl));
      auto version = std::make_shared<const Event>(event);
      keys_[write.key].push_back(version);
      log_.push_back(std::move(version));
      events.push_back(std::move(event));
    }
    hub_.publish(std::move(events), revision_);
    return revision_;
  }

  void forget_superseded(const std::string& key, Revision revision) {
    const auto it = keys_.find(key);
    if (it == keys_.end()) return;
    auto& versions = it->second;
    while (versions.size() > 1 && versions[1]->item.mod_revision <= revision)
      versions.erase(versions.begin());
    const Event& oldest = *versions.front();
    if (oldest.type == Event::Type::Delete && oldest.item.mod_revision < revision)
      versions.erase(versions.begin());
    if (versions.empty()) keys_.erase(it);
  }

  void set_expiry(const std::string& key, std::int64_t at) {
    if (const auto it = expiry_of_key_.find(key); it != expiry_of_key_.end()) {
      expiries_.erase({it->second, key});
      expiry_of_key_.erase(it);
    }
    if (at == 0) return;
    expiries_.emplace(at, key);
    expiry_of_key_.emplace(key, at);
  }

  // Sets the timer for the first key to expire, if that changed.
  void arm_expiry() {
    const std::int64_t first = expiries_.empty() ? 0 : expiries_.begin()->first;
    if (first == armed_for_) return;
    if (expiry_timer_) executor_.cancel(*expiry_timer_);
    expiry_timer_.reset();
    armed_for_ = first;
    if (first == 0) return;
    const Duration wait = Wall(std::chrono::seconds(first)) - executor_.now();
    expiry_timer_ = executor_.after(std::max(wait, Duration(1)), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->expire();
    });
  }

  void expire() {
    std::lock_guard lock(mutex_);
    if (stopped_) return;
    armed_for_ = 0;
    expiry_timer_.reset();
    const std::int64_t through = expired_through(executor_.now());
    while (!expiries_.empty() && expiries_.begin()->first <= through) {
      Transaction removal;
      removal.writes.push_back({.key = expiries_.begin()->second});
      const auto removed = apply(std::move(removal));
      CHECK(removed.has_value());
    }
    arm_expiry();
  }

  Executor& executor_;
  const WatchHubOptions options_;
  WatchHub hub_;

  std::mutex mutex_;
  bool stopped_ = false;
  Revision revision_ = 1;
  Revision compacted_ = 0;
  std::map<std::string, std::vector<Version>> keys_;  // Oldest version first.
  std::deque<Version> log_;
  std::set<std::pair<std::int64_t, std::string>> expiries_;
  std::map<std::string, std::int64_t> expiry_of_key_;
  std::int64_t armed_for_ = 0;
  std::optional<TimerId> expiry_timer_;
};

class MemoryStore final : public Store {
 public:
  MemoryStore(Executor& executor, const MemoryOptions& options)
      : history_(std::make_shared<MemoryHistory>(executor, options.watch)),
        schedule_(
            std::in_place, executor, options.compaction_interval,
            [this] { return history_->hub().revision(); },
            // Fails only if somebody else has compacted further.
            [this](Revision revision) { std::ignore = history_->compact(revision); }) {}

  ~MemoryStore() override {
    schedule_.reset();
    history_->stop();
  }

  Task<Result<Revision>> commit(Transaction transaction) override {
    co_return history_->commit(std::move(transaction));
  }

  Task<Result<std::optional<KeyValue>>> get(std::string key) override {
    CO_TRY(RangeResult found, history_->range(KeyRange::key(std::move(key)), {}));
    if (found.items.empty()) co_return std::nullopt;
    co_return std::move(found.items.front());
  }

  Task<Result<RangeResult>> range(KeyRange range, RangeOptions options) override {
    co_return history_->range(range, options);
  }

  Task<Result<std::unique_ptr<Watch>>> watch(KeyRange range, Revision since) override {
    co_return history_->hub().open(std::move(range), since, history_);
  }

  Task<Result<Revision>> current_revision() override { co_return history_->hub().revision(); }

  Task<Result<void>> compact(Revision revision) override { co_return history_->compact(revision); }

  Task<Result<std::int64_t>> size_bytes() override { co_return history_->size_bytes(); }

  Task<void> stop() override {
    schedule_.reset();
    history_->stop();
    co_return;
  }

 private:
  const std::shared_ptr<MemoryHistory> history_;
  std::optional<CompactionSchedule> schedule_;
};

}  // namespace

std::unique_ptr<Store> make_memory_store(Executor& executor, MemoryOptions options) {
  return std::make_unique<MemoryStore>(executor, options);
}

}  // namespace keelson::store
