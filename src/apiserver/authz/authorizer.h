// SPDX-License-Identifier: Apache-2.0
// Who may do what. Deny by default. Source: Kubernetes documentation, "Authorization Overview".
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "apiserver/context/request.h"

namespace keelson::apiserver {

struct Decision {
  bool allowed = false;
  std::string reason;  // "RBAC: allowed by ClusterRoleBinding ..."
};

class Authorizer {
 public:
  virtual ~Authorizer() = default;
  // Reads only what is in memory, so it does not wait. Thread-safe.
  virtual Decision authorize(const User& user, const RequestInfo& request) const = 0;
};

// The text of the 403 body's message after "forbidden: ", as upstream's responsewriters has it:
// User "x" cannot list resource "pods" in API group "" in the namespace "default"
std::string forbidden_message(const User& user, const RequestInfo& request);
// The whole answer; `reason` is the authorizer's, and may be empty.
Status forbidden_status(const User& user, const RequestInfo& request, std::string_view reason);

// Errors: Forbidden, in these words.
Result<void> require(const Authorizer& authorizer, const User& user, const RequestInfo& request);

// system:masters may do everything, everybody may ask for health.
std::unique_ptr<Authorizer> make_base_authorizer();
// Allows what any of them allows.
std::unique_ptr<Authorizer> make_authorizer_chain(std::vector<std::unique_ptr<Authorizer>> chain);

}  // namespace keelson::apiserver
