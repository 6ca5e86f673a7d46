// SPDX-License-Identifier: Apache-2.0
// Subresources that end at a kubelet: log, exec, attach, portforward of pods, proxy of nodes, pods
// and services. Source: Kubernetes documentation, "Communication between Nodes and the Control
// Plane".
#pragma once

#include "apiserver/connect/kubelets.h"
#include "apiserver/context/routes.h"
#include "base/random.h"
#include "client/client.h"

namespace keelson::apiserver {

// `client` reads pods, nodes and endpoints with full power: the request has been authorized.
// `random` chooses among a service's endpoints. Both outlive the routes.
void add_kubelet_connect(Routes& routes, client::Client& client, HttpDial dial, Random& random,
                         KubeletConnectOptions options);

}  // namespace keelson::apiserver
