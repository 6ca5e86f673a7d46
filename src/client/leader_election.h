// SPDX-License-Identifier: Apache-2.0
// One of several replicas works at a time, by a Lease. Source: client-go tools/leaderelection.
#pragma once

#include <functional>
#include <string>

#include "client/client.h"

namespace keelson::client {

struct LeaderElectionOptions {
  std::string namespace_ = "kube-system";
  std::string name;      // "kube-scheduler"
  std::string identity;  // host name and a random part
  Duration lease = std::chrono::seconds(15);
  Duration renew_deadline = std::chrono::seconds(10);
  Duration retry = std::chrono::seconds(2);
};

// Waits to become leader, then runs `lead` with a stop token that fires when the lease is lost.
// Returns when `lead` has returned after a loss or a stop; on a stop the Lease is released.
// Errors: Canceled.
Task<Result<void>> lead_while_elected(Client& client, LeaderElectionOptions options,
                                      std::function<Task<void>()> lead);

}  // namespace keelson::client
