// SPDX-License-Identifier: Apache-2.0
// Questions about permission, of oneself and of others. Source: authorization.k8s.io/v1.
#pragma once

#include "apiserver/authz/authorizer.h"
#include "apiserver/registry/resource_api.h"

namespace keelson::apiserver {

// SubjectAccessReview, LocalSubjectAccessReview, SelfSubjectAccessReview. The authorizer outlives
// `api`.
void add_access_reviews(ResourceApi& api, const Authorizer& authorizer);

}  // namespace keelson::apiserver
