// SPDX-License-Identifier: Apache-2.0
#include "client/informer.h"

#include <algorithm>

#include "base/log.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;

// Upstream: client-go's reflector waits 800 ms, doubling up to 30 s, each up to twice as long.
constexpr Duration kBackoffMin = 800ms;
constexpr Duration kBackoffMax = 30s;
// Upstream's page size. Bounds what a single answer holds in memory.
constexpr std::int64_t kPageSize = 500;

bool is_too_old(const Status& status) {
  return status.is(Reason::Expired) || status.is(Reason::Gone);
}

// The server cannot answer now; what is known stays good.
bool is_passing(const Status& status) {
  return status.is(Reason::ServiceUnavailable) || status.is(Reason::TooManyRequests) ||
         status.is(Reason::Timeout) || status.is(Reason::ServerTimeout);
}

// The request was understood and is not supported, as opposed to failed.
bool is_refusal(const Status& status) {
  return status.is(Reason::Invalid) || status.is(Reason::BadRequest) ||
         status.is(Reason::MethodNotAllowed) || status.is(Reason::NotImplemented);
}

std::uint64_t mix(std::uint64_t seed, std::string_view text) {
  for (const char c : text) seed = (seed ^ static_cast<unsigned char>(c)) * 0x100000001b3ULL;
  return seed;
}

}  // namespace

Informer::Informer(Client& client, const Resource& resource, std::string namespace_,
                   std::string field_selector, std::uint64_t jitter_seed)
    : client_(client),
      resource_(resource),
      namespace_(std::move(namespace_)),
      field_selector_(std::move(field_selector)),
      random_(make_seeded_random(
          mix(mix(jitter_seed ^ 0xcbf29ce484222325ULL, resource.group), resource.plural))) {}

void Informer::add_handler(ChangeHandler handler) {
  for (const auto& object : objects_) handler(nullptr, object);
  handlers_.push_back(std::move(handler));
}

void Informer::add_index(std::string name, IndexFunction function) {
  auto [added, is_new] = indexes_.try_emplace(std::move(name));
  if (!is_new) return;
  Index& index = added->second;
  index.function = std::move(function);
  for (const auto& object : objects_) {
    for (auto& value : index.function(*object)) index.objects[std::move(value)].insert(object);
  }
}

ObjectPtr Informer::find(const ObjectKey& key) const {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : *found;
}

std::vector<ObjectPtr> Informer::list(std::string_view of_namespace) const {
  if (of_namespace.empty()) return {objects_.begin(), objects_.end()};
  std::vector<ObjectPtr> found;
  auto it = objects_.lower_bound(ObjectKey{std::string(of_namespace), {}});
  for (; it != objects_.end() && (*it)->namespace_() == of_namespace; ++it) found.push_back(*it);
  return found;
}

const Informer::ObjectSet* Informer::find_indexed(std::string_view index,
                                                  std::string_view value) const {
  const auto found = indexes_.find(index);
  CHECK(found != indexes_.end());
  const auto objects = found->second.objects.find(value);
  return objects == found->second.objects.end() ? nullptr : &objects->second;
}

std::vector<ObjectPtr> Informer::by_index(std::string_view index, std::string_view value) const {
  const ObjectSet* objects = find_indexed(index, value);
  if (!objects) return {};
  return {objects->begin(), objects->end()};
}

std::size_t Informer::count_by_index(std::string_view index, std::string_view value) const {
  const ObjectSet* objects = find_indexed(index, value);
  return objects ? objects->size() : 0;
}

ObjectPtr Informer::set(const ObjectKey& key, ObjectPtr now) {
  ObjectPtr before;
  if (const auto found = objects_.find(key); found != objects_.end()) {
    before = *found;
    for (auto& [name, index] : indexes_) {
      for (const auto& value : index.function(*before)) {
        const auto entry = index.objects.find(value);
        if (entry == index.objects.end()) continue;
        entry->second.erase(before);
        if (entry->second.empty()) index.objects.erase(entry);
      }
    }
    objects_.erase(found);
  }
  if (now) {
    for (auto& [name, index] : indexes_) {
      for (auto& value : index.function(*now)) index.objects[std::move(value)].insert(now);
    }
    objects_.insert(std::move(now));
  }
  return before;
}

void Informer::notify(const Change& change) const {
  // By position: a handler may add further handlers, which are told of everything by add_handler().
  const std::size_t count = handlers_.size();
  for (std::size_t i = 0; i < count; ++i) {
    const ChangeHandler handler = handlers_[i];
    handler(change.before, change.now);
  }
}

void Informer::replace(std::vector<ObjectPtr> items, std::string resource_version) {
  const ObjectSet listed(items.begin(), items.end());
  std::vector<Change> changes;
  std::vector<ObjectPtr> gone;
  for (const auto& object : objects_) {
    if (!listed.contains(object)) gone.push_back(object);
  }
  for (auto& object : gone) {
    set(object->key(), nullptr);
    changes.push_back({std::move(object), nullptr});
  }
  for (auto& object : items) {
    const auto found = objects_.find(object);
    if (found != objects_.end() && (*found)->uid() == object->uid() &&
        (*found)->resource_version() == object->resource_version()) {
      continue;  // Keeps the version whose typed value is decoded already.
    }
    auto before = set(object->key(), object);
    changes.push_back({std::move(before), std::move(object)});
  }
  resource_version_ = std::move(resource_version);
  for (const auto& change : changes) notify(change);
}

void Informer::apply(const WatchEvent& event) {
  if (!event.object) return;
  resource_version_ = std::to_string(event.object->resource_version());
  if (event.type == WatchEvent::Type::Bookmark) return;
  const ObjectKey& key = event.object->key();
  if (event.type == WatchEvent::Type::Deleted) {
    if (auto before = set(key, nullptr)) notify({std::move(before), nullptr});
    return;
  }
  auto before = set(key, event.object);
  notify({std::move(before), event.object});
}

Task<Result<std::unique_ptr<WatchStream>>> Informer::stream_list() {
  WatchOptions options;
  options.field_selector = field_selector_;
  options.send_initial_events = true;
  auto opened = co_await client_.watch(resource_, namespace_, options);
  if (!opened) {
    if (!is_refusal(opened.error())) co_return fail(std::move(opened).error());
    streaming_refused_ = true;
    co_return std::unique_ptr<WatchStream>();
  }
  auto stream = *std::move(opened);
  // Collected apart, because an object may change before the present state is complete.
  std::map<ObjectKey, ObjectPtr> state;
  while (true) {
    CO_TRY(auto events, co_await stream->next());
    if (!events) co_return fail(Status::unavailable("the watch ended before its initial events"));
    for (std::size_t i = 0; i < events->size(); ++i) {
      WatchEvent& event = (*events)[i];
      if (event.type == WatchEvent::Type::Bookmark && event.initial_events_end) {
        std::vector<ObjectPtr> items;
        items.reserve(state.size());
        for (auto& [key, object] : state) items.push_back(std::move(object));
        replace(std::move(items), std::to_string(event.object->resource_version()));
        for (++i; i < events->size(); ++i) apply((*events)[i]);
        co_return stream;
      }
      if (!event.object || event.type == WatchEvent::Type::Bookmark) continue;
      if (event.type == WatchEvent::Type::Deleted) {
        state.erase(event.object->key());
      } else {
        ObjectKey key = event.object->key();
        state[std::move(key)] = std::move(event.object);
      }
    }
  }
}

Task<Result<void>> Informer::page_list() {
  ListOptions options;
  options.field_selector = field_selector_;
  options.limit = kPageSize;
  std::vector<ObjectPtr> items;
  while (true) {
    auto page = co_await client_.list(resource_, namespace_, options);
    if (!page) {
      // Pages are of one revision, which was compacted meanwhile: all at once, then.
      if (!is_too_old(page.error()) || options.continue_.empty()) {
        co_return fail(std::move(page).error());
      }
      items.clear();
      options.limit = 0;
      options.continue_.clear();
      continue;
    }
    std::ranges::move(page->items, std::back_inserter(items));
    if (page->continue_.empty()) {
      replace(std::move(items), std::move(page->resource_version));
      co_return Result<void>{};
    }
    options.continue_ = std::move(page->continue_);
  }
}

Task<Result<void>> Informer::follow(std::unique_ptr<WatchStream> stream) {
  while (true) {
    CO_TRY(auto events, co_await stream->next());
    if (!events) co_return Result<void>{};
    failures_ = 0;
    for (const auto& event : *events) apply(event);
  }
}

Task<Result<void>> Informer::list_and_watch() {
  std::unique_ptr<WatchStream> stream;
  if (!streaming_refused_) {
    CO_TRY(stream, co_await stream_list());
  }
  if (!stream) CO_TRY_OK(co_await page_list());
  failures_ = 0;
  synced_.set();
  log_verbose(3, "Caches populated",
              {{"type", resource_.group_resource()}, {"count", objects_.size()}});

  while (true) {
    if (!stream) {
      WatchOptions options;
      options.field_selector = field_selector_;
      options.resource_version = resource_version_;
      auto opened = co_await client_.watch(resource_, namespace_, options);
      if (!opened) {
        if (!is_passing(opened.error())) co_return fail(std::move(opened).error());
        CO_TRY_OK(co_await sleep_for(next_delay()));
        continue;
      }
      stream = *std::move(opened);
    }
    const Executor& executor = *(co_await this_context()).executor;
    const Duration opened_at = executor.monotonic();
    const std::string version_before = resource_version_;
    auto ended = co_await follow(std::move(stream));
    stream = nullptr;
    if (!ended && is_too_old(ended.error())) co_return ended;
    if (!ended && ended.error().is(Reason::Canceled)) co_return ended;
    // The copy is good up to resource_version_, so the next watch starts there. One that ends at
    // once without having told anything must not turn into a busy loop.
    const bool fruitless =
        executor.monotonic() - opened_at < 1s && version_before == resource_version_;
    if (!ended || fruitless) {
      if (!ended) {
        log_verbose(2, "Watch ended",
                    {{"type", resource_.group_resource()}, {"err", ended.error().message()}});
      }
      CO_TRY_OK(co_await sleep_for(next_delay()));
    }
  }
}

Duration Informer::next_delay() {
  const Duration base =
      failures_ < 10 ? std::min(kBackoffMax, kBackoffMin * (1 << failures_)) : kBackoffMax;
  ++failures_;
  return base + std::chrono::duration_cast<Duration>(random_->unit() * base);
}

Task<void> Informer::run() {
  const TaskContext& context = co_await this_context();
  while (!context.stop.stop_requested()) {
    auto ended = co_await list_and_watch();
    if (context.stop.stop_requested()) co_return;
    if (!ended && !is_too_old(ended.error())) {
      log_warning("Failed to watch",
                  {{"type", resource_.group_resource()}, {"err", ended.error().message()}});
    }
    // Also after Expired: a server that finds every version too old must not be flooded with lists.
    if (!co_await sleep_for(next_delay())) co_return;
  }
}

InformerSet::InformerSet(Client& client, Executor& executor, std::uint64_t jitter_seed)
    : client_(client), tasks_(executor), jitter_seed_(jitter_seed) {}

InformerSet::~InformerSet() = default;

Informer& InformerSet::add(const Resource& resource, std::string namespace_,
                           std::string field_selector) {
  Informer& informer = *informers_.emplace_back(
      std::make_unique<Informer>(client_, resource, std::move(namespace_),
                                 std::move(field_selector), jitter_seed_ + informers_.size()));
  if (started_) tasks_.start(informer.run());
  return informer;
}

Informer& InformerSet::of(const Resource& resource) {
  Informer*& informer = shared_[&resource];
  if (!informer) informer = &add(resource, {}, {});
  return *informer;
}

Informer& InformerSet::selected(const Resource& resource, std::string namespace_,
                                std::string field_selector) {
  return add(resource, std::move(namespace_), std::move(field_selector));
}

void InformerSet::start() {
  if (std::exchange(started_, true)) return;
  for (const auto& informer : informers_) tasks_.start(informer->run());
}

Task<Result<void>> InformerSet::wait_synced() {
  // By position: informers may be added during the wait.
  for (std::size_t i = 0; i < informers_.size(); ++i) {
    CO_TRY_OK(co_await informers_[i]->wait_synced());
  }
  co_return Result<void>{};
}

Task<void> InformerSet::stop() { co_await tasks_.stop(); }

}  // namespace keelson::client
