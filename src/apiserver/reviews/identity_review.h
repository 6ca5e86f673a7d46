// SPDX-License-Identifier: Apache-2.0
// Questions about identity: whose a token is, and who asks. Source: authentication.k8s.io/v1.
#pragma once

#include "apiserver/authn/authenticator.h"
#include "apiserver/registry/resource_api.h"

namespace keelson::apiserver {

// TokenReview, SelfSubjectReview. The authenticator outlives `api`.
void add_identity_reviews(ResourceApi& api, Authenticator& authenticator);

}  // namespace keelson::apiserver
