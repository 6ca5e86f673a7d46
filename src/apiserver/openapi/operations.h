// SPDX-License-Identifier: Apache-2.0
// The paths of a resource with their operations.
#pragma once

#include <boost/json/object.hpp>
#include <map>
#include <string>

#include "api/schema.h"
#include "apiserver/openapi/schemas.h"

namespace keelson::apiserver {

using PathItems = std::map<std::string, boost::json::object>;

// Adds the paths of `resource` and its subresources, and to `schemas` the types that they name.
void add_resource_paths(const api::GroupVersion& version, const api::Resource& resource,
                        Dialect dialect, PathItems& paths, SchemaSet& schemas);

// A path that is read only: discovery, version. `answer` is null where that is no JSON.
void add_read_path(std::string path, std::string_view operation, std::string_view description,
                   std::string_view tag, const api::Type* answer, Dialect dialect, PathItems& paths,
                   SchemaSet& schemas);

// "/api/v1", "/apis/apps/v1"
std::string path_of(const api::GroupVersion& version);
// As operations are named: "CoreV1", "RbacAuthorizationV1".
std::string operation_group(std::string_view group, std::string_view version);
// As operations are tagged: "core_v1", "rbacAuthorization_v1".
std::string operation_tag(std::string_view group, std::string_view version);

}  // namespace keelson::apiserver
