// SPDX-License-Identifier: Apache-2.0
// Types of the tables as OpenAPI schemas, with the extensions by which Kubernetes clients merge and
// explain. Source: OpenAPI 2.0 and 3.0; kube-openapi's names of extensions.
#pragma once

#include <boost/json/object.hpp>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <string_view>

#include "api/schema.h"
#include "apiserver/discovery/served.h"

namespace keelson::apiserver {

enum class Dialect : std::uint8_t {
  V2,  // Swagger 2.0
  V3,  // OpenAPI 3.0
};

// "#/definitions/NAME", "#/components/schemas/NAME".
std::string schema_reference(Dialect dialect, std::string_view name);

// The schemas of a document: a type, and all that its schema refers to.
class SchemaSet {
 public:
  void add(const api::Type& type);

  // The schemas by name, in alphabetical order. `groups` are those that take the types which
  // belong to every group, such as DeleteOptions.
  template <class Visit>
  void each(Dialect dialect, std::span<const ServedGroup> groups, Visit visit) const {
    for (const auto& [name, type] : types_) visit(name, schema(dialect, name, type, groups));
  }

 private:
  void add(const api::TypeRef& value);
  // `type` is null for the scalars that have a schema of their own, such as Time.
  static boost::json::object schema(Dialect dialect, std::string_view name, const api::Type* type,
                                    std::span<const ServedGroup> groups);

  std::map<std::string_view, const api::Type*> types_;
};

// {"group": ..., "kind": ..., "version": ...}
boost::json::object group_version_kind(std::string_view group, std::string_view version,
                                       std::string_view kind);

}  // namespace keelson::apiserver
