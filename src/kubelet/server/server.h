// SPDX-License-Identifier: Apache-2.0
// The kubelet's HTTPS API on port 10250, for the API server and nobody else: logs, exec, attach,
// port-forward, the node's pods, statistics and metrics.
// Source: upstream pkg/kubelet/server.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kubelet/kubelet.h"
#include "net/http.h"

namespace keelson::kubelet {

struct ServerOptions {
  // Common names of client certificates that may use it.
  std::vector<std::string> client_names = {"kube-apiserver-kubelet-client"};
};

// Errors: Unauthorized without a certificate that verifies, Forbidden for another's.
Result<void> authorize_client(const ServerOptions& options, const net::Peer& peer,
                              const net::HttpRequest& request);

// `kubelet` and `loop` outlive the handler and all its requests, which may run on any thread of
// `loop`; the kubelet's state is only touched on its own executor.
net::HttpHandler make_kubelet_handler(Kubelet& kubelet, net::Runtime& loop,
                                      ServerOptions options = {});

}  // namespace keelson::kubelet
