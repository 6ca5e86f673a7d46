// SPDX-License-Identifier: Apache-2.0
// Questions about identity and permission: subject access reviews, self reviews, token reviews.
// Source: authorization.k8s.io/v1, authentication.k8s.io/v1.
#pragma once

#include "apiserver/authn/authenticator.h"
#include "apiserver/authz/authorizer.h"
#include "apiserver/registry/resource_api.h"

namespace keelson::apiserver {

// Both outlive `api`.
void add_review_handlers(ResourceApi& api, const Authorizer& authorizer,
                         Authenticator& authenticator);

}  // namespace keelson::apiserver
