// SPDX-License-Identifier: Apache-2.0
// The documents by which clients learn what is served. Compact JSON, from the tables alone.
// Source: Kubernetes API concepts, "API discovery"; types of meta/v1 and apidiscovery.k8s.io.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "apiserver/discovery/served.h"

namespace keelson::apiserver {

// GET /api. `server_address` is "host:port", told to clients of any address.
std::string api_versions_json(std::span<const ServedGroup> groups, std::string_view server_address);

// GET /apis: all groups but core.
std::string api_groups_json(std::span<const ServedGroup> groups);
// GET /apis/{group}.
std::string api_group_json(const ServedGroup& group);

// GET /api/v1, /apis/{group}/{version}: resources and their subresources.
std::string api_resources_json(const api::GroupVersion& version, const ServesResource& serves);

enum class AggregatedVersion : std::uint8_t { V2, V2beta1 };
// "v2", "v2beta1".
std::string_view name_of(AggregatedVersion version);

// All at once, for GET /api (`core`) and /apis. The two versions differ in name only.
std::string aggregated_json(std::span<const ServedGroup> groups, bool core,
                            AggregatedVersion version, const ServesResource& serves);

}  // namespace keelson::apiserver
