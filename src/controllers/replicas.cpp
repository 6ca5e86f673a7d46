// SPDX-License-Identifier: Apache-2.0
#include "controllers/replicas.h"

#include <bit>
#include <charconv>
#include <map>

#include "controllers/pods.h"

namespace keelson::controllers {
namespace {

std::int64_t deletion_cost(const core::v1::Pod& pod) {
  const auto found = pod.metadata.annotations.find("controller.kubernetes.io/pod-deletion-cost");
  if (found == pod.metadata.annotations.end()) return 0;
  std::int32_t cost = 0;
  const auto& text = found->second;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), cost);
  return error == std::errc() && end == text.data() + text.size() ? cost : 0;
}

int phase_rank(const core::v1::Pod& pod) {
  if (pod.status.phase == core::v1::PodPhase::Pending) return 0;
  return pod.status.phase == core::v1::PodPhase::Running ? 2 : 1;
}

int restarts(const core::v1::Pod& pod) {
  int most = 0;
  for (const auto& status : pod.status.containerStatuses)
    most = std::max(most, status.restartCount);
  return most;
}

int sidecar_restarts(const core::v1::Pod& pod) {
  int most = 0;
  for (const auto& container : pod.spec.initContainers) {
    if (container.restartPolicy != core::v1::ContainerRestartPolicy::Always) continue;
    for (const auto& status : pod.status.initContainerStatuses) {
      if (status.name == container.name) most = std::max(most, status.restartCount);
    }
  }
  return most;
}

// Ages count by powers of two nanoseconds: a pod that is a little younger is not worth less.
int age_rank(const api::Time& time, Wall now) {
  if (!time) return -2;
  const auto age = Duration(now - time.point()).count();
  return age > 0 ? std::bit_width(static_cast<std::uint64_t>(age)) - 1 : -1;
}

// Smaller goes first. The order of members is the order of importance. Upstream lets the uid decide
// between ages of one rank at once; that gives no order of more than two pods, so here it comes
// last.
struct Worth {
  bool assigned;
  int phase;
  bool ready;
  std::int64_t cost;
  int alone;  // The more neighbours on its node, the smaller.
  int ready_age;
  int few_restarts, few_sidecar_restarts;
  int age;
  std::string uid;

  auto operator<=>(const Worth&) const = default;
};

}  // namespace

ReplicaPlan plan_replicas(int wanted, const std::vector<PodPtr>& active,
                          const std::vector<PodPtr>& related, Wall now) {
  ReplicaPlan plan;
  const int difference = wanted - static_cast<int>(active.size());
  if (difference >= 0) {
    plan.create = std::min(difference, kBurstReplicas);
    return plan;
  }
  const auto surplus = static_cast<std::size_t>(std::min(-difference, kBurstReplicas));
  if (surplus == active.size()) {
    plan.remove = active;
    return plan;
  }
  std::map<std::string_view, int> crowd;
  for (const auto& pod : related) {
    if (!pod->spec.nodeName.empty()) ++crowd[pod->spec.nodeName];
  }
  std::vector<std::pair<Worth, PodPtr>> ranked;
  ranked.reserve(active.size());
  for (const auto& pod : active) {
    const bool ready = is_ready(*pod);
    const auto* condition = find_condition(*pod, "Ready");
    const auto found = crowd.find(pod->spec.nodeName);
    ranked.emplace_back(Worth{.assigned = !pod->spec.nodeName.empty(),
                              .phase = phase_rank(*pod),
                              .ready = ready,
                              .cost = deletion_cost(*pod),
                              .alone = found == crowd.end() ? 0 : -found->second,
                              .ready_age = ready ? age_rank(condition->lastTransitionTime, now) : 0,
                              .few_restarts = -restarts(*pod),
                              .few_sidecar_restarts = -sidecar_restarts(*pod),
                              .age = age_rank(pod->metadata.creationTimestamp, now),
                              .uid = pod->metadata.uid},
                        pod);
  }
  const auto middle = ranked.begin() + static_cast<std::ptrdiff_t>(surplus);
  std::partial_sort(ranked.begin(), middle, ranked.end(),
                    [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto it = ranked.begin(); it != middle; ++it) plan.remove.push_back(std::move(it->second));
  return plan;
}

ReplicaCounts count_replicas(const std::vector<PodPtr>& pods,
                             const std::map<std::string, std::string, std::less<>>& template_labels,
                             std::chrono::seconds min_ready, Wall now) {
  ReplicaCounts counts;
  for (const auto& pod : pods) {
    if (!is_active(*pod)) {
      if (pod->metadata.deletionTimestamp && !is_terminal(*pod)) ++counts.terminating;
      continue;
    }
    ++counts.replicas;
    const auto& labels = pod->metadata.labels;
    const bool full = std::ranges::all_of(template_labels, [&labels](const auto& wanted) {
      const auto found = labels.find(wanted.first);
      return found != labels.end() && found->second == wanted.second;
    });
    if (full) ++counts.fully_labeled;
    if (is_ready(*pod)) ++counts.ready;
    if (is_available(*pod, min_ready, now, &counts.next_available)) ++counts.available;
  }
  return counts;
}

}  // namespace keelson::controllers
