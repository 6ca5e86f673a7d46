// SPDX-License-Identifier: Apache-2.0
// The row of a pod: a summary of all its containers in one word, as kubectl users know it.
#include <algorithm>

#include "apiserver/printers/cells.h"
#include "podspec/phase.h"

namespace keelson::apiserver {
namespace {

using core::v1::ContainerStateTerminated;
using core::v1::ContainerStatus;
using core::v1::Pod;

// What the containers together come to.
struct PodSummary {
  std::string reason;
  std::int64_t restarts = 0;
  api::Time last_restart;
  std::int64_t ready = 0, total = 0;
};

bool is_sidecar(const core::v1::Container& container) {
  return container.restartPolicy == "Always";
}

// "Signal:9", "ExitCode:1", for a container that gave no reason.
std::string exit_text(const ContainerStateTerminated& terminated) {
  if (!terminated.reason.empty()) return terminated.reason;
  return terminated.signal != 0 ? "Signal:" + std::to_string(terminated.signal)
                                : "ExitCode:" + std::to_string(terminated.exitCode);
}

void count_restarts(const ContainerStatus& status, std::int64_t& restarts, api::Time& last) {
  restarts += status.restartCount;
  if (status.lastState.terminated) {
    last = std::max(last, status.lastState.terminated->finishedAt);
  }
}

// Goes through the init containers in order, up to the first that is not done; its state is the
// pod's. False if there is none.
bool summarise_init_containers(const Pod& pod, PodSummary& summary, PodSummary& sidecars) {
  for (std::size_t i = 0; i < pod.status.initContainerStatuses.size(); ++i) {
    const ContainerStatus& status = pod.status.initContainerStatuses[i];
    const auto spec =
        std::ranges::find(pod.spec.initContainers, status.name, &core::v1::Container::name);
    const bool sidecar = spec != pod.spec.initContainers.end() && is_sidecar(*spec);
    count_restarts(status, summary.restarts, summary.last_restart);
    if (sidecar) count_restarts(status, sidecars.restarts, sidecars.last_restart);

    const auto& state = status.state;
    if (state.terminated && state.terminated->exitCode == 0) continue;
    if (sidecar && status.started.value_or(false)) {
      if (status.ready) ++summary.ready;
      continue;
    }
    if (state.terminated) {
      summary.reason = "Init:" + exit_text(*state.terminated);
    } else if (state.waiting && !state.waiting->reason.empty() &&
               state.waiting->reason != "PodInitializing") {
      summary.reason = "Init:" + state.waiting->reason;
    } else {
      summary.reason =
          "Init:" + of_total(static_cast<std::int64_t>(i), std::ssize(pod.spec.initContainers));
    }
    return true;
  }
  return false;
}

void summarise_containers(const Pod& pod, PodSummary& summary) {
  bool running = false;
  // From the last to the first, so that the first container's reason is the one that stays.
  for (std::size_t i = pod.status.containerStatuses.size(); i-- > 0;) {
    const ContainerStatus& status = pod.status.containerStatuses[i];
    count_restarts(status, summary.restarts, summary.last_restart);
    const auto& state = status.state;
    if (state.waiting && !state.waiting->reason.empty()) {
      summary.reason = state.waiting->reason;
    } else if (state.terminated) {
      summary.reason = exit_text(*state.terminated);
    } else if (status.ready && state.running) {
      running = true;
      ++summary.ready;
    }
  }
  // One container has completed, but another one still runs.
  if (summary.reason == "Completed" && running) {
    summary.reason = is_true(pod.status.conditions, "Ready") ? "Running" : "NotReady";
  }
}

PodSummary summarise(const Pod& pod) {
  PodSummary summary;
  summary.reason = or_else(pod.status.reason, pod.status.phase);
  for (const auto& condition : pod.status.conditions) {
    if (condition.type == "PodScheduled" && condition.reason == "SchedulingGated") {
      summary.reason = condition.reason;
    }
  }
  summary.total =
      std::ssize(pod.spec.containers) + std::ranges::count_if(pod.spec.initContainers, is_sidecar);

  PodSummary sidecars;
  const bool initializing = summarise_init_containers(pod, summary, sidecars);
  if (!initializing || is_true(pod.status.conditions, "Initialized")) {
    // The restarts of init containers that are done with are of no interest any more.
    summary.restarts = sidecars.restarts;
    summary.last_restart = sidecars.last_restart;
    summarise_containers(pod, summary);
  }

  if (pod.metadata.deletionTimestamp) {
    if (pod.status.reason == "NodeLost") {
      summary.reason = "Unknown";
    } else if (!podspec::is_terminal(pod)) {
      summary.reason = "Terminating";
    }
  }
  return summary;
}

std::string readiness_gates(const Pod& pod) {
  if (pod.spec.readinessGates.empty()) return std::string(kNone);
  const auto passed = std::ranges::count_if(pod.spec.readinessGates, [&](const auto& gate) {
    return is_true(pod.status.conditions, gate.conditionType);
  });
  return of_total(passed, std::ssize(pod.spec.readinessGates));
}

}  // namespace

Cells pod_cells(const Pod& pod, Wall now) {
  const PodSummary summary = summarise(pod);
  std::string restarts = std::to_string(summary.restarts);
  if (summary.restarts != 0 && summary.last_restart.is_set()) {
    restarts += " (" + age(summary.last_restart, now) + " ago)";
  }
  const std::string_view ip =
      pod.status.podIPs.empty() ? std::string_view() : pod.status.podIPs.front().ip;
  return {pod.metadata.name,
          of_total(summary.ready, summary.total),
          summary.reason,
          restarts,
          age_of(pod, now),
          or_else(ip, kNone),
          or_else(pod.spec.nodeName, kNone),
          or_else(pod.status.nominatedNodeName, kNone),
          readiness_gates(pod)};
}

}  // namespace keelson::apiserver
