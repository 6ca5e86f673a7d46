// SPDX-License-Identifier: Apache-2.0
// kubelet: the agent of a node alone.
#include <sys/stat.h>

#include <CLI/CLI.hpp>

#include "cmd/component.h"
#include "cmd/host_address.h"
#include "cmd/node.h"
#include "cmd/programs.h"

namespace keelson::cmd {

int run_kubelet(const Arguments& arguments) {
  CLI::App app("The agent of a Kubernetes node", "kubelet");
  LogFlags log;
  NodeOptions options;
  options.node_name = host_name();
  options.data_dir = "/var/lib/kubelet";
  options.run_proxy = false;
  std::string kubeconfig, certificate, key, client_ca;
  add_component_flags(app, log);
  app.add_option("--kubeconfig", kubeconfig, "How to reach the API server")->required();
  app.add_option("--root-dir", options.data_dir, "Folder that holds all state")
      ->capture_default_str();
  app.add_option("--hostname-override", options.node_name, "Name of this node");
  app.add_option("--node-ip", options.node_ip, "IPv4 address of this node");
  app.add_option("--container-runtime-endpoint", options.runtime_endpoint, "CRI socket")
      ->capture_default_str();
  app.add_option("--pod-infra-container-image", options.pause_image, "Image of the pod sandbox");
  app.add_option("--cluster-dns", options.cluster_dns, "Address of the cluster's DNS service");
  app.add_option("--cluster-domain", options.cluster_domain, "Domain of the cluster");
  app.add_option("--cluster-cidr", options.cluster_cidr, "IPv4 network for pods");
  app.add_option("--port", options.kubelet_port, "HTTPS port")->capture_default_str();
  app.add_option("--tls-cert-file", certificate, "Serving certificate")->required();
  app.add_option("--tls-private-key-file", key, "Its key")->required();
  app.add_option("--client-ca-file", client_ca, "Authorities of client certificates")->required();
  if (const auto exit_code = parse_flags(app, arguments, log)) return *exit_code;
  umask(0077);
  return run_program([&](net::Runtime& runtime) -> Task<Result<void>> {
    if (options.node_ip.empty()) options.node_ip = host_address();
    CO_TRY(auto client, make_client(runtime, kubeconfig, "kubelet"));
    CO_TRY(auto ca, pki::read_file(client_ca));
    CO_TRY(auto serving, pki::load_pair(certificate, key));
    const auto random = make_system_random();
    Node node(runtime, *random, options,
              NodeClients{.kubelet = std::move(client), .proxy = nullptr}, std::move(ca),
              std::move(serving));
    auto started = node.start();
    if (started) co_await wait_for_stop();
    co_await run_in(TaskContext{&runtime, {}}, [](Node* running) -> Task<bool> {
      co_await running->stop();
      co_return true;
    }(&node));
    co_return started;
  });
}

}  // namespace keelson::cmd
