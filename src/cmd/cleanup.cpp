// SPDX-License-Identifier: Apache-2.0
// keelson cleanup: what outlives the components on purpose, removed.
#include "kubelet/cleanup.h"

#include <CLI/CLI.hpp>

#include "base/log.h"
#include "cmd/node.h"
#include "cmd/program.h"
#include "cmd/programs.h"
#include "network/node_network.h"
#include "proxy/nftables_backend.h"

namespace keelson::cmd {
namespace {

struct Flags {
  LogFlags log;
  std::string data_dir = "/var/lib/keelson";
  std::string bridge = "keelson0";
};

Result<void> remove_service_rules() {
  TRY(const auto rules, proxy::make_nftables_backend({}));
  return rules->clean_up();
}

}  // namespace

int run_cleanup(const Arguments& arguments) {
  CLI::App app("Removes the service rules, the pod network and what pods left on this node",
               "keelson cleanup");
  Flags flags;
  add_log_flags(app, flags.log);
  app.add_option("-d,--data-dir", flags.data_dir, "Folder that holds the node's state")
      ->capture_default_str();
  app.add_option("--bridge", flags.bridge, "The pods' bridge")->capture_default_str();
  if (const auto exit_code = parse_flags(app, arguments, flags.log)) return *exit_code;
  // One that fails keeps none of the others from being tried.
  int exit_code = 0;
  for (const auto& done : {remove_service_rules(), network::clean_up_node_network(flags.bridge),
                           kubelet::clean_up_pods(kubelet_dir(flags.data_dir))}) {
    if (done) continue;
    log_error("Cannot clean up", {{"err", done.error().message()}});
    exit_code = 1;
  }
  return exit_code;
}

}  // namespace keelson::cmd
