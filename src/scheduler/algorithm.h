// SPDX-License-Identifier: Apache-2.0
// Chooses a node for a pod: looks for enough nodes that can run it, scores them, takes the best.
#pragma once

#include <cstddef>
#include <vector>

#include "base/random.h"
#include "scheduler/nominator.h"
#include "scheduler/profile.h"

namespace keelson::scheduler {

// Whether the node can run the pod, also when the pods nominated to it that are at least as
// important come. Success, or why not.
Code filter_with_nominated(const Profile& profile, const Nominator& nominator,
                           const CycleState& state, const PodInfo& pod, const NodeInfo& node,
                           Reasons& reasons, int& refused_by);

class Algorithm {
 public:
  // `percentage` of all nodes that must be found able before the search ends; 0: by the size of the
  // cluster (50 %, one less for each 125 nodes, at least 5 %; never fewer than 100 nodes).
  Algorithm(const Profile& profile, const Cache& cache, const Nominator& nominator, Random& random,
            int percentage = 0);

  // Null if no node can run it, which `diagnosis` explains. Does not wait.
  const NodeInfo* choose(CycleState& state, const PodInfo& pod, Diagnosis& diagnosis);

  // How many nodes to find among so many.
  std::size_t wanted_nodes(std::size_t count) const;

 private:
  void find_feasible(const CycleState& state, const PodInfo& pod, const NodeList& nodes,
                     Diagnosis& diagnosis);
  const NodeInfo* best(CycleState& state, const PodInfo& pod);

  const Profile& profile_;
  const Cache& cache_;
  const Nominator& nominator_;
  Random& random_;
  const int percentage_;
  // Where the next search starts, so that all nodes get their turn.
  std::size_t next_start_ = 0;
  // Kept between pods for their memory.
  NodeList feasible_;
  std::vector<std::int64_t> scores_, totals_;
};

}  // namespace keelson::scheduler
