// SPDX-License-Identifier: Apache-2.0
// Sums over a pod's containers. Sources: KEP-753 (sidecars), KEP-1287 (resize in place), KEP-2837
// (resources of the pod as a whole), KEP-688 (overhead).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "api/core/v1.h"

namespace keelson::podspec {

using core::v1::Pod;
using ResourceList = std::map<std::string, api::Quantity, std::less<>>;

// Names that others compare with.
inline constexpr std::string_view kCpu = "cpu";
inline constexpr std::string_view kMemory = "memory";
inline constexpr std::string_view kEphemeralStorage = "ephemeral-storage";
inline constexpr std::string_view kPods = "pods";
inline constexpr std::string_view kHugePagesPrefix = "hugepages-";

// What a container that requests nothing counts as when nodes are compared by load, never when it
// is decided whether a pod fits. Source: upstream's scheduler, GetNonzeroRequests.
inline constexpr std::int64_t kDefaultMilliCpu = 100;
inline constexpr std::int64_t kDefaultMemoryBytes = 200LL << 20;

struct SumOptions {
  bool overhead = true;   // Add spec.overhead.
  bool pod_level = true;  // Let spec.resources of the pod override the sum.
  // Count what the kubelet has allocated or applied, where a resize in place is not over; the
  // larger of it and the spec counts, and the spec does not if the resize is infeasible. Requests
  // only.
  bool status = false;
  // For containers without a request of that name. Null: nothing. Requests only.
  const ResourceList* container_defaults = nullptr;
};

// A sidecar: an init container with restartPolicy Always.
bool is_sidecar(const core::v1::Container& init_container);

// What the pod needs at its peak: the larger of all containers with all sidecars, and of any init
// container with the sidecars started before it.
ResourceList pod_requests(const Pod& pod, const SumOptions& options = {});
// The same for limits; overhead is added only where there is a limit. A resource that some
// container does not limit still shows the sum of the others.
ResourceList pod_limits(const Pod& pod, const SumOptions& options = {});

enum class QosClass : std::uint8_t { BestEffort, Burstable, Guaranteed };

// By spec, whatever status.qosClass says.
QosClass qos_class(const Pod& pod);
std::string_view qos_name(QosClass qos);  // "BestEffort", ...

// May be set for the pod as a whole: cpu, memory and huge pages.
bool is_pod_level_resource(std::string_view name);
// Extended resources have a domain that is not kubernetes.io: "example.com/gpu".
bool is_extended_resource(std::string_view name);

}  // namespace keelson::podspec
