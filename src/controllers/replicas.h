// SPDX-License-Identifier: Apache-2.0
// How many pods to create or remove, and which. Source: upstream's ActivePodsWithRanks, KEP-2255
// (pod deletion cost), KEP-2185 (spreading over nodes).
#pragma once

#include <memory>
#include <vector>

#include "api/core/v1.h"
#include "base/executor.h"

namespace keelson::controllers {

using PodPtr = std::shared_ptr<const core::v1::Pod>;

// At most this many at once, so that one large set does not starve the others.
inline constexpr int kBurstReplicas = 500;

struct ReplicaPlan {
  int create = 0;
  std::vector<PodPtr> remove;
};

// `active` are the set's pods that count; `related` all active pods of the same owner's sets, by
// which the crowding of nodes is judged.
ReplicaPlan plan_replicas(int wanted, const std::vector<PodPtr>& active,
                          const std::vector<PodPtr>& related, Wall now);

// What ReplicaSet and ReplicationController report of their pods.
struct ReplicaCounts {
  int replicas = 0, fully_labeled = 0, ready = 0, available = 0, terminating = 0;
  Duration next_available{};  // When a ready pod will become available; 0: none waits.
};
ReplicaCounts count_replicas(const std::vector<PodPtr>& pods,
                             const std::map<std::string, std::string, std::less<>>& template_labels,
                             std::chrono::seconds min_ready, Wall now);

}  // namespace keelson::controllers
