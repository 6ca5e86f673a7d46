// SPDX-License-Identifier: Apache-2.0
#include "scheduler/scheduler.h"

#include "api/policy/v1.h"
#include "base/log.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "scheduler/algorithm.h"
#include "scheduler/default_profile.h"
#include "scheduler/failure.h"

namespace keelson::scheduler {
namespace {

using namespace std::chrono_literals;
using api::ObjectPtr;
using client::EventTarget;
using client::EventType;
using core::v1::Namespace;
using policy::v1::PodDisruptionBudget;

// Pods that will not run again use nothing.
constexpr std::string_view kLivePods = "status.phase!=Succeeded,status.phase!=Failed";
constexpr Duration kExpireEvery = 1min;

}  // namespace

struct Scheduler::State {
  State(client::Client& api, Executor& on, Random& chance, SchedulerOptions chosen)
      : client(api),
        executor(on),
        options(std::move(chosen)),
        cache(on),
        profile(make_default_profile(options.scheduler_name,
                                     {.client = api,
                                      .cache = cache,
                                      .nominator = nominator,
                                      .random = chance,
                                      .budgets = [this] { return all_budgets(); }})),
        queue(on, *profile, options.queue),
        algorithm(*profile, cache, nominator, chance, options.percentage_of_nodes_to_score),
        informers(api, on, chance.next()),
        pods(informers.selected(api::resource_of<Pod>(), {}, std::string(kLivePods))),
        budgets(informers.of<PodDisruptionBudget>()),
        writes(on) {}

  std::vector<DisruptionBudgetPtr> all_budgets() { return budgets.list<PodDisruptionBudget>(); }

  // What the informers tell.
  void watch_cluster();
  void pod_changed(const ObjectPtr& before, const ObjectPtr& now);
  void node_changed(const ObjectPtr& before, const ObjectPtr& now);
  bool is_ours(const Pod& pod) const;
  void assigned_pod_changed(const PodInfoPtr& before, PodInfoPtr now);

  // One pod.
  void schedule(QueuedPodPtr queued);
  Task<void> bind(QueuedPodPtr queued, PodInfoPtr pod, std::string node,
                  std::unique_ptr<CycleState> cycle);
  void refused(const QueuedPodPtr& queued, const CycleState& cycle, const Diagnosis& diagnosis);
  void failed(const QueuedPodPtr& queued, const Status& status);
  void show_failure(PodInfoPtr pod, const Failure& failure);
  Task<void> write_failure(PodInfoPtr pod, std::string patch);
  Task<void> preempt(PodInfoPtr pod, std::string node, std::vector<PodInfoPtr> victims);

  Task<void> expire();
  void start_write(Task<void> task);
  static Task<void> counted(State* state, Task<void> task);

  client::Client& client;
  Executor& executor;
  const SchedulerOptions options;
  Nominator nominator;
  Cache cache;
  const std::unique_ptr<Profile> profile;
  SchedulingQueue queue;
  Algorithm algorithm;
  client::InformerSet informers;
  client::Informer& pods;
  client::Informer& budgets;
  std::optional<client::EventRecorder> events;  // While run() runs.
  TaskGroup writes;
  std::size_t writing = 0;
  Event write_done;
  Diagnosis diagnosis;
  SchedulerCounts counts;
};

// --- What the informers tell
// -----------------------------------------------------------------------

bool Scheduler::State::is_ours(const Pod& pod) const {
  const std::string& name = pod.spec.schedulerName;
  return name == profile->scheduler_name() ||
         (name.empty() && profile->scheduler_name() == "default-scheduler");
}

void Scheduler::State::watch_cluster() {
  informers.of<Node>().add_handler(
      [this](const ObjectPtr& before, const ObjectPtr& now) { node_changed(before, now); });
  informers.of<Namespace>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
    if (now) {
      cache.set_namespace(now->name(), now->as<Namespace>().metadata.labels);
    } else {
      cache.remove_namespace(before->name());
    }
  });
  pods.add_handler(
      [this](const ObjectPtr& before, const ObjectPtr& now) { pod_changed(before, now); });
}

void Scheduler::State::node_changed(const ObjectPtr& before, const ObjectPtr& now) {
  ClusterEvent event;
  event.resource = EventResource::Node;
  if (before) event.node_before = api::share<Node>(before);
  if (now) event.node_now = api::share<Node>(now);
  if (now) {
    cache.set_node(event.node_now);
  } else {
    cache.remove_node(before->name());
  }
  if (!before) {
    event.actions = kAdd;
  } else if (!now) {
    event.actions = kDelete;
  } else {
    event.actions = node_changes(*event.node_before, *event.node_now);
  }
  queue.on_event(event);
}

void Scheduler::State::pod_changed(const ObjectPtr& before, const ObjectPtr& now) {
  // A pod that was deleted and made again under its name between two lists is two pods.
  if (before && now && before->uid() != now->uid()) {
    pod_changed(before, nullptr);
    pod_changed(nullptr, now);
    return;
  }
  if (!now) {
    queue.remove(before->uid());
    nominator.withdraw(before->uid());
    // Assumed ones are in the cache without the informer having shown them there.
    if (const auto known = cache.find_pod(before->uid())) assigned_pod_changed(known, nullptr);
    return;
  }
  const PodInfoPtr info_now = make_pod_info(api::share<Pod>(now));
  if (!info_now->pod->spec.nodeName.empty()) {
    queue.remove(info_now->uid());
    nominator.withdraw(info_now->uid());
    const bool is_news = cache.is_assumed(info_now->uid());
    assigned_pod_changed(is_news ? nullptr : cache.find_pod(info_now->uid()), info_now);
    return;
  }
  if (!is_ours(*info_now->pod)) return;
  // Its binding is done, and this is news from before it.
  if (cache.is_assumed(info_now->uid()) && !queue.contains(info_now->uid())) return;
  if (info_now->pod->metadata.deletionTimestamp) {
    queue.remove(info_now->uid());
    nominator.withdraw(info_now->uid());
    return;
  }
  if (const auto& node = info_now->pod->status.nominatedNodeName; !node.empty()) {
    nominator.nominate(info_now, node);
  }
  queue.update(info_now);
}

void Scheduler::State::assigned_pod_changed(const PodInfoPtr& before, PodInfoPtr now) {
  ClusterEvent event;
  event.resource = EventResource::AssignedPod;
  event.pod_before = before;
  event.pod_now = now;
  if (!now) {
    event.actions = kDelete;
    cache.remove_pod(before->uid());
  } else {
    event.actions = before ? pod_changes(*before, *now) : kAdd;
    cache.set_pod(std::move(now));
  }
  queue.on_event(event);
}

// --- One pod
// ---------------------------------------------------------------------------------------

void Scheduler::State::schedule(QueuedPodPtr queued) {
  const PodInfoPtr pod = queued->info;
  if (pod->pod->metadata.deletionTimestamp || cache.is_assumed(pod->uid())) {
    queue.done(queued);
    return;
  }
  auto cycle = std::make_unique<CycleState>();
  const NodeInfo* const chosen = algorithm.choose(*cycle, *pod, diagnosis);
  if (!chosen) {
    refused(queued, *cycle, diagnosis);
    return;
  }
  const std::string node = chosen->name();
  cache.assume(pod, node);
  nominator.withdraw(pod->uid());
  if (auto reserved = profile->run_reserve(*cycle, *pod, node); !reserved) {
    profile->run_unreserve(*cycle, *pod, node);
    cache.forget(pod->uid());
    failed(queued, reserved.error());
    return;
  }
  start_write(bind(std::move(queued), pod, node, std::move(cycle)));
}

Task<void> Scheduler::State::bind(QueuedPodPtr queued, PodInfoPtr pod, std::string node,
                                  std::unique_ptr<CycleState> cycle) {
  auto bound = co_await profile->run_bind(*cycle, pod, node);
  if (bound) {
    cache.binding_finished(pod->uid());
    queue.done(queued);
    ++counts.scheduled;
    events->record(EventTarget::of(*pod->pod), EventType::Normal, "Scheduled",
                   "Successfully assigned " + pod->key.text() + " to " + node);
    profile->run_post_bind(*cycle, *pod, node);
    log_verbose(2, "Successfully bound pod to node", {{"pod", pod->key.text()}, {"node", node}});
    co_return;
  }
  profile->run_unreserve(*cycle, *pod, node);
  // The informer may have shown it bound meanwhile, by whomever: then it stays where it is.
  if (cache.forget(pod->uid())) {
    ClusterEvent event;
    event.resource = EventResource::AssignedPod;
    event.actions = kDelete;
    event.pod_before = pod;
    queue.on_event(event);
  }
  if (bound.error().is(Reason::Canceled)) co_return;
  if (bound.error().is(Reason::NotFound) && !pods.find(pod->key)) {
    queue.done(queued);
    co_return;
  }
  failed(queued, std::move(bound).error());
}

void Scheduler::State::refused(const QueuedPodPtr& queued, const CycleState& cycle,
                               const Diagnosis& why) {
  const PodInfoPtr pod = queued->info;
  ++counts.unschedulable;
  Failure failure;
  failure.message = why.message();
  std::string reasons;
  if (why.node_count > 0) {
    for (PostFilterPlugin* plugin : profile->post_filters()) {
      PostFilterPlugin::Answer answer = plugin->post_filter(cycle, *pod, why);
      if (answer.code == Code::Success) {
        reasons.clear();
        ++counts.preemptions;
        failure.nominated_node = answer.nominated_node;
        nominator.nominate(pod, answer.nominated_node);
        start_write(preempt(pod, answer.nominated_node, std::move(answer.victims)));
        break;
      }
      if (!answer.message.empty()) reasons += (reasons.empty() ? "" : ", ") + answer.message;
    }
  }
  if (!reasons.empty()) failure.message += " " + reasons;
  queue.put_back_refused(queued, why.plugins);
  show_failure(pod, failure);
}

void Scheduler::State::failed(const QueuedPodPtr& queued, const Status& status) {
  const PodInfoPtr pod = queued->info;
  ++counts.errors;
  log_error("Error scheduling pod; retrying",
            {{"pod", pod->key.text()}, {"err", status.message()}});
  queue.put_back_failed(queued);
  show_failure(pod, {.unschedulable = false, .message = status.message(), .nominated_node = {}});
}

void Scheduler::State::show_failure(PodInfoPtr pod, const Failure& failure) {
  events->record(EventTarget::of(*pod->pod), EventType::Warning, "FailedScheduling",
                 event_text(failure.message));
  if (auto patch = status_patch(*pod->pod, failure, executor.now())) {
    start_write(write_failure(std::move(pod), *std::move(patch)));
  }
}

Task<void> Scheduler::State::write_failure(PodInfoPtr pod, std::string patch) {
  client::WriteOptions write;
  write.subresource = "status";
  auto written = co_await client.patch<Pod>(pod->key, client::PatchType::Strategic,
                                            std::move(patch), std::move(write));
  if (!written && !written.error().is(Reason::NotFound) && !written.error().is(Reason::Canceled)) {
    log_warning("Error updating pod",
                {{"pod", pod->key.text()}, {"err", written.error().message()}});
  }
}

Task<void> Scheduler::State::preempt(PodInfoPtr pod, std::string node,
                                     std::vector<PodInfoPtr> victims) {
  for (const PodInfoPtr& victim : victims) {
    client::WriteOptions write;
    write.subresource = "status";
    auto marked = co_await client.patch<Pod>(
        victim->key, client::PatchType::Strategic,
        disruption_patch(*victim->pod, options.scheduler_name, executor.now()), std::move(write));
    client::DeleteOptions remove;
    remove.precondition_uid = victim->uid();
    Result<void> removed = fail(Status::canceled());
    if (marked) removed = co_await client.remove<Pod>(victim->key, std::move(remove));
    const Status* error = !marked ? &marked.error() : !removed ? &removed.error() : nullptr;
    if (error && !error->is(Reason::NotFound)) {
      log_warning("Preemption failed", {{"preemptor", pod->key.text()},
                                        {"victim", victim->key.text()},
                                        {"err", error->message()}});
      // The nomination would keep room for nothing; the pod comes back and looks again.
      nominator.withdraw(pod->uid());
      co_return;
    }
    if (error) continue;
    events->record(EventTarget::of(*victim->pod), EventType::Normal, "Preempted",
                   "Preempted by pod " + pod->uid() + " on node " + node);
  }
}

// --- Life
// ------------------------------------------------------------------------------------------

Task<void> Scheduler::State::counted(State* state, Task<void> task) {
  co_await std::move(task);
  --state->writing;
  state->write_done.set();
}

void Scheduler::State::start_write(Task<void> task) {
  ++writing;
  writes.start(counted(this, std::move(task)));
}

Task<void> Scheduler::State::expire() {
  while (co_await sleep_for(kExpireEvery)) {
    for (const PodInfoPtr& pod : cache.expire_assumed()) {
      log_warning("Pod expired: its binding was never confirmed", {{"pod", pod->key.text()}});
    }
  }
}

Scheduler::Scheduler(client::Client& client, Executor& executor, Random& random,
                     SchedulerOptions options)
    : state_(std::make_unique<State>(client, executor, random, std::move(options))) {}

Scheduler::~Scheduler() = default;

const SchedulerCounts& Scheduler::counts() const { return state_->counts; }
std::size_t Scheduler::unschedulable_pods() const { return state_->queue.unschedulable_size(); }

Task<void> Scheduler::run() {
  State& state = *state_;
  const TaskContext& context = co_await this_context();
  state.events.emplace(state.client, state.executor, state.options.scheduler_name,
                       state.options.host);
  state.watch_cluster();
  state.informers.start();
  TaskGroup upkeep(state.executor);
  upkeep.start(state.expire());
  if (co_await state.informers.wait_synced()) {
    while (auto queued = co_await state.queue.pop()) {
      state.schedule(*std::move(queued));
      while (state.writing >= state.options.writes_max && !context.stop.stop_requested()) {
        state.write_done.reset();
        if (!co_await state.write_done.wait()) break;
      }
      // What happened meanwhile comes in before the next choice.
      co_await yield_now();
    }
  }
  co_await upkeep.stop();
  co_await state.informers.stop();
  co_await state.writes.stop();
  co_await state.events->stop();
  state.events.reset();
}

}  // namespace keelson::scheduler
