// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_status.h"

namespace keelson::kubelet {

namespace {

using namespace v1::PodConditionType;
// The conditions that the kubelet owns, in the order in which upstream writes them.
constexpr std::string_view kOwned[] = {PodReadyToStartContainers, Initialized, Ready,
                                       ContainersReady, PodScheduled};

bool is_owned(std::string_view type) { return std::ranges::find(kOwned, type) != std::end(kOwned); }
// Upstream: PodConditionSharedByKubelet.
bool is_shared(std::string_view type) { return type == DisruptionTarget; }

api::Time time_of(Wall wall) {
  return wall.time_since_epoch().count() > 0 ? api::Time(wall) : api::Time();
}

// --- Containers ----------------------------------------------------------------------------------

v1::ContainerStateTerminated terminated_state(const ContainerRecord& record) {
  v1::ContainerStateTerminated state;
  state.exitCode = record.exit_code;
  state.reason =
      !record.reason.empty() ? record.reason : (record.exit_code == 0 ? "Completed" : "Error");
  state.message = record.message;
  state.startedAt = time_of(record.started);
  state.finishedAt = time_of(record.finished);
  state.containerID = "containerd://" + record.id;
  return state;
}

const v1::ContainerStatus* find_status(const std::vector<v1::ContainerStatus>& statuses,
                                       std::string_view name) {
  const auto found = std::ranges::find(statuses, name, &v1::ContainerStatus::name);
  return found == statuses.end() ? nullptr : &*found;
}

class ContainerStatuses {
 public:
  explicit ContainerStatuses(const StatusInputs& in) : in_(in) {}

  v1::ContainerStatus of(const v1::Container& spec, bool init) const {
    v1::ContainerStatus status;
    status.name = spec.name;
    status.image = spec.image;
    const auto& before_list =
        init ? in_.before.initContainerStatuses : in_.before.containerStatuses;
    const v1::ContainerStatus* before = find_status(before_list, spec.name);
    const ContainerRecord* record = in_.runtime.latest(spec.name);
    if (record) {
      from_record(*record, status);
      if (const ContainerRecord* earlier = in_.runtime.previous(spec.name)) {
        status.lastState.terminated = terminated_state(*earlier);
      } else if (before && before->restartCount == status.restartCount) {
        status.lastState = before->lastState;
      }
      if (before) {
        keep_message(*before, status.state);
        keep_message(*before, status.lastState);
      }
    } else {
      without_record(before, init, status);
    }
    explain_wait(spec, record, init, status);
    status.started = record && has_started(spec, in_.health, *record);
    status.ready = is_ready(spec, record, init, status);
    status.resources.reset();
    if (status.state.running) status.resources.emplace(spec.resources);
    for (const auto& [name, amount] : spec.resources.requests) {
      if (status.state.running) status.allocatedResources[name] = amount;
    }
    return status;
  }

 private:
  static void from_record(const ContainerRecord& record, v1::ContainerStatus& status) {
    status.restartCount = record.restart_count;
    if (!record.image.empty()) status.image = record.image;
    status.imageID = record.image_id;
    status.containerID = "containerd://" + record.id;
    switch (record.state) {
      case ContainerState::Running:
        status.state.running.emplace().startedAt = time_of(record.started);
        break;
      case ContainerState::Exited:
        status.state.terminated = terminated_state(record);
        break;
      case ContainerState::Created:
        status.state.waiting.emplace();
        break;
      case ContainerState::Unknown: {
        auto& terminated = status.state.terminated.emplace();
        terminated.exitCode = 137;
        terminated.reason = "ContainerStatusUnknown";
        terminated.message = "The container could not be located when the pod was terminated";
        break;
      }
    }
  }

  // What a container said at its end goes with the files of the pod; after a restart of the kubelet
  // only the API still has it.
  static void keep_message(const v1::ContainerStatus& before, v1::ContainerState& state) {
    if (!state.terminated || !state.terminated->message.empty()) return;
    for (const auto* known : {&before.state, &before.lastState}) {
      if (known->terminated && known->terminated->containerID == state.terminated->containerID) {
        state.terminated->message = known->terminated->message;
      }
    }
  }

  // The runtime has no trace of it: not made yet, or lost.
  void without_record(const v1::ContainerStatus* before, bool init,
                      v1::ContainerStatus& status) const {
    const bool ran = before && (before->state.running || before->state.terminated);
    if (before) {
      status.restartCount = before->restartCount;
      status.lastState = before->lastState;
      status.imageID = before->imageID;
      status.containerID = before->containerID;
    }
    if (before && before->state.terminated) {
      status.state.terminated = before->state.terminated;  // Removed after it ended.
      return;
    }
    if (ran) {
      v1::ContainerStateTerminated lost;
      lost.exitCode = 137;
      lost.reason = "ContainerStatusUnknown";
      lost.message = in_.terminated
                         ? "The container could not be located when the pod was terminated"
                         : "The container could not be located when the pod was deleted.  The "
                           "container used to be Running";
      lost.containerID = before->containerID;
      if (in_.terminated) {
        status.state.terminated = std::move(lost);
        return;
      }
      status.lastState.terminated = std::move(lost);
      ++status.restartCount;
    }
    auto& waiting = status.state.waiting.emplace();
    const bool behind_init = init || !in_.pod.spec.initContainers.empty();
    waiting.reason = behind_init ? "PodInitializing" : "ContainerCreating";
  }

  void explain_wait(const v1::Container& spec, const ContainerRecord* record, bool init,
                    v1::ContainerStatus& status) const {
    const auto found = in_.waiting.find(spec.name);
    if (found != in_.waiting.end() && !status.state.running && !in_.terminated) {
      const bool done = record && record->state == ContainerState::Exited &&
                        !should_restart(in_.pod, spec, *record);
      if (!done) {
        if (status.state.terminated) {
          status.lastState.terminated = std::move(status.state.terminated);
          status.state.terminated.reset();
        }
        auto& waiting = status.state.waiting.ensure();
        waiting.reason = found->second.reason;
        waiting.message = found->second.message;
      }
    }
    if (status.state.waiting && status.state.waiting->reason.empty()) {
      status.state.waiting->reason = init ? "PodInitializing" : "ContainerCreating";
    }
  }

  bool is_ready(const v1::Container& spec, const ContainerRecord* record, bool init,
                const v1::ContainerStatus& status) const {
    if (init && !is_sidecar(spec)) {
      return status.state.terminated && status.state.terminated->exitCode == 0;
    }
    if (!record || !status.state.running || !status.started.value_or(false)) return false;
    if (!spec.readinessProbe) return true;
    const ContainerHealth* health = find_health(in_.health, *record);
    return health && health->ready;
  }

  const StatusInputs& in_;
};

// --- Phase ---------------------------------------------------------------------------------------

std::string_view phase_of(const StatusInputs& in, const v1::PodStatus& status) {
  const v1::Pod& pod = in.pod;
  bool init_pending = false, init_failed = false;
  bool started_main = std::ranges::any_of(pod.spec.containers, [&](const auto& spec) {
    const auto* container = find_status(status.containerStatuses, spec.name);
    return container && (container->state.running || container->state.terminated ||
                         container->lastState.terminated);
  });
  for (const auto& spec : pod.spec.initContainers) {
    const auto* container = find_status(status.initContainerStatuses, spec.name);
    if (!container) {
      init_pending = true;
      continue;
    }
    if (is_sidecar(spec)) {
      if (!started_main && !(container->state.running && container->started.value_or(false))) {
        init_pending = true;
      }
      continue;
    }
    const auto& state = container->state;
    if (state.terminated) {
      if (state.terminated->exitCode != 0) init_failed = true;
    } else if (state.waiting && container->lastState.terminated) {
      if (container->lastState.terminated->exitCode != 0)
        init_failed = true;
      else if (!started_main)
        init_pending = true;
    } else if (!started_main) {
      init_pending = true;
    }
  }

  int running = 0, waiting = 0, stopped = 0, succeeded = 0;
  for (const auto& container : status.containerStatuses) {
    if (container.state.running) {
      ++running;
    } else if (container.state.terminated) {
      ++stopped;
      if (container.state.terminated->exitCode == 0) ++succeeded;
    } else if (container.lastState.terminated) {
      ++stopped;  // Waits to be restarted.
    } else {
      ++waiting;
    }
  }

  const bool never = pod.spec.restartPolicy == v1::RestartPolicy::Never;
  const bool always =
      pod.spec.restartPolicy.empty() || pod.spec.restartPolicy == v1::RestartPolicy::Always;
  if (in.terminated) {
    const bool all_well = waiting == 0 && !init_failed && !init_pending && stopped == succeeded;
    return all_well ? v1::PodPhase::Succeeded : v1::PodPhase::Failed;
  }
  if (init_failed && never) return v1::PodPhase::Failed;
  if (init_failed || init_pending || waiting > 0) return v1::PodPhase::Pending;
  if (running > 0) return v1::PodPhase::Running;
  if (stopped == 0) return v1::PodPhase::Pending;
  if (always) return v1::PodPhase::Running;
  if (stopped == succeeded) return v1::PodPhase::Succeeded;
  return never ? v1::PodPhase::Failed : v1::PodPhase::Running;
}

// --- Conditions ----------------------------------------------------------------------------------

std::string names(const std::vector<std::string>& list) {
  std::string out = "[";
  for (const auto& name : list) {
    if (out.size() > 1) out += ' ';
    out += name;
  }
  return out + "]";
}

v1::PodCondition condition(std::string_view type, bool holds, std::string_view reason = {},
                           std::string message = {}) {
  v1::PodCondition out;
  out.type = type;
  out.status = holds ? "True" : "False";
  out.reason = reason;
  out.message = std::move(message);
  return out;
}

// Upstream's only reason for an end at the kubelet's hands.
v1::PodCondition disruption_target(const PodFailure& failure) {
  return condition(DisruptionTarget, true, v1::PodReasonTerminationByKubelet, failure.message);
}

v1::PodCondition initialized(const v1::Pod& pod, const v1::PodStatus& status) {
  if (status.phase == v1::PodPhase::Succeeded) return condition(Initialized, true, "PodCompleted");
  bool started_main = std::ranges::any_of(status.containerStatuses, [](const auto& container) {
    return container.state.running || container.state.terminated || container.lastState.terminated;
  });
  std::vector<std::string> incomplete;
  for (const auto& spec : pod.spec.initContainers) {
    const auto* container = find_status(status.initContainerStatuses, spec.name);
    const bool done =
        container && (is_sidecar(spec) ? container->started.value_or(false) : container->ready);
    if (!done && !started_main) incomplete.push_back(spec.name);
  }
  if (incomplete.empty()) return condition(Initialized, true);
  return condition(Initialized, false, "ContainersNotInitialized",
                   "containers with incomplete status: " + names(incomplete));
}

v1::PodCondition containers_ready(const v1::Pod& pod, const v1::PodStatus& status) {
  if (status.phase == v1::PodPhase::Succeeded) {
    return condition(ContainersReady, false, "PodCompleted");
  }
  if (status.phase == v1::PodPhase::Failed) return condition(ContainersReady, false, "PodFailed");
  std::vector<std::string> unready;
  const auto check = [&](const v1::Container& spec, const auto& statuses) {
    const auto* container = find_status(statuses, spec.name);
    if (!container || !container->ready) unready.push_back(spec.name);
  };
  for (const auto& spec : pod.spec.initContainers) {
    if (is_sidecar(spec)) check(spec, status.initContainerStatuses);
  }
  for (const auto& spec : pod.spec.containers) check(spec, status.containerStatuses);
  if (unready.empty()) return condition(ContainersReady, true);
  return condition(ContainersReady, false, "ContainersNotReady",
                   "containers with unready status: " + names(unready));
}

v1::PodCondition ready(const v1::Pod& pod, const v1::PodCondition& containers) {
  if (containers.status != "True") {
    return condition(Ready, false, containers.reason, containers.message);
  }
  std::string missing;
  for (const auto& gate : pod.spec.readinessGates) {
    const auto* found = find_condition(pod.status, gate.conditionType);
    if (found && found->status == "True") continue;
    if (!missing.empty()) missing += ", ";
    missing += found ? "the status of pod readiness gate \"" + gate.conditionType +
                           "\" is not \"True\", but " + found->status
                     : "corresponding condition of pod readiness gate \"" + gate.conditionType +
                           "\" does not exist.";
  }
  if (missing.empty()) return condition(Ready, true);
  return condition(Ready, false, "ReadinessGatesNotReady", std::move(missing));
}

// A condition that holds as before keeps the time since when it does.
void stamp(v1::PodCondition& now, const v1::PodCondition* before, const v1::Pod& pod, Wall time) {
  now.observedGeneration = pod.metadata.generation;
  now.lastTransitionTime =
      before && before->status == now.status ? before->lastTransitionTime : api::Time(time);
  if (!now.lastTransitionTime) now.lastTransitionTime = api::Time(time);
}

void stamp(v1::PodStatus& status, const StatusInputs& in) {
  for (auto& now : status.conditions) {
    const auto* before = find_condition(in.before, now.type);
    if (!before) before = find_condition(in.pod.status, now.type);
    stamp(now, before, in.pod, in.now);
  }
}

void set_addresses(const StatusInputs& in, v1::PodStatus& status) {
  for (const auto& ip : in.host_ips) {
    v1::HostIP entry;
    entry.ip = ip;
    status.hostIPs.push_back(std::move(entry));
  }
  if (!in.host_ips.empty()) status.hostIP = in.host_ips.front();

  std::vector<std::string> ips;
  if (in.pod.spec.hostNetwork) {
    if (!in.runtime.sandboxes.empty()) ips = in.host_ips;
  } else if (!in.runtime.sandboxes.empty() && !in.runtime.sandboxes.front().ips.empty()) {
    ips = in.runtime.sandboxes.front().ips;
  }
  if (ips.empty()) {
    // An ended pod keeps the address it had.
    status.podIP = in.before.podIP;
    status.podIPs = in.before.podIPs;
    return;
  }
  status.podIP = ips.front();
  for (auto& ip : ips) {
    v1::PodIP entry;
    entry.ip = std::move(ip);
    status.podIPs.push_back(std::move(entry));
  }
}

}  // namespace

v1::PodStatus make_pod_status(const StatusInputs& in) {
  v1::PodStatus status;
  status.observedGeneration = in.pod.metadata.generation;
  status.qosClass = in.pod.status.qosClass.empty()
                        ? std::string(podspec::qos_name(podspec::qos_class(in.pod)))
                        : in.pod.status.qosClass;
  status.nominatedNodeName = in.pod.status.nominatedNodeName;
  status.resourceClaimStatuses = in.pod.status.resourceClaimStatuses;
  status.startTime = in.before.startTime ? in.before.startTime : in.pod.status.startTime;
  if (!status.startTime) status.startTime = api::Time(in.now);

  const ContainerStatuses containers(in);
  for (const auto& spec : in.pod.spec.initContainers) {
    status.initContainerStatuses.push_back(containers.of(spec, true));
  }
  for (const auto& spec : in.pod.spec.containers) {
    status.containerStatuses.push_back(containers.of(spec, false));
  }
  std::ranges::sort(status.containerStatuses, {}, &v1::ContainerStatus::name);

  status.phase = phase_of(in, status);
  status.reason = in.before.reason;
  status.message = in.before.message;
  if (in.failure) {
    status.phase = v1::PodPhase::Failed;
    status.reason = in.failure->reason;
    status.message = in.failure->message;
  }
  // What has ended stays as it ended.
  if (is_terminal(in.pod.status)) {
    status.phase = in.pod.status.phase;
    status.reason = in.pod.status.reason;
    status.message = in.pod.status.message;
  }
  set_addresses(in, status);

  const SandboxRecord* sandbox = in.runtime.ready_sandbox();
  const bool networked = sandbox && (sandbox->host_network || !sandbox->ips.empty());
  status.conditions.push_back(condition(PodReadyToStartContainers, networked));
  status.conditions.push_back(initialized(in.pod, status));
  auto all_ready = containers_ready(in.pod, status);
  status.conditions.push_back(ready(in.pod, all_ready));
  status.conditions.push_back(std::move(all_ready));
  status.conditions.push_back(condition(PodScheduled, true));
  if (in.failure && in.failure->disruption) {
    status.conditions.push_back(disruption_target(*in.failure));
  }
  stamp(status, in);
  keep_foreign_conditions(status, in.pod.status);
  return status;
}

void keep_foreign_conditions(v1::PodStatus& ours, const v1::PodStatus& theirs) {
  std::erase_if(ours.conditions,
                [](const auto& c) { return !is_owned(c.type) && !is_shared(c.type); });
  for (const auto& foreign : theirs.conditions) {
    if (is_owned(foreign.type) || find_condition(ours, foreign.type)) continue;
    ours.conditions.push_back(foreign);
  }
}

bool same_status(const v1::PodStatus& a, const v1::PodStatus& b) {
  const auto sorted = [](const v1::PodStatus& status) {
    v1::PodStatus copy = status;
    std::ranges::sort(copy.conditions, {}, &v1::PodCondition::type);
    std::ranges::sort(copy.containerStatuses, {}, &v1::ContainerStatus::name);
    return copy;
  };
  return sorted(a) == sorted(b);
}

v1::PodStatus failed_status(const v1::Pod& pod, const PodFailure& failure, Wall now) {
  v1::PodStatus status;
  status.observedGeneration = pod.metadata.generation;
  status.phase = v1::PodPhase::Failed;
  status.reason = failure.reason;
  status.message = failure.message;
  status.qosClass = pod.status.qosClass;
  status.startTime = pod.status.startTime ? pod.status.startTime : api::Time(now);
  status.conditions = pod.status.conditions;
  if (failure.disruption) {
    auto target = disruption_target(failure);
    stamp(target, find_condition(pod.status, target.type), pod, now);
    std::erase_if(status.conditions, [&](const auto& c) { return c.type == target.type; });
    status.conditions.push_back(std::move(target));
  }
  return status;
}

}  // namespace keelson::kubelet
