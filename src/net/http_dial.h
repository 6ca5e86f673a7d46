// SPDX-License-Identifier: Apache-2.0
// Connections of clients.
#pragma once

#include "net/http2_session.h"
#include "net/tls.h"

namespace keelson::net {

// A connection to `origin`, with TLS if it asks for that; `alpn` as in connect_tls().
Task<Result<std::unique_ptr<Stream>>> dial(Runtime& runtime, Origin origin,
                                           std::vector<std::string> alpn = {});

// What goes into the Host header: "host", "host:port", "[::1]:port".
std::string authority_of(const Origin& origin);

// Runs an HTTP/2 client on `stream`; the connection keeps itself alive until it has ended.
std::shared_ptr<Http2Session> start_http2_client(Runtime& runtime, std::unique_ptr<Stream> stream,
                                                 Http2Session::Settings settings);
// A client's settings: large windows, as Go's.
Http2Session::Settings http2_client_settings();

}  // namespace keelson::net
