// SPDX-License-Identifier: Apache-2.0
// Subresources that end at a kubelet: log, exec, attach, portforward of pods, proxy of nodes, pods and
// services. Source: Kubernetes documentation, "Communication between Nodes and the Control Plane".
#pragma once

#include <memory>

#include "apiserver/front/routes.h"
#include "client/client.h"
#include "net/tls.h"

namespace keelson::apiserver {

struct KubeletConnectOptions {
  // With this server's client certificate, verifying the kubelet's against the cluster's CA.
  std::shared_ptr<net::TlsClientContext> tls;
  // Order in which a node's address types are tried.
  std::vector<std::string> address_types = {"InternalIP", "ExternalIP", "Hostname"};
};

// `client` reads pods, nodes and endpoints with full power: the request has been authorized. Both
// outlive the routes.
void add_kubelet_connect(Routes& routes, client::Client& client, net::Runtime& runtime,
                         KubeletConnectOptions options);

}  // namespace keelson::apiserver
