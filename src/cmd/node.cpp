// SPDX-License-Identifier: Apache-2.0
#include "cmd/node.h"

#include "base/log.h"
#include "cmd/version.h"
#include "cri/v1.pb.h"
#include "kubelet/cri/grpc_runtime.h"
#include "net/grpc.h"
#include "net/tls.h"
#include "network/node_network.h"
#include "proxy/nftables_backend.h"

namespace keelson::cmd {

namespace {

// The folder that a container runtime reads the network's configuration from. containerd tells it
// in the verbose status of its CRI service; others keep to the usual place.
Task<Result<std::string>> cni_config_dir(net::Runtime* loop, std::string endpoint) {
  CO_TRY(const auto socket, cri::socket_path_of_endpoint(endpoint));
  const auto channel = net::make_grpc_channel(*loop, {.host = "localhost", .unix_path = socket});
  cri::v1::StatusRequest request;
  request.set_verbose(true);
  CO_TRY(const auto answer,
         co_await channel->call("/runtime.v1.RuntimeService/Status", request.SerializeAsString(),
                                std::chrono::seconds(10)));
  cri::v1::StatusResponse response;
  if (!response.ParseFromString(answer))
    co_return fail(Status::internal("container runtime sent a malformed answer to Status"));
  boost::system::error_code error;
  if (const auto found = response.info().find("config"); found != response.info().end()) {
    const auto config = boost::json::parse(found->second, error);
    const auto* folder = error ? nullptr : config.find_pointer("/cni/confDir", error);
    if (folder && folder->is_string() && !folder->get_string().empty())
      co_return std::string(folder->get_string());
  }
  co_return "/etc/cni/net.d";
}

}  // namespace

std::string kubelet_dir(const std::string& data_dir) { return data_dir + "/agent/kubelet"; }
std::string network_dir(const std::string& data_dir) { return data_dir + "/agent/cni"; }

Node::Node(net::Runtime& runtime, Random& random, NodeOptions options, NodeClients clients,
           std::string ca_pem, pki::KeyPair serving)
    : runtime_(runtime),
      random_(random),
      options_(std::move(options)),
      clients_(std::move(clients)),
      ca_pem_(std::move(ca_pem)),
      serving_(std::move(serving)),
      proxy_executor_(make_serial(runtime)),
      proxy_tasks_(*proxy_executor_),
      tasks_(runtime) {}

Node::~Node() = default;

Result<void> Node::start() {
  if (options_.run_network) tasks_.start(run_network(this));
  if (options_.run_proxy) TRY_OK(start_proxy());
  if (options_.run_kubelet) TRY_OK(start_kubelet());
  return {};
}

Task<Result<void>> Node::set_up_network(Node* self) {
  CO_TRY(auto config_dir,
         co_await cni_config_dir(&self->runtime_, self->options_.runtime_endpoint));
  const network::NodeNetworkOptions options{.node_name = self->options_.node_name,
                                            .cni_config_dir = std::move(config_dir),
                                            .cluster_cidr = self->options_.cluster_cidr,
                                            .ipam_dir = network_dir(self->options_.data_dir)};
  co_return co_await network::set_up_node_network(*self->clients_.kubelet, options);
}

Task<void> Node::run_network(Node* self) {
  Duration retry = std::chrono::seconds(1);
  while (true) {
    const auto done = co_await set_up_network(self);
    if (done || done.error().is(Reason::Canceled)) co_return;
    log_error("Cannot set up the pod network", {{"err", done.error().message()}});
    if (!co_await sleep_for(retry)) co_return;
    // Not for long: the runtime may only just have started.
    retry = std::min<Duration>(retry * 2, std::chrono::seconds(10));
  }
}

Result<void> Node::start_proxy() {
  TRY(proxy_backend_,
      proxy::make_nftables_backend({.cluster_cidr = options_.cluster_cidr,
                                    .node_port_addresses = {options_.node_ip + "/32"}}));
  proxy_ = std::make_unique<proxy::Proxy>(*clients_.proxy, *proxy_executor_, *proxy_backend_,
                                          proxy::ProxyOptions{.node_name = options_.node_name});
  proxy_tasks_.start(proxy_->run());
  return {};
}

Result<void> Node::start_kubelet() {
  kubelet::LocalKubeletOptions options;
  options.runtime_endpoint = options_.runtime_endpoint;
  options.image_archives = options_.data_dir + "/agent/images";
  auto& kubelet = options.kubelet;
  kubelet.node_name = options_.node_name;
  kubelet.node_ips = {options_.node_ip};
  kubelet.version = version();
  kubelet.port = options_.kubelet_port;
  kubelet.root_dir = kubelet_dir(options_.data_dir);
  kubelet.pod_log_dir = options_.data_dir + "/agent/logs/pods";
  kubelet.container_log_dir = options_.data_dir + "/agent/logs/containers";
  kubelet.pause_image = options_.pause_image;
  kubelet.cluster_dns = options_.cluster_dns;
  kubelet.cluster_domain = options_.cluster_domain;
  TRY(kubelet_,
      kubelet::LocalKubelet::make(std::move(options), runtime_, *clients_.kubelet, random_));

  TRY(auto tls, net::make_tls_server({.certificate_pem = serving_.certificate_pem,
                                      .key_pem = serving_.key_pem,
                                      .client_ca_pem = ca_pem_}));
  TRY(auto listener, net::listen_tcp(runtime_, options_.node_ip, options_.kubelet_port));
  TRY(kubelet_server_,
      net::serve_http(runtime_, std::move(listener), std::move(tls), kubelet_->handler()));
  kubelet_->start();
  return {};
}

Task<void> Node::stop() {
  co_await tasks_.stop();
  co_await proxy_tasks_.stop();
  if (kubelet_server_) co_await kubelet_server_->stop(std::chrono::seconds(1));
  kubelet_server_.reset();
  if (kubelet_) co_await kubelet_->stop();
}

}  // namespace keelson::cmd
