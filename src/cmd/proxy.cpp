// SPDX-License-Identifier: Apache-2.0
// kube-proxy: the service proxy of a node alone.
#include "proxy/proxy.h"

#include <CLI/CLI.hpp>

#include "api/core/v1.h"
#include "base/log.h"
#include "cmd/component.h"
#include "cmd/host_address.h"
#include "cmd/programs.h"
#include "proxy/nftables_backend.h"

namespace keelson::cmd {
namespace {

// As the kubelet has registered it; waits until it has. Errors: Canceled.
Task<Result<std::string>> node_address(client::Client& client, std::string name) {
  while (true) {
    const auto node = co_await client.get<core::v1::Node>({"", name});
    if (node) {
      for (const auto& address : (*node)->status.addresses) {
        if (address.type == "InternalIP" && !address.address.contains(':'))
          co_return address.address;
      }
    } else {
      log_warning("Cannot ask for this node's address", {{"err", node.error().message()}});
    }
    CO_TRY_OK(co_await sleep_for(std::chrono::seconds(1)));
  }
}

}  // namespace

int run_proxy(const Arguments& arguments) {
  CLI::App app("The Kubernetes service proxy of a node", "kube-proxy");
  LogFlags log;
  std::string kubeconfig, mode = "nftables";
  std::vector<std::string> node_port_addresses = {"primary"};
  proxy::BackendOptions options;
  proxy::ProxyOptions proxy_options;
  proxy_options.node_name = host_name();
  add_component_flags(app, log);
  app.add_option("--kubeconfig", kubeconfig, "How to reach the API server")->required();
  app.add_option("--proxy-mode", mode, "nftables")->check(CLI::IsMember({"nftables"}));
  app.add_option("--cluster-cidr", options.cluster_cidr, "IPv4 network for pods");
  app.add_option("--masquerade-all", options.masquerade_all, "Masquerade all service traffic")
      ->expected(0, 1)
      ->default_str("true");
  app.add_option("--hostname-override", proxy_options.node_name, "Name of this node");
  app.add_option(
         "--nodeport-addresses", node_port_addresses,
         "Networks whose local addresses take node ports; \"primary\": the node's own address")
      ->delimiter(',')
      ->capture_default_str();
  if (const auto exit_code = parse_flags(app, arguments, log)) return *exit_code;
  return run_program([&](net::Runtime& runtime) -> Task<Result<void>> {
    CO_TRY(const auto client, make_client(runtime, kubeconfig, "kube-proxy"));
    if (node_port_addresses == std::vector<std::string>{"primary"}) {
      CO_TRY(const auto address, co_await node_address(*client, proxy_options.node_name));
      node_port_addresses = {address + "/32"};
    }
    options.node_port_addresses = node_port_addresses;
    CO_TRY(const auto backend, proxy::make_nftables_backend(options));
    const auto executor = make_serial(runtime);
    proxy::Proxy proxy(*client, *executor, *backend, proxy_options);
    const TaskContext& here = co_await this_context();
    co_await run_in(TaskContext{executor.get(), here.stop},
                    [](proxy::Proxy* running) -> Task<bool> {
                      co_await running->run();
                      co_return true;
                    }(&proxy));
    co_return Result<void>{};
  });
}

}  // namespace keelson::cmd
