// SPDX-License-Identifier: Apache-2.0
#include "scheduler/queue.h"

#include <algorithm>
#include <bit>

namespace keelson::scheduler {
namespace {

constexpr Duration kFlushEvery = std::chrono::seconds(30);
// Beyond it the oldest are dropped, and pods that were being tried then are tried again for safety.
constexpr std::size_t kEventsMax = 100'000;

}  // namespace

bool SchedulingQueue::ActiveOrder::operator()(const Entry* a, const Entry* b) const {
  const QueueSortPlugin::Waiting x{*a->pod->info, a->pod->since}, y{*b->pod->info, b->pod->since};
  if (sort->less(x, y)) return true;
  if (sort->less(y, x)) return false;
  return a->sequence < b->sequence;
}

bool SchedulingQueue::BackoffOrder::operator()(const Entry* a, const Entry* b) const {
  return std::pair(a->backoff_until, a->sequence) < std::pair(b->backoff_until, b->sequence);
}

SchedulingQueue::SchedulingQueue(Executor& executor, const Profile& profile, QueueOptions options)
    : executor_(executor),
      profile_(profile),
      options_(options),
      active_(ActiveOrder{&profile.queue_sort()}) {
  for (const auto& plugin : profile.plugins()) {
    for (auto& event : plugin->events()) {
      registrations_.push_back({std::move(event), PluginSet{1} << plugin->slot()});
    }
  }
}

SchedulingQueue::~SchedulingQueue() {
  if (backoff_timer_) executor_.cancel(backoff_timer_);
  if (flush_timer_) executor_.cancel(flush_timer_);
}

// --- Places
// ----------------------------------------------------------------------------------------

void SchedulingQueue::count_refused(const QueuedPod& pod, int by) {
  const auto change = static_cast<std::size_t>(by);
  if (pod.refused_by == 0) refused_by_none_ += change;
  for (PluginSet left = pod.refused_by; left; left &= left - 1) {
    refused_counts_[static_cast<std::size_t>(std::countr_zero(left))] += change;
  }
}

void SchedulingQueue::leave(Entry& entry) {
  switch (entry.place) {
    case Place::Active:
      active_.erase(&entry);
      break;
    case Place::Backoff:
      backoff_.erase(&entry);
      break;
    case Place::ErrorBackoff:
      error_backoff_.erase(&entry);
      break;
    case Place::Unschedulable:
      --unschedulable_;
      count_refused(*entry.pod, -1);
      break;
    case Place::InFlight:
      in_flight_since_.erase(in_flight_since_.find(entry.events_seen));
      trim_events();
      break;
  }
}

// The entry has left where it was.
void SchedulingQueue::move_to(Entry& entry, Place place) {
  entry.place = place;
  switch (place) {
    case Place::Active:
      active_.insert(&entry);
      available_.set();
      break;
    case Place::Backoff:
      backoff_.insert(&entry);
      arm_backoff_timer();
      if (options_.early_when_idle) available_.set();
      break;
    case Place::ErrorBackoff:
      error_backoff_.insert(&entry);
      arm_backoff_timer();
      break;
    case Place::Unschedulable:
      ++unschedulable_;
      count_refused(*entry.pod, 1);
      arm_flush_timer();
      break;
    case Place::InFlight:
      entry.events_seen = first_event_ + events_.size();
      in_flight_since_.insert(entry.events_seen);
      break;
  }
}

void SchedulingQueue::requeue(Entry& entry) {
  const QueuedPod& pod = *entry.pod;
  if (pod.gated) return;
  leave(entry);
  entry.sequence = ++last_sequence_;
  if (entry.backoff_until > executor_.monotonic()) {
    move_to(entry, Place::Backoff);
  } else {
    entry.pod->since = executor_.monotonic();
    move_to(entry, Place::Active);
  }
}

// --- Pods come and go
// ------------------------------------------------------------------------------

void SchedulingQueue::add(PodInfoPtr pod) {
  if (entries_.contains(pod->uid())) return update(std::move(pod));
  std::string uid = pod->uid();
  Entry& entry = entries_[std::move(uid)];
  entry.pod = std::make_shared<QueuedPod>();
  entry.pod->info = std::move(pod);
  entry.pod->since = executor_.monotonic();
  entry.pod->gated = !profile_.may_enqueue(*entry.pod->info->pod);
  entry.sequence = ++last_sequence_;
  move_to(entry, entry.pod->gated ? Place::Unschedulable : Place::Active);
}

void SchedulingQueue::update(PodInfoPtr pod) {
  const auto found = entries_.find(pod->uid());
  if (found == entries_.end()) return add(std::move(pod));
  Entry& entry = found->second;
  ClusterEvent event;
  event.resource = EventResource::TargetPod;
  event.pod_before = entry.pod->info;
  event.pod_now = pod;
  event.actions = pod_changes(*event.pod_before, *event.pod_now);

  if (entry.place == Place::InFlight) {
    // Whoever tries it works on the old one; the change counts when it comes back.
    entry.pod->info = std::move(pod);
    if (event.actions) entry.changed_in_flight = true;
    return;
  }
  // The order in the active queue may depend on what changes here.
  const Place place = entry.place;
  leave(entry);
  entry.pod->info = std::move(pod);
  const bool was_gated = entry.pod->gated;
  entry.pod->gated = !profile_.may_enqueue(*entry.pod->info->pod);
  move_to(entry, place);
  if (place != Place::Unschedulable || entry.pod->gated) return;
  if (was_gated || (event.actions && may_help(event, *entry.pod))) requeue(entry);
}

void SchedulingQueue::remove(const std::string& uid) {
  const auto found = entries_.find(uid);
  if (found == entries_.end()) return;
  leave(found->second);
  entries_.erase(found);
}

// --- Trying
// ----------------------------------------------------------------------------------------

std::optional<QueuedPodPtr> SchedulingQueue::try_pop() {
  Entry* entry = nullptr;
  if (!active_.empty()) {
    entry = *active_.begin();
  } else if (options_.early_when_idle && !backoff_.empty()) {
    entry = *backoff_.begin();
  } else {
    return std::nullopt;
  }
  leave(*entry);
  entry->changed_in_flight = false;
  ++entry->pod->attempts;
  move_to(*entry, Place::InFlight);
  return entry->pod;
}

Task<std::optional<QueuedPodPtr>> SchedulingQueue::pop() {
  const TaskContext& context = co_await this_context();
  while (!context.stop.stop_requested()) {
    if (auto pod = try_pop()) co_return pod;
    available_.reset();
    if (!co_await available_.wait()) break;
  }
  co_return std::nullopt;
}

Duration SchedulingQueue::backoff_of(const QueuedPod& pod) const {
  const int times = pod.errors > 0 ? pod.errors : pod.refusals;
  if (times == 0) return Duration::zero();
  Duration backoff = options_.backoff_min;
  for (int i = 1; i < times && backoff < options_.backoff_max; ++i) backoff *= 2;
  return std::min(backoff, options_.backoff_max);
}

void SchedulingQueue::after_attempt(Entry& entry, PluginSet refused_by, bool failed) {
  QueuedPod& pod = *entry.pod;
  const std::uint64_t since = entry.events_seen;
  pod.refused_by = refused_by;
  if (failed) {
    ++pod.errors;
  } else {
    ++pod.refusals;
    pod.errors = 0;
  }
  pod.since = executor_.monotonic();
  entry.backoff_until = pod.since + backoff_of(pod);

  bool helped = entry.changed_in_flight || since < first_event_;
  for (std::uint64_t i = std::max(since, first_event_);
       !helped && i < first_event_ + events_.size(); ++i) {
    helped = may_help(events_[static_cast<std::size_t>(i - first_event_)], pod);
  }
  leave(entry);
  entry.sequence = ++last_sequence_;
  if (failed) {
    move_to(entry, Place::ErrorBackoff);
  } else {
    move_to(entry, helped ? Place::Backoff : Place::Unschedulable);
  }
}

void SchedulingQueue::put_back_refused(const QueuedPodPtr& pod, PluginSet refused_by) {
  const auto found = entries_.find(pod->info->uid());
  if (found != entries_.end() && found->second.place == Place::InFlight) {
    after_attempt(found->second, refused_by, false);
  }
}

void SchedulingQueue::put_back_failed(const QueuedPodPtr& pod) {
  const auto found = entries_.find(pod->info->uid());
  if (found != entries_.end() && found->second.place == Place::InFlight) {
    after_attempt(found->second, 0, true);
  }
}

void SchedulingQueue::done(const QueuedPodPtr& pod) {
  const auto found = entries_.find(pod->info->uid());
  if (found == entries_.end() || found->second.place != Place::InFlight) return;
  leave(found->second);
  entries_.erase(found);
}

// --- Events
// ----------------------------------------------------------------------------------------

bool SchedulingQueue::may_help(const ClusterEvent& event, const QueuedPod& pod) const {
  // Nobody in particular refused it, so anything may help.
  if (pod.refused_by == 0) return true;
  for (const auto& registration : registrations_) {
    if (!(registration.plugin & pod.refused_by)) continue;
    if (registration.event.resource != event.resource) continue;
    if (!(registration.event.actions & event.actions)) continue;
    if (!registration.event.hint || registration.event.hint(*pod.info, event)) return true;
  }
  return false;
}

void SchedulingQueue::on_event(const ClusterEvent& event) {
  if (event.actions == 0) return;
  PluginSet concerned = 0;
  for (const auto& registration : registrations_) {
    if (registration.event.resource == event.resource &&
        (registration.event.actions & event.actions)) {
      concerned |= registration.plugin;
    }
  }
  if (concerned == 0) return;
  if (!in_flight_since_.empty()) {
    events_.push_back(event);
    if (events_.size() > kEventsMax) {
      events_.pop_front();
      ++first_event_;
    }
  }
  bool anybody = refused_by_none_ > 0;
  for (PluginSet left = concerned; left && !anybody; left &= left - 1) {
    anybody = refused_counts_[static_cast<std::size_t>(std::countr_zero(left))] > 0;
  }
  if (!anybody) return;
  std::vector<Entry*> helped;
  for (auto& [uid, entry] : entries_) {
    if (entry.place != Place::Unschedulable || entry.pod->gated) continue;
    if (entry.pod->refused_by && !(entry.pod->refused_by & concerned)) continue;
    if (may_help(event, *entry.pod)) helped.push_back(&entry);
  }
  // In the order in which they came to wait, whatever that of the table is.
  std::ranges::sort(helped, {}, &Entry::sequence);
  for (Entry* entry : helped) requeue(*entry);
}

void SchedulingQueue::trim_events() {
  const std::uint64_t end = first_event_ + events_.size();
  const std::uint64_t oldest = in_flight_since_.empty() ? end : *in_flight_since_.begin();
  while (first_event_ < oldest && !events_.empty()) {
    events_.pop_front();
    ++first_event_;
  }
}

// --- Time
// ------------------------------------------------------------------------------------------

void SchedulingQueue::arm_backoff_timer() {
  Duration next = Duration::max();
  if (!backoff_.empty()) next = (*backoff_.begin())->backoff_until;
  if (!error_backoff_.empty()) next = std::min(next, (*error_backoff_.begin())->backoff_until);
  if (next == Duration::max()) return;
  if (backoff_timer_) {
    if (backoff_timer_at_ <= next) return;
    executor_.cancel(backoff_timer_);
  }
  backoff_timer_at_ = next;
  backoff_timer_ =
      executor_.after(next - executor_.monotonic(), [this, alive = std::weak_ptr(alive_)] {
        if (!alive.expired()) on_backoff_timer();
      });
}

void SchedulingQueue::on_backoff_timer() {
  backoff_timer_ = 0;
  const Duration now = executor_.monotonic();
  for (auto* queue : {&error_backoff_, &backoff_}) {
    while (!queue->empty() && (*queue->begin())->backoff_until <= now) {
      Entry& entry = **queue->begin();
      leave(entry);
      entry.pod->since = now;
      move_to(entry, Place::Active);
    }
  }
  arm_backoff_timer();
}

void SchedulingQueue::on_flush_timer() {
  flush_timer_ = 0;
  const Duration now = executor_.monotonic();
  std::vector<Entry*> stale;
  for (auto& [uid, entry] : entries_) {
    if (entry.place == Place::Unschedulable && !entry.pod->gated &&
        now - entry.pod->since > options_.unschedulable_max) {
      stale.push_back(&entry);
    }
  }
  std::ranges::sort(stale, {}, &Entry::sequence);
  for (Entry* entry : stale) requeue(*entry);
  if (unschedulable_ > 0) arm_flush_timer();
}

void SchedulingQueue::arm_flush_timer() {
  if (flush_timer_) return;
  flush_timer_ = executor_.after(kFlushEvery, [this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) on_flush_timer();
  });
}

}  // namespace keelson::scheduler
