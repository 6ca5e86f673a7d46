// SPDX-License-Identifier: Apache-2.0
#include "kubelet/eviction.h"

#include "kubelet/cri/labels.h"

namespace keelson::kubelet {

namespace {

constexpr std::int32_t kSystemCriticalPriority = 2'000'000'000;
// The node cannot wait. Upstream: immediateEvictionGracePeriodSeconds, of hard thresholds.
constexpr std::chrono::seconds kGrace{1};

struct Candidate {
  PodPtr pod;
  std::int64_t used = 0, requested = 0;

  std::int64_t over() const { return used - requested; }
};

}  // namespace

std::optional<Victim> choose_victim(std::span<const PodPtr> pods,
                                    std::span<const cri::v1::ContainerStats> stats,
                                    const NodePressure& pressure) {
  const std::string_view resource = pressure.memory ? "memory"
                                    : pressure.disk ? "ephemeral-storage"
                                                    : "pids";
  if (!pressure.memory && !pressure.disk && !pressure.pids) return std::nullopt;
  std::map<std::string, std::int64_t> used;
  for (const auto& entry : stats) {
    const auto uid = entry.attributes().labels().find(cri::kPodUidLabel);
    if (uid == entry.attributes().labels().end()) continue;
    used[uid->second] +=
        static_cast<std::int64_t>(pressure.memory ? entry.memory().working_set_bytes().value()
                                                  : entry.writable_layer().used_bytes().value());
  }
  std::vector<Candidate> candidates;
  for (const auto& pod : pods) {
    if (pod->spec.priority.value_or(0) >= kSystemCriticalPriority) continue;
    Candidate candidate{.pod = pod, .used = used[pod->metadata.uid]};
    const auto requests = podspec::pod_requests(*pod);
    if (const auto found = requests.find(resource); found != requests.end()) {
      candidate.requested = found->second.value();
    }
    candidates.push_back(std::move(candidate));
  }
  const auto first = std::ranges::min_element(candidates, {}, [](const Candidate& candidate) {
    return std::tuple(candidate.over() <= 0, candidate.pod->spec.priority.value_or(0),
                      -candidate.over());
  });
  if (first == candidates.end()) return std::nullopt;
  return Victim{
      .pod = first->pod,
      .failure = {.reason = "Evicted",
                  .message = "The node was low on resource: " + std::string(resource) + ". ",
                  .grace = kGrace,
                  .disruption = true}};
}

namespace {

constexpr std::string_view kStorage = v1::ResourceName::EphemeralStorage;

bool has_size_limit(const v1::Volume& volume) {
  return volume.emptyDir && volume.emptyDir->sizeLimit && volume.emptyDir->sizeLimit->sign() > 0;
}

std::int64_t bytes_of(const std::map<std::string, std::int64_t, std::less<>>& sizes,
                      std::string_view name) {
  const auto found = sizes.find(name);
  return found == sizes.end() ? 0 : found->second;
}

PodFailure evicted(std::string message) {
  return {.reason = "Evicted", .message = std::move(message), .grace = kGrace};
}

}  // namespace

bool limits_disk_use(const v1::Pod& pod) {
  return std::ranges::any_of(pod.spec.volumes, has_size_limit) ||
         podspec::pod_limits(pod).contains(kStorage);
}

std::optional<PodFailure> over_disk_limits(const v1::Pod& pod, const PodDiskUse& use,
                                           std::span<const cri::v1::ContainerStats> stats) {
  std::int64_t total = 0;
  for (const auto& volume : pod.spec.volumes) {
    if (!volume.emptyDir) continue;
    const std::int64_t bytes = bytes_of(use.empty_dirs, volume.name);
    if (has_size_limit(volume) && bytes > volume.emptyDir->sizeLimit->value()) {
      return evicted("Usage of EmptyDir volume \"" + volume.name + "\" exceeds the limit \"" +
                     volume.emptyDir->sizeLimit->text() + "\". ");
    }
    if (volume.emptyDir->medium != v1::StorageMedium::Memory) total += bytes;
  }
  auto written = use.logs;  // By container, with what it changed in its image.
  for (const auto& entry : stats) {
    const auto& labels = entry.attributes().labels();
    const auto uid = labels.find(cri::kPodUidLabel);
    const auto name = labels.find(cri::kContainerNameLabel);
    if (uid == labels.end() || uid->second != pod.metadata.uid || name == labels.end()) continue;
    written[name->second] += static_cast<std::int64_t>(entry.writable_layer().used_bytes().value());
  }
  for (const auto& [name, bytes] : written) total += bytes;
  const auto limits = podspec::pod_limits(pod);
  if (const auto limit = limits.find(kStorage);
      limit != limits.end() && total > limit->second.value()) {
    return evicted("Pod ephemeral local storage usage exceeds the total limit of containers " +
                   limit->second.text() + ". ");
  }
  for (const auto& container : pod.spec.containers) {
    const auto limit = container.resources.limits.find(kStorage);
    if (limit == container.resources.limits.end()) continue;
    if (bytes_of(written, container.name) > limit->second.value()) {
      return evicted("Container " + container.name +
                     " exceeded its local ephemeral storage limit \"" + limit->second.text() +
                     "\". ");
    }
  }
  return std::nullopt;
}

}  // namespace keelson::kubelet
