// SPDX-License-Identifier: Apache-2.0
// Each component as a program of its own, under upstream's name and with upstream's flags.
#include <sys/stat.h>

#include <CLI/CLI.hpp>

#include "api/core/v1.h"
#include "base/log.h"
#include "client/http_client.h"
#include "client/leader_election.h"
#include "cmd/control_plane.h"
#include "cmd/host_address.h"
#include "cmd/node.h"
#include "cmd/program.h"
#include "cmd/programs.h"
#include "cmd/version.h"
#include "controllers/manager.h"
#include "proxy/nftables_backend.h"
#include "scheduler/scheduler.h"

namespace keelson::cmd {
namespace {

Result<std::unique_ptr<client::Client>> make_client(net::Runtime& runtime,
                                                    const std::string& kubeconfig,
                                                    std::string_view component) {
  TRY(auto connection, client::load_kubeconfig(kubeconfig));
  return client::make_http_client(
      runtime, {.connection = std::move(connection), .user_agent = user_agent(component)});
}

struct LeaderFlags {
  bool elect = true;
  client::LeaderElectionOptions options;
};

void add_leader_flags(CLI::App& app, LeaderFlags& flags, std::string name) {
  flags.options.name = std::move(name);
  app.add_option("--leader-elect", flags.elect, "Work only while holding the Lease")
      ->expected(0, 1)
      ->default_str("true");
  app.add_option("--leader-elect-resource-namespace", flags.options.namespace_,
                 "Namespace of the Lease");
  app.add_option("--leader-elect-resource-name", flags.options.name, "Name of the Lease");
}

// `body` at once, or while elected.
Task<Result<void>> run_elected(client::Client& client, LeaderFlags flags, Random& random,
                               std::function<Task<void>()> body) {
  if (!flags.elect) {
    co_await body();
    co_return Result<void>{};
  }
  flags.options.identity = host_name() + "_" + random.uuid();
  co_return co_await client::lead_while_elected(client, flags.options, std::move(body));
}

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

struct ApiServerFlags {
  LogFlags log;
  ControlPlaneOptions options;
  std::string tls_certificate, tls_key, client_ca, service_account_key;
  std::string kubelet_certificate, kubelet_key;
};

Result<ClusterFiles> load_files(const ApiServerFlags& flags) {
  ClusterFiles files;
  TRY(files.ca.certificate_pem, pki::read_file(flags.client_ca));
  TRY(files.serving, pki::load_pair(flags.tls_certificate, flags.tls_key));
  TRY(files.kubelet_client, pki::load_pair(flags.kubelet_certificate, flags.kubelet_key));
  TRY(files.service_account_key, pki::read_file(flags.service_account_key));
  return files;
}

// Of a controller manager: when nodes count as lost, and how fast their pods are moved.
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

int run_apiserver(const Arguments& arguments) {
  CLI::App app("The Kubernetes API server", "kube-apiserver");
  ApiServerFlags flags;
  add_log_flags(app, flags.log);
  auto& options = flags.options;
  app.add_option("--secure-port", options.port, "HTTPS port")->capture_default_str();
  app.add_option("--bind-address", options.bind_address, "Address to listen on")
      ->capture_default_str();
  app.add_option("--advertise-address", options.advertise_address,
                 "Address that members of the cluster reach the server by");
  app.add_option("--etcd-servers", options.datastore_endpoint,
                 "Where the state is kept: sqlite:///PATH or memory")
      ->required();
  app.add_option("--service-cluster-ip-range", options.service_cidr, "IPv4 network for services")
      ->capture_default_str();
  app.add_option("--tls-cert-file", flags.tls_certificate, "Serving certificate")->required();
  app.add_option("--tls-private-key-file", flags.tls_key, "Its key")->required();
  app.add_option("--client-ca-file", flags.client_ca, "Authorities of client certificates")
      ->required();
  app.add_option("--service-account-signing-key-file", flags.service_account_key,
                 "Key that signs service account tokens")
      ->required();
  app.add_option("--kubelet-client-certificate", flags.kubelet_certificate,
                 "Client certificate towards kubelets")
      ->required();
  app.add_option("--kubelet-client-key", flags.kubelet_key, "Its key")->required();
  if (const auto exit_code = parse_flags(app, arguments, flags.log)) return *exit_code;
  umask(0077);
  return run_program([&flags](net::Runtime& runtime) -> Task<Result<void>> {
    CO_TRY(auto files, load_files(flags));
    if (flags.options.advertise_address.empty()) flags.options.advertise_address = host_address();
    const auto random = make_system_random();
    ControlPlane plane(runtime, *random, flags.options, std::move(files));
    auto started = co_await plane.start();
    if (started) co_await wait_for_stop();
    co_await run_in(TaskContext{&runtime, {}}, [](ControlPlane* server) -> Task<bool> {
      co_await server->stop(std::chrono::seconds(2));
      co_return true;
    }(&plane));
    co_return started;
  });
}

int run_scheduler(const Arguments& arguments) {
  CLI::App app("The Kubernetes scheduler", "kube-scheduler");
  LogFlags log;
  LeaderFlags leader;
  std::string kubeconfig;
  add_log_flags(app, log);
  add_leader_flags(app, leader, "kube-scheduler");
  app.add_option("--kubeconfig", kubeconfig, "How to reach the API server")->required();
  if (const auto exit_code = parse_flags(app, arguments, log)) return *exit_code;
  return run_program([&](net::Runtime& runtime) -> Task<Result<void>> {
    CO_TRY(const auto client, make_client(runtime, kubeconfig, "kube-scheduler"));
    const auto random = make_system_random();
    const auto executor = make_serial(runtime);
    scheduler::Scheduler scheduler(*client, *executor, *random);
    const TaskContext& here = co_await this_context();
    co_return co_await run_in(
        TaskContext{executor.get(), here.stop},
        run_elected(*client, leader, *random, [&scheduler] { return scheduler.run(); }));
  });
}

int run_controller_manager(const Arguments& arguments) {
  CLI::App app("The Kubernetes controllers", "kube-controller-manager");
  LogFlags log;
  LeaderFlags leader;
  std::string kubeconfig, root_ca;
  controllers::ManagerOptions options;
  std::vector<std::string> selection;
  add_log_flags(app, log);
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

int run_kubelet(const Arguments& arguments) {
  CLI::App app("The agent of a Kubernetes node", "kubelet");
  LogFlags log;
  NodeOptions options;
  options.node_name = host_name();
  options.data_dir = "/var/lib/kubelet";
  options.run_proxy = false;
  std::string kubeconfig, certificate, key, client_ca;
  add_log_flags(app, log);
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

int run_proxy(const Arguments& arguments) {
  CLI::App app("The Kubernetes service proxy of a node", "kube-proxy");
  LogFlags log;
  std::string kubeconfig, mode = "nftables";
  std::vector<std::string> node_port_addresses = {"primary"};
  proxy::BackendOptions options;
  proxy::ProxyOptions proxy_options;
  proxy_options.node_name = host_name();
  add_log_flags(app, log);
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
