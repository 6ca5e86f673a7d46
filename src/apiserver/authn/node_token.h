// SPDX-License-Identifier: Apache-2.0
// Which tokens of service accounts a node may ask for: those of its own pods, for the audiences
// that these name. Source: Kubernetes documentation, "NodeRestriction"; KEP-4412 for audiences.
#pragma once

#include <string>

#include "api/document.h"
#include "apiserver/cache/cache_set.h"
#include "apiserver/context/request.h"

namespace keelson::apiserver {

// Judges a TokenRequest for `account`; `issuer` is the audience that an empty one stands for.
// Others than nodes are not judged. Errors: Forbidden, NotFound, BadRequest.
Result<void> check_node_token(const CacheSet& caches, const std::string& issuer, const User& user,
                              const api::ObjectKey& account, const api::Document& request);

}  // namespace keelson::apiserver
