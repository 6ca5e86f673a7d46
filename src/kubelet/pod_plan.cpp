// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_plan.h"

namespace keelson::kubelet {

namespace {

std::string_view restart_policy(const v1::Pod& pod, const v1::Container& spec) {
  if (spec.restartPolicy) return *spec.restartPolicy;
  return pod.spec.restartPolicy.empty() ? v1::RestartPolicy::Always
                                        : std::string_view(pod.spec.restartPolicy);
}

bool rule_matches(const v1::ContainerRestartRule& rule, std::int32_t exit_code) {
  if (rule.action != "Restart" || !rule.exitCodes) return false;
  const bool listed =
      std::ranges::find(rule.exitCodes->values, exit_code) != rule.exitCodes->values.end();
  return rule.exitCodes->operator_ == "In" ? listed : !listed;
}

// The newest instance within the sandbox in use: those of earlier sandboxes are history.
const ContainerRecord* find_in(const RuntimePod& runtime, const SandboxRecord& sandbox,
                               std::string_view name) {
  for (const auto& container : runtime.containers) {
    if (container.name == name && container.sandbox_id == sandbox.id) return &container;
  }
  return nullptr;
}

bool wants_to_run(const v1::Pod& pod, const v1::Container& spec, const ContainerRecord* record) {
  if (!record) return true;
  switch (record->state) {
    case ContainerState::Running:
      return false;
    case ContainerState::Exited:
      return should_restart(pod, spec, *record);
    // Made but never started (the kubelet was interrupted), or lost.
    case ContainerState::Created:
    case ContainerState::Unknown:
      return true;
  }
  return true;
}

// Whether a running container must be replaced, and why.
std::optional<ContainerStop> reason_to_stop(const v1::Container& spec,
                                            const ContainerRecord& record,
                                            const PodHealth& health) {
  ContainerStop stop{.id = record.id, .name = spec.name};
  if (record.hash != 0 && record.hash != container_hash(spec)) {
    stop.message = "Container " + spec.name + " definition changed";
    return stop;
  }
  const ContainerHealth* found = find_health(health, record);
  if (!found) return std::nullopt;
  stop.probe_failed = true;
  if (found->startup_failed) {
    stop.message = "Container " + spec.name + " failed startup probe";
    return stop;
  }
  if (!found->live) {
    stop.message = "Container " + spec.name + " failed liveness probe";
    return stop;
  }
  return std::nullopt;
}

// A container that is probed to death is restarted only as its policy says.
bool comes_back(const v1::Pod& pod, const v1::Container& spec) {
  return restart_policy(pod, spec) != v1::RestartPolicy::Never;
}

class Planner {
 public:
  Planner(const v1::Pod& pod, const RuntimePod& runtime, const PodHealth& health)
      : pod_(pod), runtime_(runtime), health_(health) {}

  PodPlan plan() {
    const SandboxRecord* sandbox = usable_sandbox();
    if (!sandbox) {
      plan_sandbox();
      return std::move(plan_);
    }
    if (plan_init_containers(*sandbox)) plan_containers(*sandbox);
    return std::move(plan_);
  }

 private:
  const SandboxRecord* usable_sandbox() const {
    const SandboxRecord* sandbox = runtime_.ready_sandbox();
    if (!sandbox) return nullptr;
    const auto ready = std::ranges::count_if(runtime_.sandboxes, &SandboxRecord::ready);
    if (ready > 1) return nullptr;
    if (sandbox->host_network != pod_.spec.hostNetwork) return nullptr;
    if (!sandbox->host_network && sandbox->ips.empty()) return nullptr;
    return sandbox;
  }

  void plan_sandbox() {
    plan_.kill_pod = !runtime_.sandboxes.empty() && (runtime_.any_running() || any_sandbox_ready());
    for (const auto& sandbox : runtime_.sandboxes) {
      plan_.sandbox_attempt = std::max(plan_.sandbox_attempt, sandbox.attempt + 1);
    }
    const bool had_containers = !runtime_.containers.empty();
    const bool never = pod_.spec.restartPolicy == v1::RestartPolicy::Never;
    if (never && plan_.sandbox_attempt > 0 && had_containers) return;  // It had its one life.
    std::vector<std::string> start;
    for (const auto& spec : pod_.spec.containers) {
      const ContainerRecord* record = runtime_.latest(spec.name);
      // What ran in a sandbox that is gone has stopped, whatever the runtime says.
      const bool lost = record && record->state == ContainerState::Running;
      if (lost || wants_to_run(pod_, spec, record)) start.push_back(spec.name);
    }
    if (start.empty()) return;  // All is done.
    plan_.create_sandbox = true;
    if (!pod_.spec.initContainers.empty()) {
      plan_.start.push_back(pod_.spec.initContainers.front().name);
    } else {
      plan_.start = std::move(start);
    }
  }

  bool any_sandbox_ready() const {
    return std::ranges::any_of(runtime_.sandboxes, &SandboxRecord::ready);
  }

  // True when the containers proper may run.
  bool plan_init_containers(const SandboxRecord& sandbox) {
    const bool initialized = std::ranges::any_of(pod_.spec.containers, [&](const auto& spec) {
      return find_in(runtime_, sandbox, spec.name) != nullptr;
    });
    for (const auto& spec : pod_.spec.initContainers) {
      const ContainerRecord* record = find_in(runtime_, sandbox, spec.name);
      if (is_sidecar(spec)) {
        if (!plan_sidecar(spec, record) && !initialized) return false;
        continue;
      }
      if (initialized) continue;
      if (record && record->state == ContainerState::Running) return false;
      if (record && record->state == ContainerState::Exited) {
        if (record->exit_code == 0) continue;
        if (!should_restart(pod_, spec, *record)) {
          plan_ = PodPlan{.kill_pod = true};
          return false;
        }
      }
      plan_.start.push_back(spec.name);
      return false;
    }
    return true;
  }

  // True when what comes after it may start.
  bool plan_sidecar(const v1::Container& spec, const ContainerRecord* record) {
    if (!record || record->state != ContainerState::Running) {
      plan_.start.push_back(spec.name);
      return false;
    }
    if (auto stop = reason_to_stop(spec, *record, health_)) {
      stop->message += ", will be restarted";
      plan_.stop.push_back(std::move(*stop));
      plan_.start.push_back(spec.name);
      return false;
    }
    return has_started(spec, health_, *record);
  }

  void plan_containers(const SandboxRecord& sandbox) {
    std::size_t kept = 0;
    std::vector<std::string> start;
    for (const auto& spec : pod_.spec.containers) {
      const ContainerRecord* record = find_in(runtime_, sandbox, spec.name);
      if (!record || record->state != ContainerState::Running) {
        // A sandbox made anew does not bring back what had succeeded before.
        const ContainerRecord* last = record ? record : runtime_.latest(spec.name);
        if (wants_to_run(pod_, spec, last) ||
            (last && last != record && last->state == ContainerState::Running)) {
          start.push_back(spec.name);
        }
        continue;
      }
      auto stop = reason_to_stop(spec, *record, health_);
      if (!stop) {
        ++kept;
        continue;
      }
      if (comes_back(pod_, spec) || !stop->probe_failed) {
        stop->message += ", will be restarted";
        start.push_back(spec.name);
      }
      plan_.stop.push_back(std::move(*stop));
    }
    if (kept == 0 && start.empty()) {
      plan_ = PodPlan{.kill_pod = true};
      return;
    }
    std::ranges::move(start, std::back_inserter(plan_.start));
  }

  const v1::Pod& pod_;
  const RuntimePod& runtime_;
  const PodHealth& health_;
  PodPlan plan_;
};

}  // namespace

const ContainerHealth* find_health(const PodHealth& health, const ContainerRecord& container) {
  const auto found = health.find(container.name);
  if (found == health.end() || found->second.container_id != container.id) return nullptr;
  return &found->second;
}

bool has_started(const v1::Container& spec, const PodHealth& health,
                 const ContainerRecord& container) {
  if (container.state != ContainerState::Running) return false;
  if (!spec.startupProbe) return true;
  const ContainerHealth* found = find_health(health, container);
  return found && found->started;
}

bool should_restart(const v1::Pod& pod, const v1::Container& spec, const ContainerRecord& ended) {
  for (const auto& rule : spec.restartPolicyRules) {
    if (rule_matches(rule, ended.exit_code)) return true;
  }
  const std::string_view policy = restart_policy(pod, spec);
  const bool init = is_init_container(pod, spec.name) && !is_sidecar(spec);
  if (policy == v1::RestartPolicy::Never) return false;
  if (policy == v1::RestartPolicy::OnFailure || init) return ended.exit_code != 0;
  return true;
}

PodPlan plan_pod(const v1::Pod& pod, const RuntimePod& runtime, const PodHealth& health) {
  return Planner(pod, runtime, health).plan();
}

}  // namespace keelson::kubelet
