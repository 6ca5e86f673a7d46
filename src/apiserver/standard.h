// SPDX-License-Identifier: Apache-2.0
// The stages that every Keelson API server runs with: authentication by certificate and service
// account token, Node and RBAC authorization, the default admission plugins, allocations of
// addresses and ports, token requests, discovery and OpenAPI; and the objects they need.
#pragma once

#include <string>
#include <vector>

#include "apiserver/api_server.h"

namespace keelson::apiserver {

struct StandardOptions {
  std::string service_account_key_pem;                       // Signs and verifies tokens.
  std::vector<std::string> service_account_public_keys_pem;  // Verify as well.
};

// Fills in the stages of `options`. Errors: BadRequest for unusable keys or settings.
Result<void> use_standard_stages(ApiServerOptions& options, StandardOptions standard);

}  // namespace keelson::apiserver
