// SPDX-License-Identifier: Apache-2.0
#include "scheduler/default_profile.h"

namespace keelson::scheduler {

std::unique_ptr<Profile> make_default_profile(std::string scheduler_name, ProfileParts parts) {
  auto profile = std::make_unique<Profile>(std::move(scheduler_name));
  profile->add(make_scheduling_gates());
  profile->add(make_priority_sort());
  profile->add(make_node_unschedulable());
  profile->add(make_node_name());
  profile->add(make_taint_toleration(), 3);
  profile->add(make_node_affinity(), 2);
  profile->add(make_node_ports());
  profile->add(make_node_resources_fit(), 1);
  profile->add(make_pod_topology_spread(parts.cache), 2);
  profile->add(make_inter_pod_affinity(parts.cache), 2);
  profile->add(make_dynamic_resources());
  profile->add(make_default_preemption({.profile = profile.get(),
                                        .cache = &parts.cache,
                                        .nominator = &parts.nominator,
                                        .random = &parts.random,
                                        .budgets = std::move(parts.budgets)}));
  profile->add(make_node_resources_balanced_allocation(), 1);
  profile->add(make_image_locality(parts.cache), 1);
  profile->add(make_default_binder(parts.client));
  return profile;
}

}  // namespace keelson::scheduler
