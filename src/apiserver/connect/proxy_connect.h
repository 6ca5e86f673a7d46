// SPDX-License-Identifier: Apache-2.0
// The proxy of nodes, pods and services: any HTTP request, to a kubelet or into a pod.
// Source: Kubernetes documentation, "Access Services Running on Clusters"; upstream,
// ResourceLocation of pods, nodes and services.
#pragma once

#include "apiserver/connect/kubelets.h"
#include "apiserver/context/routes.h"
#include "base/random.h"

namespace keelson::apiserver {

// `client` and `random` outlive the routes.
void add_proxy_connect(Routes& routes, client::Client& client, std::shared_ptr<Kubelets> kubelets,
                       HttpDial dial, Random& random);

}  // namespace keelson::apiserver
