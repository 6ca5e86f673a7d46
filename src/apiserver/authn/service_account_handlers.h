// SPDX-License-Identifier: Apache-2.0
// What is asked about service account tokens: new ones, and the keys that verify them.
#pragma once

#include <memory>

#include "apiserver/authn/service_account_tokens.h"
#include "apiserver/context/cluster_settings.h"
#include "apiserver/context/routes.h"
#include "apiserver/registry/resource_api.h"

namespace keelson::apiserver {

// serviceaccounts/token.
void add_token_handlers(ResourceApi& api, std::shared_ptr<ServiceAccountTokens> tokens);

// /openid/v1/jwks and /.well-known/openid-configuration.
void add_issuer_routes(Routes& routes, const ServiceAccountTokens& tokens,
                       const ClusterSettings& settings);

}  // namespace keelson::apiserver
