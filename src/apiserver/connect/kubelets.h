// SPDX-License-Identifier: Apache-2.0
// The way to the kubelet of a node.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "apiserver/connect/relay.h"
#include "client/client.h"
#include "net/tls.h"

namespace keelson::apiserver {

struct KubeletConnectOptions {
  // With this server's client certificate, verifying the kubelet's against the cluster's CA.
  std::shared_ptr<net::TlsClientContext> tls;
  // Order in which a node's address types are tried.
  std::vector<std::string> address_types = {"InternalIP", "ExternalIP", "Hostname"};
};

struct KubeletLink {
  std::shared_ptr<net::HttpClient> client;
  std::string host;  // "10.0.0.1:10250"
};

// Keeps one client for each address, so that requests share connections. Thread-safe.
class Kubelets {
 public:
  // `client` reads nodes with full power; it outlives this.
  Kubelets(client::Client& client, HttpDial dial, KubeletConnectOptions options);

  // Errors: NotFound, InternalError when the node tells no address.
  Task<Result<KubeletLink>> find(std::string node_name);

 private:
  client::Client& client_;
  const HttpDial dial_;
  const KubeletConnectOptions options_;
  std::mutex mutex_;
  std::map<std::string, std::shared_ptr<net::HttpClient>> known_;  // By host and port.
};

// "10.0.0.1:80", "[2001:db8::1]:80"
std::string host_and_port(const std::string& host, std::uint16_t port);

}  // namespace keelson::apiserver
