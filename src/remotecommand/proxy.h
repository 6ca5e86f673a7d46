// SPDX-License-Identifier: Apache-2.0
// Relaying of upgraded requests: API server to kubelet, kubelet to the runtime's streaming server.
#pragma once

#include <string_view>

#include "net/http.h"
#include "remotecommand/command.h"

namespace keelson::remotecommand {

// Whether the client asks for an upgrade of its connection at all.
bool is_upgrade_request(const net::HttpRequest& request);

// Asks `to` for the same upgrade as the client of `from` does and, once granted, passes bytes
// unchanged both ways, each with its half-close, until both have ended. `request` has the method,
// target and credentials for `to`; only the headers of the upgrade itself come from the client, so
// that its own credentials go no further. A refusal is passed on as it is.
// Always answers `from`; errors are for the log: BadRequest "Upgrade request required" (answered as
// a 400 Status), Unavailable when `to` cannot be reached (500, "error dialing backend: ..."),
// Canceled.
Task<Result<void>> proxy_upgrade(net::HttpExchange& from, net::HttpClient& to,
                                 net::HttpRequest request);

// The same for exec and attach, except that a v5.channel.k8s.io client, which the servers of
// upstream's runtimes and older kubelets do not understand, is translated to SPDY v4.
Task<Result<void>> relay_command(net::HttpExchange& from, net::HttpClient& to,
                                 net::HttpRequest request, CommandOptions options);

// The same for port-forward, except that SPDY tunnelled in WebSocket is taken out of its tunnel.
Task<Result<void>> relay_port_forward(net::HttpExchange& from, net::HttpClient& to,
                                      net::HttpRequest request);

// The URL that a runtime's Exec, Attach or PortForward returned.
struct StreamUrl {
  net::Origin origin;  // Without TLS context.
  bool tls = false;
  std::string target;
};
// Errors: BadRequest.
Result<StreamUrl> parse_stream_url(std::string_view url);

}  // namespace keelson::remotecommand
