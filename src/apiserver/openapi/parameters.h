// SPDX-License-Identifier: Apache-2.0
// The parameters of requests, as OpenAPI describes them.
#pragma once

#include <boost/json/object.hpp>
#include <span>
#include <string_view>

#include "apiserver/openapi/schemas.h"

namespace keelson::apiserver {

struct ParameterSpec {
  std::string_view name;
  std::string_view in;    // "query", "path"
  std::string_view type;  // "string", "integer", "boolean"
  std::string_view doc;
};

// Those of a kind of request, by name.
std::span<const ParameterSpec> list_parameters();   // Without watch.
std::span<const ParameterSpec> watch_parameters();  // What lists have besides.
std::span<const ParameterSpec> write_parameters();  // Create, update and patch.
std::span<const ParameterSpec> delete_parameters();
const ParameterSpec& namespace_parameter();
const ParameterSpec& name_parameter();
const ParameterSpec& pretty_parameter();
const ParameterSpec& path_parameter();

// All of the above, each name once: what version 2 shares under "parameters".
std::span<const ParameterSpec* const> shared_parameters();

// In full.
boost::json::object describe(const ParameterSpec& parameter, Dialect dialect);
// Where an operation uses it: a reference in version 2, in full in version 3, whose readers do not
// all follow references.
boost::json::object use(const ParameterSpec& parameter, Dialect dialect);

}  // namespace keelson::apiserver
