// SPDX-License-Identifier: Apache-2.0
#include "cmd/node.h"

#include "base/log.h"
#include "cmd/version.h"
#include "kubelet/cri/grpc_runtime.h"
#include "kubelet/images/image_import.h"
#include "kubelet/server/server.h"
#include "net/tls.h"
#include "network/node_network.h"
#include "proxy/nftables_backend.h"

namespace keelson::cmd {

Node::Node(net::Runtime& runtime, Random& random, NodeOptions options, NodeClients clients,
           std::string ca_pem, pki::KeyPair serving)
    : runtime_(runtime),
      random_(random),
      options_(std::move(options)),
      clients_(std::move(clients)),
      ca_pem_(std::move(ca_pem)),
      serving_(std::move(serving)),
      kubelet_executor_(make_serial(runtime)),
      proxy_executor_(make_serial(runtime)),
      proxy_tasks_(*proxy_executor_),
      tasks_(runtime) {}

Node::~Node() = default;

Task<Result<void>> Node::start() {
  if (options_.run_network) tasks_.start(run_network(this));
  if (options_.run_proxy) CO_TRY_OK(start_proxy());
  if (options_.run_kubelet) CO_TRY_OK(co_await start_kubelet());
  co_return Result<void>{};
}

Task<void> Node::run_network(Node* self) {
  const network::NodeNetworkOptions options{
      .node_name = self->options_.node_name,
      .cni_config_dir = self->options_.data_dir + "/agent/etc/cni/net.d",
      .cluster_cidr = self->options_.cluster_cidr,
      .ipam_dir = self->options_.data_dir + "/agent/cni"};
  Duration retry = std::chrono::seconds(1);
  while (true) {
    const auto done = co_await network::set_up_node_network(*self->clients_.kubelet, options);
    if (done || done.error().is(Reason::Canceled)) co_return;
    log_error("Cannot set up the pod network", {{"err", done.error().message()}});
    if (!co_await sleep_for(retry)) co_return;
    retry = std::min<Duration>(retry * 2, std::chrono::minutes(1));
  }
}

Result<void> Node::start_proxy() {
  TRY(proxy_backend_,
      proxy::make_nftables_backend({.cluster_cidr = options_.cluster_cidr}));
  proxy_ = std::make_unique<proxy::Proxy>(
      *clients_.proxy, *proxy_executor_, *proxy_backend_,
      proxy::ProxyOptions{.node_name = options_.node_name});
  proxy_tasks_.start(proxy_->run());
  return {};
}

Task<Result<void>> Node::start_kubelet() {
  CO_TRY(const auto socket, cri::socket_path_of_endpoint(options_.runtime_endpoint));
  {
    const auto importer = kubelet::make_ctr_importer(
        socket, [this](Work work) { runtime_.block(std::move(work)); });
    const int imported =
        co_await kubelet::import_folder(*importer, options_.data_dir + "/agent/images");
    if (imported) log_info("Imported images", {{"archives", imported}});
  }
  kubelet_options_.node_name = options_.node_name;
  kubelet_options_.node_ips = {options_.node_ip};
  kubelet_options_.version = version();
  kubelet_options_.port = options_.kubelet_port;
  kubelet_options_.root_dir = options_.data_dir + "/agent/kubelet";
  kubelet_options_.pod_log_dir = options_.data_dir + "/agent/logs/pods";
  kubelet_options_.container_log_dir = options_.data_dir + "/agent/logs/containers";
  kubelet_options_.pause_image = options_.pause_image;
  kubelet_options_.cluster_dns = options_.cluster_dns;
  kubelet_options_.cluster_domain = options_.cluster_domain;

  containers_ = cri::make_grpc_runtime(
      net::make_grpc_channel(runtime_, net::Origin{.host = "localhost", .unix_path = socket}));
  configs_ = kubelet::make_config_source(*clients_.kubelet, *kubelet_executor_,
                                         std::chrono::minutes(1));
  host_ = std::make_unique<kubelet::LocalHost>(kubelet_options_, runtime_, *kubelet_executor_,
                                               *clients_.kubelet, *configs_, random_);
  kubelet_ = std::make_unique<kubelet::Kubelet>(
      kubelet_options_,
      kubelet::KubeletDeps{.client = *clients_.kubelet,
                           .executor = *kubelet_executor_,
                           .runtime = *containers_,
                           .host = *host_,
                           .random = random_,
                           .configs = configs_.get()});
  co_await run_in(TaskContext{kubelet_executor_.get(), {}},
                  [](kubelet::Kubelet* kubelet) -> Task<bool> {
                    kubelet->start();
                    co_return true;
                  }(kubelet_.get()));

  CO_TRY(auto tls, net::make_tls_server({.certificate_pem = serving_.certificate_pem,
                                         .key_pem = serving_.key_pem,
                                         .client_ca_pem = ca_pem_}));
  CO_TRY(auto listener, net::listen_tcp(runtime_, options_.node_ip, options_.kubelet_port));
  CO_TRY(kubelet_server_,
         net::serve_http(runtime_, std::move(listener), std::move(tls),
                         kubelet::make_kubelet_handler(*kubelet_, runtime_)));
  co_return Result<void>{};
}

Task<void> Node::stop() {
  co_await tasks_.stop();
  co_await proxy_tasks_.stop();
  if (kubelet_server_) co_await kubelet_server_->stop(std::chrono::seconds(1));
  kubelet_server_.reset();
  if (kubelet_) {
    co_await run_in(TaskContext{kubelet_executor_.get(), {}},
                    [](kubelet::Kubelet* kubelet) -> Task<bool> {
                      co_await kubelet->stop();
                      co_return true;
                    }(kubelet_.get()));
  }
}

}  // namespace keelson::cmd
