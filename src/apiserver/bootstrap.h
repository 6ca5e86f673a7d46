// SPDX-License-Identifier: Apache-2.0
// Objects that every cluster has, made when they are missing.
#pragma once

#include <string>

#include "apiserver/context/cluster_settings.h"
#include "base/task.h"
#include "client/client.h"

namespace keelson::apiserver {

// Namespaces, the Service of this server with its endpoints, the system's priority classes.
// Errors: those of the client, but AlreadyExists.
Task<Result<void>> make_system_objects(client::Client& client, const ClusterSettings& settings);

// Creates `object` unless it exists.
Task<Result<void>> ensure_object(client::Client& client, const api::Resource& resource,
                                 api::Document object);

// The first address of a range such as "10.43.0.0/16": "10.43.0.1". Empty if it is none.
std::string first_address(const std::string& cidr);

// The body of /version.
std::string version_json(const ClusterSettings& settings);

}  // namespace keelson::apiserver
