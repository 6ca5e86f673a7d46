// SPDX-License-Identifier: Apache-2.0
// The client over HTTP, for components in processes of their own.
#pragma once

#include <memory>

#include "client/client.h"
#include "client/kubeconfig.h"
#include "net/http.h"

namespace keelson::client {

struct HttpClientOptions {
  Connection connection;
  std::string user_agent;  // "kubelet/v1.36.2 (linux/amd64) keelson"
  Duration timeout = std::chrono::seconds(60);
};

// Errors: BadRequest for an unusable connection.
Result<std::unique_ptr<Client>> make_http_client(net::Runtime& runtime, HttpClientOptions options);

// For what has no object form: logs, streams, health. Paths as on the wire; credentials are added.
Result<std::unique_ptr<net::HttpClient>> make_raw_client(net::Runtime& runtime,
                                                         HttpClientOptions options);

}  // namespace keelson::client
