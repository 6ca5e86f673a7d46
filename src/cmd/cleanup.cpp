// SPDX-License-Identifier: Apache-2.0
// keelson cleanup: rules and interfaces that outlive the components on purpose, removed.
#include <CLI/CLI.hpp>

#include "base/log.h"
#include "cmd/program.h"
#include "cmd/programs.h"
#include "network/node_network.h"
#include "proxy/nftables_backend.h"

namespace keelson::cmd {
namespace {

Result<void> clean_up(const std::string& bridge) {
  TRY(const auto rules, proxy::make_nftables_backend({}));
  TRY_OK(rules->clean_up());
  return network::clean_up_node_network(bridge);
}

}  // namespace

int run_cleanup(const Arguments& arguments) {
  CLI::App app("Removes the service rules and the pod network of this node", "keelson cleanup");
  LogFlags log;
  add_log_flags(app, log);
  std::string bridge = "keelson0";
  app.add_option("--bridge", bridge, "The pods' bridge")->capture_default_str();
  if (const auto exit_code = parse_flags(app, arguments, log)) return *exit_code;
  const auto done = clean_up(bridge);
  if (!done) log_error("Cannot clean up", {{"err", done.error().message()}});
  return done ? 0 : 1;
}

}  // namespace keelson::cmd
