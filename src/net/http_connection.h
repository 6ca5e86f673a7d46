// SPDX-License-Identifier: Apache-2.0
// One connection of a server, whatever carries it.
#pragma once

#include "net/http.h"

namespace keelson::net {

// What the connections of a server share.
struct ServerShared {
  HttpHandler handler;
  HttpLimits limits;
  std::stop_source closing;  // Requested when the server begins to stop.
};

// Each serves until the peer goes, the limits say so, the server stops and is done, or the task is
// stopped. `received` was read from the stream already.
Task<void> serve_http1(std::unique_ptr<Stream> stream, std::string received,
                       std::shared_ptr<ServerShared> shared);
Task<void> serve_http2(std::unique_ptr<Stream> stream, std::string received,
                       std::shared_ptr<ServerShared> shared);
// Chooses by ALPN or preface.
Task<void> serve_connection(std::unique_ptr<Stream> stream, std::shared_ptr<ServerShared> shared);

}  // namespace keelson::net
