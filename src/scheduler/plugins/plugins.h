// SPDX-License-Identifier: Apache-2.0
// The plugins, each in the file of its name. What one needs besides the pod and the node comes as a
// parameter, and outlives it.
#pragma once

#include <functional>
#include <memory>

#include "base/random.h"
#include "client/client.h"
#include "scheduler/framework.h"

namespace keelson::policy::v1 {
struct PodDisruptionBudget;
}

namespace keelson::scheduler {

class Nominator;
class Profile;

// Queue.
std::unique_ptr<Plugin> make_scheduling_gates();
std::unique_ptr<Plugin> make_priority_sort();

// One node.
std::unique_ptr<Plugin> make_node_unschedulable();
std::unique_ptr<Plugin> make_node_name();
std::unique_ptr<Plugin> make_taint_toleration();
std::unique_ptr<Plugin> make_node_affinity();
std::unique_ptr<Plugin> make_node_ports();
std::unique_ptr<Plugin> make_node_resources_fit();
std::unique_ptr<Plugin> make_node_resources_balanced_allocation();
std::unique_ptr<Plugin> make_image_locality(const Cache& cache);

// Nodes together.
std::unique_ptr<Plugin> make_pod_topology_spread(const Cache& cache);
std::unique_ptr<Plugin> make_inter_pod_affinity(const Cache& cache);

// What is done about it.
using DisruptionBudgetPtr = std::shared_ptr<const policy::v1::PodDisruptionBudget>;
struct PreemptionView {
  const Profile* profile;  // The one that the plugin is part of.
  const Cache* cache;
  const Nominator* nominator;
  Random* random;
  std::function<std::vector<DisruptionBudgetPtr>()> budgets;  // Null: there are none.
};
std::unique_ptr<Plugin> make_dynamic_resources();
std::unique_ptr<Plugin> make_default_preemption(PreemptionView view);
std::unique_ptr<Plugin> make_default_binder(client::Client& client);

}  // namespace keelson::scheduler
