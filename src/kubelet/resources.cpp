// SPDX-License-Identifier: Apache-2.0
#include "kubelet/resources.h"

namespace keelson::kubelet {

namespace {

constexpr std::int64_t kSharesPerCpu = 1024;
constexpr std::int64_t kSharesMin = 2;
constexpr std::int64_t kSharesMax = 262'144;
constexpr std::int64_t kQuotaMin = 1000;
constexpr std::int64_t kGuaranteedOomScore = -997;
constexpr std::int64_t kBestEffortOomScore = 1000;
// system-node-critical and system-cluster-critical have this priority and more.
constexpr std::int32_t kSystemCriticalPriority = 2'000'000'000;

const api::Quantity* find(const podspec::ResourceList& list, std::string_view name) {
  const auto found = list.find(name);
  return found == list.end() ? nullptr : &found->second;
}

// Zero is no limit.
const api::Quantity* find_limit(const podspec::ResourceList& list, std::string_view name) {
  const auto* limit = find(list, name);
  return limit && limit->sign() > 0 ? limit : nullptr;
}

const api::Quantity* find_pod_limit(const v1::Pod& pod, std::string_view name) {
  return pod.spec.resources ? find_limit(pod.spec.resources->limits, name) : nullptr;
}

}  // namespace

std::int64_t cpu_shares(std::int64_t milli_cpu) {
  if (milli_cpu <= 0) return kSharesMin;
  return std::clamp(milli_cpu * kSharesPerCpu / 1000, kSharesMin, kSharesMax);
}

std::int64_t cpu_quota(std::int64_t milli_cpu) {
  if (milli_cpu <= 0) return 0;
  return std::max(kQuotaMin, milli_cpu * kCpuPeriodMicroseconds / 1000);
}

std::int64_t oom_score_adjust(const v1::Pod& pod, const v1::Container& container,
                              std::int64_t node_memory_bytes) {
  if (pod.spec.priority.value_or(0) >= kSystemCriticalPriority) return kGuaranteedOomScore;
  const auto qos = podspec::qos_class(pod);
  if (qos == podspec::QosClass::Guaranteed) return kGuaranteedOomScore;
  if (qos == podspec::QosClass::BestEffort || node_memory_bytes <= 0) return kBestEffortOomScore;
  const auto* request = find(container.resources.requests, podspec::kMemory);
  const double share =
      request ? static_cast<double>(request->value()) / static_cast<double>(node_memory_bytes) : 0;
  const auto score = static_cast<std::int64_t>(1000 - 1000 * share);
  // Never as safe as a guaranteed pod, nor as exposed as one of best effort.
  return std::clamp<std::int64_t>(score, 1000 + kGuaranteedOomScore, kBestEffortOomScore - 1);
}

cri::v1::LinuxContainerResources container_resources(const v1::Pod& pod,
                                                     const v1::Container& container,
                                                     const NodeLimits& node) {
  cri::v1::LinuxContainerResources out;
  const auto limit_of = [&](std::string_view name) {
    const auto* own = find_limit(container.resources.limits, name);
    return own ? own : find_pod_limit(pod, name);
  };
  const auto* cpu_request = find(container.resources.requests, podspec::kCpu);
  const auto* cpu_limit = limit_of(podspec::kCpu);
  const auto* memory_limit = limit_of(podspec::kMemory);
  if (!cpu_request) cpu_request = cpu_limit;
  out.set_cpu_shares(cpu_shares(cpu_request ? cpu_request->milli_value() : 0));
  if (node.enforce_cpu_limits) {
    out.set_cpu_period(kCpuPeriodMicroseconds);
    if (cpu_limit) out.set_cpu_quota(cpu_quota(cpu_limit->milli_value()));
  }
  if (memory_limit) out.set_memory_limit_in_bytes(memory_limit->value());
  out.set_oom_score_adj(oom_score_adjust(pod, container, node.memory_bytes));
  // Out of memory, a container dies as a whole rather than losing some of its processes. Upstream's
  // default where the kernel can, singleProcessOOMKill.
  if (node.unified_cgroups) (*out.mutable_unified())["memory.oom.group"] = "1";
  return out;
}

cri::v1::LinuxContainerResources pod_resources(const v1::Pod& pod, bool enforce_cpu_limits) {
  cri::v1::LinuxContainerResources out;
  const auto requests = podspec::pod_requests(pod);
  const auto limits = podspec::pod_limits(pod);
  const auto* cpu_request = find(requests, podspec::kCpu);
  out.set_cpu_shares(cpu_shares(cpu_request ? cpu_request->milli_value() : 0));
  const auto all_limit = [&](std::string_view name) {
    if (find_pod_limit(pod, name)) return true;
    return std::ranges::all_of(all_containers(pod), [&](const v1::Container* container) {
      return find_limit(container->resources.limits, name) != nullptr;
    });
  };
  const auto* cpu_limit = find(limits, podspec::kCpu);
  if (enforce_cpu_limits && cpu_limit && all_limit(podspec::kCpu)) {
    out.set_cpu_period(kCpuPeriodMicroseconds);
    out.set_cpu_quota(cpu_quota(cpu_limit->milli_value()));
  }
  const auto* memory_limit = find(limits, podspec::kMemory);
  if (memory_limit && all_limit(podspec::kMemory)) {
    out.set_memory_limit_in_bytes(memory_limit->value());
  }
  return out;
}

std::string cgroup_of_pod(const v1::Pod& pod) {
  switch (podspec::qos_class(pod)) {
    case podspec::QosClass::BestEffort:
      return "besteffort/pod" + pod.metadata.uid;
    case podspec::QosClass::Burstable:
      return "burstable/pod" + pod.metadata.uid;
    case podspec::QosClass::Guaranteed:
      break;
  }
  return "pod" + pod.metadata.uid;
}

}  // namespace keelson::kubelet
