// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_worker.h"

#include "base/log.h"

namespace keelson::kubelet {

namespace {

using client::EventType;

constexpr Duration kRetryMin = std::chrono::milliseconds(500);
constexpr Duration kRetryMax = std::chrono::seconds(30);

}  // namespace

PodWorker::PodWorker(NodeContext& node, PodPtr pod, std::function<void()> finished)
    : node_(node),
      pod_(std::move(pod)),
      finished_(std::move(finished)),
      runtime_(node),
      probes_(node, [wake = wake_] { wake->set(); }) {
  terminal_ = is_terminal(pod_->status);
}

PodWorker::~PodWorker() = default;

void PodWorker::update(PodPtr pod) {
  const bool was_ending = must_end();
  const auto grace = ending_grace();
  if (pod->metadata.generation != pod_->metadata.generation) hold_until_ = {};
  pod_ = std::move(pod);
  wake_->set();
  // What is being started is not wanted any more; what is being ended is to end sooner.
  const bool interrupt = must_end() && (!was_ending || (!ended_ && ending_grace() < grace));
  if (interrupt && round_) round_->request_stop();
}

void PodWorker::removed() {
  const bool was_ending = must_end();
  removed_ = true;
  wake_->set();
  if (!was_ending && round_) round_->request_stop();
}

void PodWorker::fail_pod(PodFailure failure) {
  if (must_end()) return;
  failure_ = std::move(failure);
  wake_->set();
  if (round_) round_->request_stop();
}

std::chrono::seconds PodWorker::ending_grace() const {
  if (!failure_) return grace_period(*pod_);
  const auto asked =
      is_deleting(*pod_)
          ? grace_period(*pod_)
          : std::chrono::seconds(pod_->spec.terminationGracePeriodSeconds.value_or(30));
  return std::min(asked, failure_->grace.value_or(asked));
}

Task<void> PodWorker::run() {
  const TaskContext& context = co_await this_context();
  const auto in_round = [&](Task<Result<Round>> task) -> Task<Result<Round>> {
    // Not a coroutine: only builds one, whose parameters are its own.
    return [](PodWorker* self, Task<Result<Round>> inner,
              const TaskContext* outer) -> Task<Result<Round>> {
      self->round_.emplace();
      std::stop_callback forward(outer->stop, [self] { self->round_->request_stop(); });
      auto result = co_await run_in(TaskContext{outer->executor, self->round_->get_token()},
                                    std::move(inner));
      self->round_.reset();
      co_return result;
    }(this, std::move(task), &context);
  };

  while (!must_end() && !context.stop.stop_requested()) {
    next_round_ = node_.options.resync_period;
    wake_->reset();
    auto round = co_await in_round(reconcile());
    if (must_end() || context.stop.stop_requested()) break;
    if (round) {
      failures_ = 0;
      last_error_.clear();
      if (*round == Round::Again) continue;
    } else {
      const std::string& why = round.error().message();
      if (failures_ == 0) {
        log_warning("Pod could not be brought to its state",
                    {{"pod", describe(*pod_)}, {"err", why}});
      } else {
        log_verbose(1, "Pod could again not be brought to its state",
                    {{"pod", describe(*pod_)}, {"err", why}});
      }
      last_error_ = why;
      const Duration delay = std::min(kRetryMax, kRetryMin * (1 << std::min(failures_++, 6)));
      hold_until_ = node_.executor.monotonic() + delay;
      be_back_in(delay);
    }
    if (!co_await wait()) break;
  }

  if (must_end() && !context.stop.stop_requested()) {
    if (co_await end()) {
      ended_ = true;
      if (co_await clean_up()) finished_();
    }
  }
  co_await probes_.stop();
}

Task<Result<void>> PodWorker::wait() {
  while (true) {
    const TimerId timer = node_.executor.after(next_round_, [wake = wake_] { wake->set(); });
    auto woken = co_await wake_->wait();
    node_.executor.cancel(timer);
    const Duration left = hold_until_ - node_.executor.monotonic();
    if (!woken || must_end() || left <= Duration::zero()) co_return woken;
    wake_->reset();
    next_round_ = left;
  }
}

Task<Result<void>> PodWorker::inspect() {
  // What is known stays for others to see until more is.
  const RuntimePod before = runtime_pod_;
  auto found = co_await inspect_pod(node_.runtime, pod_->metadata.uid, &before);
  if (!found) co_return fail(std::move(found).error());
  runtime_pod_ = std::move(*found);
  probes_.update(pod_, runtime_pod_);
  co_return Result<void>{};
}

void PodWorker::publish(bool terminated) {
  if (failure_ && runtime_pod_.containers.empty()) {
    // It never ran: nothing of it waits for anything any more.
    node_.statuses.set(pod_, failed_status(*pod_, *failure_, node_.executor.now()));
    return;
  }
  const v1::PodStatus* before = node_.statuses.find(pod_->metadata.uid);
  auto status = make_pod_status({.pod = *pod_,
                                 .before = before ? *before : pod_->status,
                                 .runtime = runtime_pod_,
                                 .health = probes_.health(),
                                 .waiting = waiting_,
                                 .host_ips = node_.options.node_ips,
                                 .failure = failure_,
                                 .terminated = terminated,
                                 .now = node_.executor.now()});
  if (is_terminal(status) && !terminated) {
    // Said only once nothing runs any more: others may start what must not run twice.
    terminal_ = true;
    const bool anything = runtime_pod_.any_running();
    if (anything) {
      status.phase = before && !before->phase.empty() ? before->phase : pod_->status.phase;
    }
  }
  node_.statuses.set(pod_, std::move(status));
}

bool PodWorker::check_deadline() {
  if (!pod_->spec.activeDeadlineSeconds) return false;
  const v1::PodStatus* status = node_.statuses.find(pod_->metadata.uid);
  if (!status || !status->startTime) return false;
  const Wall end =
      status->startTime->point() + std::chrono::seconds(*pod_->spec.activeDeadlineSeconds);
  const Duration left = end - node_.executor.now();
  if (left > Duration::zero()) {
    be_back_in(left);
    return false;
  }
  failure_ = PodFailure{"DeadlineExceeded",
                        "Pod was active on the node longer than the specified deadline"};
  node_.event(*pod_, EventType::Normal, "DeadlineExceeded", failure_->message);
  return true;
}

Task<Result<PodWorker::Round>> PodWorker::reconcile() {
  CO_TRY_OK(co_await inspect());
  publish(false);
  if (terminal_ || check_deadline()) co_return Round::Settled;
  const PodPtr pod = pod_;
  PodPlan plan = plan_pod(*pod, runtime_pod_, probes_.health());
  if (plan.create_sandbox && !pod->spec.hostNetwork && !node_.network_problem.empty()) {
    node_.event(*pod, EventType::Warning, "NetworkNotReady",
                "network is not ready: " + node_.network_problem);
    be_back_in(std::chrono::seconds(1));
    co_return Round::Settled;
  }
  const bool stale =
      !prepared_at_ || node_.executor.monotonic() - *prepared_at_ >= node_.options.resync_period;
  if (plan.empty()) {
    if (stale && runtime_pod_.any_running()) {
      // A volume that cannot be refreshed does not stop what runs already.
      if (auto refreshed = co_await prepare(pod); !refreshed) {
        log_warning("Volumes could not be refreshed",
                    {{"pod", describe(*pod)}, {"err", refreshed.error().message()}});
      }
    }
    co_await runtime_.prune(*pod, runtime_pod_);
    co_return Round::Settled;
  }
  const bool only_starts = !plan.kill_pod && !plan.create_sandbox && plan.stop.empty();
  const std::vector<std::string> wanted = plan.start;
  CO_TRY_OK(co_await act(std::move(plan), pod));
  // Nothing happened but more waiting: show why, and wait.
  const bool all_wait = only_starts && std::ranges::all_of(wanted, [&](const auto& name) {
                          return waiting_.contains(name);
                        });
  if (all_wait) {
    CO_TRY_OK(co_await inspect());
    publish(false);
    co_return Round::Settled;
  }
  co_return Round::Again;
}

Task<Result<VolumePaths>> PodWorker::prepare(PodPtr pod) {
  std::vector<std::string> ips;
  if (const auto* sandbox = runtime_pod_.ready_sandbox()) ips = sandbox->ips;
  auto volumes = co_await node_.host.prepare(pod, node_.node_values(std::move(ips)));
  if (!volumes) {
    if (!volumes.error().is(Reason::Canceled) && volumes.error().message() != last_error_) {
      node_.event(*pod, EventType::Warning, "FailedMount", volumes.error().message());
    }
    co_return volumes;
  }
  prepared_at_ = node_.executor.monotonic();
  volumes_ = *volumes;
  co_return volumes;
}

Task<Result<void>> PodWorker::act(PodPlan plan, PodPtr pod) {
  if (plan.create_sandbox || !plan.start.empty()) CO_TRY_OK(co_await prepare(pod));
  if (plan.create_sandbox && plan.sandbox_attempt > 0) {
    node_.event(*pod, EventType::Normal, "SandboxChanged",
                "Pod sandbox changed, it will be killed and re-created.");
  }
  if (plan.kill_pod) {
    CO_TRY_OK(co_await runtime_.kill(pod, runtime_pod_, grace_period(*pod)));
  }
  CO_TRY_OK(co_await stop_containers(plan.stop, pod));
  SandboxRecord sandbox;
  if (plan.create_sandbox) {
    co_await runtime_.prune(*pod, runtime_pod_);  // What failed attempts have left.
    CO_TRY(sandbox, co_await runtime_.create_sandbox(pod, plan.sandbox_attempt));
    CO_TRY_OK(co_await inspect());
    publish(false);  // The address is known from here on.
  } else if (const SandboxRecord* ready = runtime_pod_.ready_sandbox()) {
    sandbox = *ready;
  }
  if (plan.start.empty()) co_return Result<void>{};
  co_return co_await start_containers(plan.start, pod, std::move(sandbox));
}

Task<Result<void>> PodWorker::stop_containers(const std::vector<ContainerStop>& stops, PodPtr pod) {
  std::vector<Task<Result<void>>> tasks;
  for (const auto& stop : stops) {
    const auto record = std::ranges::find(runtime_pod_.containers, stop.id, &ContainerRecord::id);
    if (record == runtime_pod_.containers.end()) continue;
    const v1::Container* spec = find_container(*pod, stop.name);
    auto grace = grace_period(*pod);
    if (spec && stop.probe_failed) {
      const ContainerHealth* health = find_health(probes_.health(), *record);
      const auto& probe =
          health && health->startup_failed ? spec->startupProbe : spec->livenessProbe;
      if (probe && probe->terminationGracePeriodSeconds) {
        grace = std::chrono::seconds(*probe->terminationGracePeriodSeconds);
      }
    }
    tasks.push_back(runtime_.stop(pod, spec, *record, grace, stop.message));
  }
  for (auto& stopped : co_await when_all(std::move(tasks))) CO_TRY_OK(std::move(stopped));
  co_return Result<void>{};
}

std::uint32_t PodWorker::next_instance(const v1::Container& spec) const {
  std::int32_t last = -1;
  if (const ContainerRecord* record = runtime_pod_.latest(spec.name)) {
    last = record->restart_count;
  } else if (const v1::PodStatus* status = node_.statuses.find(pod_->metadata.uid)) {
    // The runtime has forgotten its containers (a reboot): go on counting where the API stands.
    for (const auto* list : {&status->containerStatuses, &status->initContainerStatuses}) {
      for (const auto& container : *list) {
        const bool ran = container.lastState.terminated || container.state.terminated;
        if (container.name == spec.name && ran) last = container.restartCount;
      }
    }
  }
  return static_cast<std::uint32_t>(last + 1);
}

Task<Result<void>> PodWorker::start_containers(const std::vector<std::string>& names, PodPtr pod,
                                               SandboxRecord sandbox) {
  for (const auto& name : names) {
    const v1::Container* spec = find_container(*pod, name);
    const std::string key = pod->metadata.uid + "/" + name;
    const ContainerRecord* last = runtime_pod_.latest(name);
    const Wall now = node_.executor.now();
    if (const auto found = not_before_.find(name); found != not_before_.end()) {
      if (found->second > now) {
        be_back_in(found->second - now);
        continue;
      }
    }
    if (last && last->state == ContainerState::Exited) {
      const Duration wait = node_.crashes.remaining(key, last->finished, now);
      if (wait > Duration::zero()) {
        const auto delay = api::Duration{node_.crashes.delay(key)}.text();
        waiting_[name] = {"CrashLoopBackOff", "back-off " + delay +
                                                  " restarting failed container=" + name +
                                                  " pod=" + format_pod(*pod)};
        node_.event(*pod, name, EventType::Warning, "BackOff",
                    "Back-off restarting failed container " + name + " in pod " + format_pod(*pod));
        be_back_in(wait);
        continue;
      }
      node_.crashes.next(key, last->finished, now);
    } else if (last && last->state != ContainerState::Running) {
      // Made but never started: in the way of its successor.
      CO_TRY_OK(co_await node_.runtime.remove_container(last->id));
    }
    const std::uint32_t instance = next_instance(*spec);
    auto failure = co_await runtime_.start({.pod = pod,
                                            .container = spec,
                                            .sandbox = sandbox,
                                            .volumes = volumes_,
                                            .instance = instance});
    if (!failure) {
      waiting_.erase(name);
      not_before_.erase(name);
      continue;
    }
    const TaskContext& context = co_await this_context();
    if (context.stop.stop_requested()) co_return fail(Status::canceled());
    waiting_[name] = std::move(failure->why);
    const Duration delay = std::max<Duration>(failure->retry_after, std::chrono::seconds(1));
    not_before_[name] = node_.executor.now() + delay;
    be_back_in(delay);
  }
  co_return Result<void>{};
}

Task<Result<void>> PodWorker::end() {
  const TaskContext& context = co_await this_context();
  probes_.end_restarts();
  while (true) {
    next_round_ = std::chrono::seconds(1);
    wake_->reset();
    auto seen = co_await inspect();
    if (seen) {
      if (!is_terminal(pod_->status)) publish(false);
      const bool sandboxes = std::ranges::any_of(runtime_pod_.sandboxes, &SandboxRecord::ready);
      if (!runtime_pod_.any_running() && !sandboxes) break;
      round_.emplace();
      Result<void> killed;
      {
        std::stop_callback forward(context.stop, [this] { round_->request_stop(); });
        const bool orphan = removed_ && !is_deleting(*pod_);
        killed = co_await run_in(
            TaskContext{context.executor, round_->get_token()},
            runtime_.kill(pod_, runtime_pod_, orphan ? std::chrono::seconds(1) : ending_grace()));
      }
      const bool interrupted = round_->stop_requested();
      round_.reset();
      if (context.stop.stop_requested()) co_return fail(Status::canceled());
      if (killed || interrupted) continue;
      log_warning("Pod could not be killed",
                  {{"pod", describe(*pod_)}, {"err", killed.error().message()}});
      node_.event(*pod_, EventType::Warning, "FailedKillPod",
                  "error killing pod: " + killed.error().message());
    }
    if (context.stop.stop_requested()) co_return fail(Status::canceled());
    CO_TRY_OK(co_await wait());
  }
  co_await probes_.stop();
  waiting_.clear();
  // Of what ended long ago and was cleaned up, the API knows more than is left here.
  const bool known = !is_terminal(pod_->status) || !runtime_pod_.containers.empty();
  if (!removed_ && known) publish(true);
  while (true) {
    auto released = co_await node_.host.release(pod_->metadata.uid);
    if (released) co_return Result<void>{};
    if (released.error().is(Reason::Canceled)) co_return released;
    log_warning("Pod's volumes could not be released",
                {{"pod", describe(*pod_)}, {"err", released.error().message()}});
    CO_TRY_OK(co_await sleep_for(std::chrono::seconds(2)));
  }
}

Task<Result<void>> PodWorker::clean_up() {
  // What has ended by itself stays to be looked at until somebody deletes it.
  while (!removed_ && !is_deleting(*pod_)) {
    wake_->reset();
    if (removed_ || is_deleting(*pod_)) break;
    CO_TRY_OK(co_await wake_->wait());
  }
  const std::string uid = pod_->metadata.uid;  // pod_ changes during the waits.
  if (!removed_) CO_TRY_OK(co_await node_.statuses.flush(uid));
  for (int attempt = 0;; ++attempt) {
    auto cleaned = co_await runtime_.remove(runtime_pod_);
    if (cleaned) break;
    if (cleaned.error().is(Reason::Canceled)) co_return cleaned;
    log_warning("Containers could not be removed",
                {{"pod", describe(*pod_)}, {"err", cleaned.error().message()}});
    CO_TRY_OK(co_await sleep_for(std::min(kRetryMax, kRetryMin * (1 << std::min(attempt, 6)))));
  }
  node_.host.remove_logs(*pod_);
  for (int attempt = 0; !removed_; ++attempt) {
    auto deleted =
        co_await node_.client.remove<v1::Pod>({pod_->metadata.namespace_, pod_->metadata.name},
                                              {.grace_period_seconds = 0, .precondition_uid = uid});
    // Conflict: another pod has its name by now.
    if (deleted || deleted.error().is(Reason::NotFound) || deleted.error().is(Reason::Conflict)) {
      break;
    }
    if (deleted.error().is(Reason::Canceled)) co_return deleted;
    log_warning("Pod could not be deleted",
                {{"pod", describe(*pod_)}, {"err", deleted.error().message()}});
    CO_TRY_OK(co_await sleep_for(std::min(kRetryMax, kRetryMin * (1 << std::min(attempt, 6)))));
  }
  // Finalizers may keep the object for a while; nothing of it is left here.
  node_.statuses.forget(uid);
  node_.images.forget_pod(uid);
  node_.crashes.forget_prefix(uid);
  co_return Result<void>{};
}

}  // namespace keelson::kubelet
