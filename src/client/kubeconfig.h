// SPDX-License-Identifier: Apache-2.0
// kubeconfig files. Source: client-go tools/clientcmd/api/v1.
#pragma once

#include <string>

#include "base/result.h"

namespace keelson::client {

// One context's server and credentials, with files and base64 data resolved.
struct Connection {
  std::string server;  // "https://127.0.0.1:6443"
  std::string ca_pem, certificate_pem, key_pem;
  std::string token;
  std::string token_file;  // Read again as it changes; `token` counts until it can be read.
  std::string namespace_;
  std::string tls_server_name;
  bool insecure = false;
};

// `context` empty: the current one. Errors: BadRequest, NotFound.
Result<Connection> load_kubeconfig(const std::string& path, const std::string& context = {});
// A file with one cluster, user and context, written with mode 0600 and atomically.
Result<void> write_kubeconfig(const std::string& path, const Connection& connection,
                              const std::string& cluster, const std::string& user);

}  // namespace keelson::client
