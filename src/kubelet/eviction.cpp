// SPDX-License-Identifier: Apache-2.0
#include "kubelet/eviction.h"

#include "kubelet/cri/labels.h"

namespace keelson::kubelet {

namespace {

constexpr std::int32_t kSystemCriticalPriority = 2'000'000'000;

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
  return Victim{first->pod,
                {"Evicted", "The node was low on resource: " + std::string(resource) + ". "}};
}

}  // namespace keelson::kubelet
