// SPDX-License-Identifier: Apache-2.0
// The plugins that run unless one is told otherwise, in upstream's order and with its weights.
#pragma once

#include <string>

#include "client/client.h"
#include "scheduler/nominator.h"
#include "scheduler/plugins/plugins.h"
#include "scheduler/profile.h"

namespace keelson::scheduler {

struct ProfileParts {
  client::Client& client;
  const Cache& cache;
  const Nominator& nominator;
  Random& random;
  std::function<std::vector<DisruptionBudgetPtr>()> budgets;  // Null: there are none.
};

// All parts outlive the profile.
std::unique_ptr<Profile> make_default_profile(std::string scheduler_name, ProfileParts parts);

}  // namespace keelson::scheduler
