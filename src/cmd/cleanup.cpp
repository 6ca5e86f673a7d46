// SPDX-License-Identifier: Apache-2.0
// keelson cleanup: what outlives the components on purpose, removed.
#include "kubelet/cleanup.h"

#include <CLI/CLI.hpp>
#include <filesystem>
#include <ranges>

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

// Does a process with these arguments look after the rules and pods of a node?
bool runs_a_node(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return false;
  std::string program = std::filesystem::path(arguments[0]).filename();
  if (program == "keelson") program = arguments.size() > 1 ? arguments[1] : "";
  if (program == "kubelet" || program == "kube-proxy") return true;
  return program == "server" && std::ranges::find(arguments, "--disable-agent") == arguments.end();
}

// Rules and interfaces have the same names in all clusters. So nothing may be taken away while any
// process of ours needs it, whatever its data folder; one in another network namespace does not.
Result<void> check_that_no_node_runs() {
  namespace fs = std::filesystem;
  std::error_code error;
  const auto network = fs::read_symlink("/proc/self/ns/net", error);
  for (const auto& process : fs::directory_iterator("/proc", error)) {
    const auto program = fs::read_symlink(process.path() / "exe", error).filename();
    // The kernel adds the second word after a rebuild.
    if (program != "keelson" && program != "keelson (deleted)") continue;
    if (fs::read_symlink(process.path() / "ns/net", error) != network) continue;
    auto text = pki::read_file(process.path() / "cmdline");
    if (!text) continue;
    if (text->ends_with('\0')) text->pop_back();
    std::vector<std::string> arguments;
    for (const auto part : std::views::split(*text, '\0'))
      arguments.emplace_back(part.begin(), part.end());
    if (!runs_a_node(arguments)) continue;
    std::string command = *text;
    std::ranges::replace(command, '\0', ' ');
    return fail(Status(Reason::Conflict, "a node runs on this machine: process " +
                                             process.path().filename().string() + ", " + command));
  }
  return {};
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
  if (const auto free = check_that_no_node_runs(); !free) {
    log_error("Nothing is cleaned up", {{"err", free.error().message()}});
    return 1;
  }
  // One that fails keeps none of the others from being tried.
  int exit_code = 0;
  for (const auto& done :
       {remove_service_rules(),
        network::clean_up_node_network(flags.bridge, network_dir(flags.data_dir)),
        kubelet::clean_up_pods(kubelet_dir(flags.data_dir))}) {
    if (done) continue;
    log_error("Cannot clean up", {{"err", done.error().message()}});
    exit_code = 1;
  }
  return exit_code;
}

}  // namespace keelson::cmd
