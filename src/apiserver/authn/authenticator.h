// SPDX-License-Identifier: Apache-2.0
// Who a request comes from. Source: Kubernetes documentation, "Authenticating".
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "apiserver/request.h"
#include "base/task.h"

namespace keelson::net {
class Headers;
struct Peer;
}  // namespace keelson::net

namespace keelson::apiserver {

class Authenticator {
 public:
  virtual ~Authenticator() = default;
  // Nothing: these credentials are not of its kind, ask the next. Errors: Unauthorized for bad
  // ones.
  virtual Task<Result<std::optional<User>>> authenticate(const net::Headers& headers,
                                                         const net::Peer& peer) = 0;
};

// Client certificates (CN: user, O: groups), by what TLS verified.
std::unique_ptr<Authenticator> make_certificate_authenticator();

// Asks one after the other; users get system:authenticated, no credentials at all gives
// system:anonymous in system:unauthenticated. Impersonation is applied by the pipeline, after.
std::unique_ptr<Authenticator> make_authenticator_chain(
    std::vector<std::unique_ptr<Authenticator>> chain);

}  // namespace keelson::apiserver
