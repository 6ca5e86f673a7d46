// SPDX-License-Identifier: Apache-2.0
// Who a request comes from. Source: Kubernetes documentation, "Authenticating".
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "apiserver/context/request.h"
#include "base/task.h"

namespace keelson::net {
class Headers;
struct Peer;
}  // namespace keelson::net

namespace keelson::apiserver {

// What a request shows of its sender.
struct Credentials {
  const net::Headers& headers;
  const net::Peer& peer;
  // Whom a token must be meant for, at least one of them; empty: this server.
  std::vector<std::string> audiences;
};

struct Identity {
  User user;
  // Of those asked for; empty where credentials are meant for nobody in particular.
  std::vector<std::string> audiences;
};

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // `credentials` outlive the task. Nothing: they are not of its kind, ask the next. Errors:
  // Unauthorized for bad ones.
  virtual Task<Result<std::optional<Identity>>> authenticate(const Credentials& credentials) = 0;
};

// Client certificates (CN: user, O: groups), by what TLS verified.
std::unique_ptr<Authenticator> make_certificate_authenticator();

// Asks one after the other; users get system:authenticated, no credentials at all gives
// system:anonymous in system:unauthenticated. Impersonation is applied by the pipeline, after.
std::unique_ptr<Authenticator> make_authenticator_chain(
    std::vector<std::unique_ptr<Authenticator>> chain);

}  // namespace keelson::apiserver
