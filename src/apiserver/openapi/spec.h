// SPDX-License-Identifier: Apache-2.0
// Whole OpenAPI documents. They are made in pieces, so that no more than one path or schema is held
// as a tree.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/discovery/served.h"

namespace keelson::apiserver {

// What the documents are made from; all of it outlives the call.
struct SpecSource {
  std::span<const ServedGroup> groups;
  const ServesResource& serves;
  std::string_view version;  // "v1.36.2"
};

// The names of the version 3 documents: "api", "api/v1", "apis", "apis/apps", "apis/apps/v1", ...,
// "version".
std::vector<std::string> openapi_v3_names(const SpecSource& source);
// Null for a name that is not among them.
std::optional<std::string> openapi_v3_json(const SpecSource& source, std::string_view name);

// All groups in one document: JSON, and gnostic's protobuf.
std::string openapi_v2_json(const SpecSource& source);
std::string openapi_v2_protobuf(const SpecSource& source);

}  // namespace keelson::apiserver
