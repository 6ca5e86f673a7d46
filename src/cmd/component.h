// SPDX-License-Identifier: Apache-2.0
// What the programs of single components share: upstream's way with flags, the client of a
// kubeconfig, and work under a Lease.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/random.h"
#include "client/client.h"
#include "client/leader_election.h"
#include "cmd/program.h"

namespace keelson::cmd {

// The flags of the log, and wrong flags told in upstream's words: "Error: unknown flag: --x".
void add_component_flags(CLI::App& app, LogFlags& log);

// Errors: those of reading the kubeconfig.
Result<std::unique_ptr<client::Client>> make_client(net::Runtime& runtime,
                                                    const std::string& kubeconfig,
                                                    std::string_view component);

struct LeaderFlags {
  bool elect = true;
  client::LeaderElectionOptions options;
};
// `name` is that of the Lease unless a flag says otherwise.
void add_leader_flags(CLI::App& app, LeaderFlags& flags, std::string name);

// `body` at once, or while elected. Errors: Canceled after a stop; Unavailable when `body` has
// ended without one, as when the Lease was lost: whoever supervises the program starts it again.
Task<Result<void>> run_elected(client::Client& client, LeaderFlags flags, Random& random,
                               std::function<Task<void>()> body);

}  // namespace keelson::cmd
