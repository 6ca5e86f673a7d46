// SPDX-License-Identifier: Apache-2.0
// SelfSubjectRulesReview: all that the asker may do in a namespace.
#pragma once

#include <memory>

#include "apiserver/authz/rbac.h"
#include "apiserver/registry/resource_api.h"

namespace keelson::apiserver {

void add_rules_review(ResourceApi& api, std::shared_ptr<const RbacAuthorizer> rbac);

}  // namespace keelson::apiserver
