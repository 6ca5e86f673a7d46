// SPDX-License-Identifier: Apache-2.0
// What has to be done so that the runtime has of a pod what its spec asks for. Pure.
// Source: upstream kuberuntime, computePodActions; KEP-753 for sidecars.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "kubelet/pod.h"
#include "kubelet/runtime_pod.h"

namespace keelson::kubelet {

// What the probes say of one instance of a container.
struct ContainerHealth {
  std::string container_id;
  bool started = false;  // The startup probe has succeeded, or there is none.
  bool startup_failed = false;
  bool live = true;
  bool ready = false;  // Readiness; counts only once started.
};
using PodHealth = std::map<std::string, ContainerHealth, std::less<>>;  // By container name.

// The entry for this very instance; null if the probes have not seen it yet.
const ContainerHealth* find_health(const PodHealth& health, const ContainerRecord& container);
// Whether the startup probe (if any) lets the container count as started.
bool has_started(const v1::Container& spec, const PodHealth& health,
                 const ContainerRecord& container);

struct ContainerStop {
  std::string id, name;
  std::string message;        // For the Killing event.
  bool probe_failed = false;  // Then a probe's own grace period counts.
};

struct PodPlan {
  bool kill_pod = false;        // All containers and sandboxes, before anything else.
  bool create_sandbox = false;  // With this attempt:
  std::uint32_t sandbox_attempt = 0;
  std::vector<ContainerStop> stop;
  std::vector<std::string> start;  // Names, in order; back-off is not considered.

  bool empty() const { return !kill_pod && !create_sandbox && stop.empty() && start.empty(); }
};

PodPlan plan_pod(const v1::Pod& pod, const RuntimePod& runtime, const PodHealth& health);

// Whether a container that ended like this is to run again. Its own restart policy and rules go
// before the pod's.
bool should_restart(const v1::Pod& pod, const v1::Container& spec, const ContainerRecord& ended);

}  // namespace keelson::kubelet
