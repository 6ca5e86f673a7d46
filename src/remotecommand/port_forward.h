// SPDX-License-Identifier: Apache-2.0
// Forwarding of ports, whatever protocol carries it: SPDY/3.1 with portforward.k8s.io, where each
// connection is a pair of streams (data, error) with the same requestID; the same tunnelled in
// WebSocket (SPDY/3.1+portforward.k8s.io, KEP-4006); or WebSocket with v4.channel.k8s.io, where the
// ports are fixed by the request and port i has the channels 2i (data) and 2i+1 (error).
// Source: k8s.io/kubelet pkg/cri/streaming/portforward.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "net/http.h"
#include "remotecommand/session.h"

namespace keelson::remotecommand {

// One connection to a port. `error` carries at most one text, from the server, of why it failed.
// Both are half-closed or closed by whoever holds them.
struct ForwardedConnection {
  std::uint16_t port = 0;
  std::unique_ptr<net::Stream> data;
  std::unique_ptr<net::Stream> error;
};

// Where the client's connections come out. One task accepts.
class PortForwardSession {
 public:
  virtual ~PortForwardSession() = default;
  // The next connection; nothing when the client has gone. Errors: Canceled.
  virtual Task<Result<std::optional<ForwardedConnection>>> accept() = 0;
  virtual std::stop_token closed() const = 0;
  virtual Task<void> close() = 0;
};

// Thread-safe.
class PortForwardClient {
 public:
  virtual ~PortForwardClient() = default;
  // Errors: Unavailable, Canceled.
  virtual Task<Result<ForwardedConnection>> open(std::uint16_t port) = 0;
  virtual std::stop_token closed() const = 0;
  virtual Task<void> close() = 0;
};

// Serves a port-forward request; errors as accept_command(). The channel protocol takes its ports
// from the query: "port" (kubelet) or "ports" (pods/portforward), repeated or comma-separated.
Task<Result<std::unique_ptr<PortForwardSession>>> accept_port_forward(net::HttpExchange& exchange,
                                                                      ServerLimits limits = {});

// Over SPDY; as connect_command().
Task<Result<std::unique_ptr<PortForwardClient>>> connect_port_forward(net::HttpClient& client,
                                                                      net::HttpRequest request);

// Joins both until either end has gone; then closes both.
Task<void> bridge(PortForwardSession& session, PortForwardClient& client);

// Connects to a port of the pod. The error's message is told to the client.
using Dial = std::function<Task<Result<std::unique_ptr<net::Stream>>>(std::uint16_t port)>;
// Serves a session with connections of one's own; for runtimes that leave it to the kubelet.
// `dial` outlives the call. Returns when the client has gone or the task is stopped.
Task<void> serve_port_forward(PortForwardSession& session, const Dial& dial);

}  // namespace keelson::remotecommand
