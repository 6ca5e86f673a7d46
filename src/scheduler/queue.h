// SPDX-License-Identifier: Apache-2.0
// Pods that wait to be scheduled, in three places:
//
//   active         to be tried now, the most important first
//   backoff        to be tried when their back-off ends: 1 s, doubled with each attempt, up to 10 s
//   unschedulable  fit nowhere: until an event may help, or 5 minutes have passed
//
// Events that come while a pod is being tried are kept, and looked at when it turns out not to fit.
// Used on one serial executor. Source: upstream's scheduler, backend/queue.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/sync.h"
#include "scheduler/profile.h"

namespace keelson::scheduler {

struct QueueOptions {
  Duration backoff_min = std::chrono::seconds(1);
  Duration backoff_max = std::chrono::seconds(10);
  Duration unschedulable_max = std::chrono::minutes(5);
  // With nothing else to do, pods that were refused are tried before their back-off ends.
  bool early_when_idle = true;
};

struct QueuedPod {
  PodInfoPtr info;
  Duration since{};  // When it came into the queue, last time.
  int attempts = 0;  // Including the one under way.
  int refusals = 0;  // How often it was unschedulable.
  int errors = 0;    // In a row.
  PluginSet refused_by = 0;
  bool gated = false;  // Its PreEnqueue plugins do not let it in.
};
using QueuedPodPtr = std::shared_ptr<QueuedPod>;

class SchedulingQueue {
 public:
  // `profile` outlives the queue. Its plugins' events() are asked for once.
  SchedulingQueue(Executor& executor, const Profile& profile, QueueOptions options = {});
  ~SchedulingQueue();

  // A pod without a node has appeared, changed, or is gone (deleted, or has its node).
  void add(PodInfoPtr pod);
  void update(PodInfoPtr pod);
  void remove(const std::string& uid);

  // The next to be tried. What follows must be put_back() or done().
  std::optional<QueuedPodPtr> try_pop();
  // Waits for it; nothing when stopped.
  Task<std::optional<QueuedPodPtr>> pop();
  // It fits nowhere: `refused_by` says who must have an event before another try.
  void put_back_refused(const QueuedPodPtr& pod, PluginSet refused_by);
  // Something went wrong: it is tried again after its back-off.
  void put_back_failed(const QueuedPodPtr& pod);
  // It has its node, or is not wanted any more.
  void done(const QueuedPodPtr& pod);

  // Something happened that may help pods that fit nowhere.
  void on_event(const ClusterEvent& event);

  std::size_t backoff_size() const { return backoff_.size() + error_backoff_.size(); }
  std::size_t unschedulable_size() const { return unschedulable_; }
  bool contains(const std::string& uid) const { return entries_.contains(uid); }

 private:
  enum class Place : std::uint8_t { Active, Backoff, ErrorBackoff, Unschedulable, InFlight };
  struct Entry {
    QueuedPodPtr pod;
    Place place = Place::Active;
    std::uint64_t sequence = 0;  // Breaks ties: first come, first served.
    Duration backoff_until{};
    std::uint64_t events_seen = 0;  // InFlight: events numbered from here came meanwhile.
    bool changed_in_flight = false;
  };
  struct ActiveOrder {
    const QueueSortPlugin* sort;
    bool operator()(const Entry* a, const Entry* b) const;
  };
  struct BackoffOrder {
    bool operator()(const Entry* a, const Entry* b) const;
  };
  struct Registration {
    EventRegistration event;
    PluginSet plugin;
  };

  void move_to(Entry& entry, Place place);
  void count_refused(const QueuedPod& pod, int by);
  void arm_flush_timer();
  void leave(Entry& entry);
  // To active, or to backoff while that lasts.
  void requeue(Entry& entry);
  void after_attempt(Entry& entry, PluginSet refused_by, bool failed);
  Duration backoff_of(const QueuedPod& pod) const;
  // Whether the event may help a pod that these plugins refused.
  bool may_help(const ClusterEvent& event, const QueuedPod& pod) const;
  void trim_events();
  void arm_backoff_timer();
  void on_backoff_timer();
  void on_flush_timer();

  Executor& executor_;
  const Profile& profile_;
  const QueueOptions options_;
  std::vector<Registration> registrations_;

  std::unordered_map<std::string, Entry> entries_;  // By uid; entries stay where they are.
  std::set<Entry*, ActiveOrder> active_;
  std::set<Entry*, BackoffOrder> backoff_, error_backoff_;
  std::size_t unschedulable_ = 0;
  // How many unschedulable pods each plugin has refused, to pass by events that concern none.
  std::array<std::size_t, kPluginsMax> refused_counts_{};
  std::size_t refused_by_none_ = 0;  // Unschedulable pods that no plugin in particular refused.

  // Events since the oldest try under way, numbered from first_event_.
  std::deque<ClusterEvent> events_;
  std::uint64_t first_event_ = 0;
  std::multiset<std::uint64_t> in_flight_since_;

  std::uint64_t last_sequence_ = 0;
  Event available_;
  TimerId backoff_timer_ = 0, flush_timer_ = 0;
  Duration backoff_timer_at_{};
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keelson::scheduler
