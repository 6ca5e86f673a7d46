// SPDX-License-Identifier: Apache-2.0
// kube-controller-manager: the controllers alone.
#include <CLI/CLI.hpp>

#include "base/log.h"
#include "cmd/component.h"
#include "cmd/programs.h"
#include "controllers/manager.h"
#include "pki/certificate.h"

namespace keelson::cmd {
namespace {

// When nodes count as lost, and how fast their pods are moved.
void add_node_flags(CLI::App& app, controllers::NodeLifecycleOptions& options) {
  add_duration(app, "--node-monitor-period", options.check_interval,
               "How often nodes are looked at");
  add_duration(app, "--node-monitor-grace-period", options.grace_period,
               "How long a node may be silent before it counts as unhealthy");
  add_duration(app, "--node-startup-grace-period", options.startup_grace,
               "The same for a node that has just started");
  app.add_option("--node-eviction-rate", options.rates.normal,
                 "Nodes a second whose pods are evicted in a healthy zone")
      ->capture_default_str();
  app.add_option("--secondary-node-eviction-rate", options.rates.secondary,
                 "The same in a large zone that is unhealthy")
      ->capture_default_str();
  app.add_option("--large-cluster-size-threshold", options.rates.large_zone,
                 "Nodes up to which an unhealthy zone has no pods evicted")
      ->capture_default_str();
  app.add_option("--unhealthy-zone-threshold", options.rates.unhealthy_share,
                 "Share of nodes that are not ready from which a zone is unhealthy")
      ->capture_default_str();
}

}  // namespace

int run_controller_manager(const Arguments& arguments) {
  CLI::App app("The Kubernetes controllers", "kube-controller-manager");
  LogFlags log;
  LeaderFlags leader;
  std::string kubeconfig, root_ca;
  controllers::ManagerOptions options;
  std::vector<std::string> selection;
  add_component_flags(app, log);
  add_leader_flags(app, leader, "kube-controller-manager");
  app.add_option("--kubeconfig", kubeconfig, "How to reach the API server")->required();
  app.add_option("--cluster-cidr", options.cluster_cidr, "IPv4 network for pods");
  app.add_option("--node-cidr-mask-size", options.node_cidr_bits, "Bits of a node's part of it");
  app.add_option("--allocate-node-cidrs", options.allocate_node_cidrs, "Give nodes their parts")
      ->expected(0, 1)
      ->default_str("true");
  add_node_flags(app, options.node_lifecycle);
  app.add_option("--terminated-pod-gc-threshold", options.pod_gc.finished_max,
                 "Finished pods that are kept; 0: all")
      ->capture_default_str();
  app.add_option("--root-ca-file", root_ca, "Authority that pods trust the API server by");
  app.add_option("--controllers", selection, "\"*\" for all, \"-NAME\" for all but NAME")
      ->delimiter(',');
  if (const auto exit_code = parse_flags(app, arguments, log)) return *exit_code;
  for (const auto& entry : selection) {
    if (entry.starts_with("-")) options.disabled.insert(entry.substr(1));
  }
  return run_program([&](net::Runtime& runtime) -> Task<Result<void>> {
    CO_TRY(const auto client, make_client(runtime, kubeconfig, "kube-controller-manager"));
    if (!root_ca.empty()) {
      CO_TRY(options.root_ca_pem, pki::read_file(root_ca));
    }
    const auto random = make_system_random();
    const auto executor = make_serial(runtime);
    controllers::Manager manager(*client, *executor, *random, options);
    const TaskContext& here = co_await this_context();
    co_return co_await run_in(TaskContext{executor.get(), here.stop},
                              run_elected(*client, leader, *random, [&manager]() -> Task<void> {
                                const auto done = co_await manager.run();
                                if (!done && !done.error().is(Reason::Canceled))
                                  log_error("The controllers ended",
                                            {{"err", done.error().message()}});
                              }));
  });
}

}  // namespace keelson::cmd
