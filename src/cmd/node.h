// SPDX-License-Identifier: Apache-2.0
// What runs on every node: kubelet, service proxy, pod network.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/random.h"
#include "client/client.h"
#include "kubelet/local_kubelet.h"
#include "net/http.h"
#include "pki/certificate.h"
#include "proxy/proxy.h"

namespace keelson::cmd {

// Where the kubelet keeps what it has made for pods, and the pod network its state.
std::string kubelet_dir(const std::string& data_dir);
std::string network_dir(const std::string& data_dir);

struct NodeOptions {
  std::string data_dir;
  std::string node_name, node_ip;
  std::string runtime_endpoint = "unix:///run/containerd/containerd.sock";
  std::string pause_image = "localhost/keelson/pause:1";
  std::string cluster_cidr = "10.42.0.0/16";
  std::string cluster_dns, cluster_domain = "cluster.local";
  std::uint16_t kubelet_port = 10250;
  bool run_kubelet = true, run_proxy = true, run_network = true;
};

// Whose identity each part has.
struct NodeClients {
  std::unique_ptr<client::Client> kubelet, proxy;
};

class Node {
 public:
  // `ca_pem` signs the clients of the kubelet's own API, `serving` is its certificate.
  Node(net::Runtime& runtime, Random& random, NodeOptions options, NodeClients clients,
       std::string ca_pem, pki::KeyPair serving);
  ~Node();

  // Starts all parts; returns once each is on its way. Errors: those of files, network and kernel.
  Result<void> start();
  // Containers and rules stay, so that the next start finds them.
  Task<void> stop();

 private:
  Result<void> start_kubelet();
  Result<void> start_proxy();
  static Task<void> run_network(Node* self);
  static Task<Result<void>> set_up_network(Node* self);

  net::Runtime& runtime_;
  Random& random_;
  const NodeOptions options_;
  const NodeClients clients_;
  const std::string ca_pem_;
  const pki::KeyPair serving_;

  const std::unique_ptr<Executor> proxy_executor_;
  std::unique_ptr<kubelet::LocalKubelet> kubelet_;
  std::unique_ptr<net::HttpServer> kubelet_server_;
  std::unique_ptr<proxy::Backend> proxy_backend_;
  std::unique_ptr<proxy::Proxy> proxy_;
  TaskGroup proxy_tasks_, tasks_;
};

}  // namespace keelson::cmd
