// SPDX-License-Identifier: Apache-2.0
// Errors in the words of Go's encoding/json.
#pragma once

#include "api/codec/path.h"
#include "api/schema.h"
#include "base/result.h"

namespace keelson::api {

// json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32.
// `got` is "string", "number 1.5", "bool", "array" or "object"; `path` is null at the root.
Status type_mismatch(std::string_view got, const std::string& go_type, const Path* path);

// The name of a struct's type in Go: "v1.Container".
std::string go_type_name(const Type& type);

}  // namespace keelson::api
