// SPDX-License-Identifier: Apache-2.0
// What a pod asks for, in the kernel's numbers. Pure. Source: upstream cm/helpers_linux and qos.
#pragma once

#include "kubelet/cri/runtime.h"
#include "kubelet/pod.h"

namespace keelson::kubelet {

inline constexpr std::int64_t kCpuPeriodMicroseconds = 100'000;

// 1024 a core; at least 2, at most 262144.
std::int64_t cpu_shares(std::int64_t milli_cpu);
// Microseconds of each period; 0 (none) without limit, else at least 1000.
std::int64_t cpu_quota(std::int64_t milli_cpu);
// -997 (guaranteed or critical) to 1000 (best effort): the less memory requested, the sooner
// killed.
std::int64_t oom_score_adjust(const v1::Pod& pod, const v1::Container& container,
                              std::int64_t node_memory_bytes);

// What of the node decides what a container gets.
struct NodeLimits {
  std::int64_t memory_bytes = 0;
  bool enforce_cpu_limits = true;
  bool unified_cgroups = false;  // cgroup v2
};
// A container without a limit of its own has that of the pod as a whole.
cri::v1::LinuxContainerResources container_resources(const v1::Pod& pod,
                                                     const v1::Container& container,
                                                     const NodeLimits& node);
// Of all containers of the pod together; a limit only where the pod as a whole or every container
// has one.
cri::v1::LinuxContainerResources pod_resources(const v1::Pod& pod, bool enforce_cpu_limits);

// Below the kubelet's root cgroup: "burstable/pod<uid>", of a guaranteed pod "pod<uid>".
std::string cgroup_of_pod(const v1::Pod& pod);

}  // namespace keelson::kubelet
