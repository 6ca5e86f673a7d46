// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/spec.h"

#include <algorithm>
#include <utility>

#include "api/codec/json.h"
#include "apiserver/openapi/gnostic.h"
#include "apiserver/openapi/operations.h"
#include "apiserver/openapi/parameters.h"
#include "apiserver/openapi/schemas.h"

namespace keelson::apiserver {
namespace {

using boost::json::array;
using boost::json::object;

object bearer_token() {
  return {{"type", "apiKey"},
          {"name", "authorization"},
          {"in", "header"},
          {"description", "Bearer token"}};
}

// A JSON object written member by member.
class JsonMembers {
 public:
  explicit JsonMembers(std::string& out) : out_(out) { out_.push_back('{'); }
  ~JsonMembers() { out_.push_back('}'); }
  JsonMembers(const JsonMembers&) = delete;
  JsonMembers& operator=(const JsonMembers&) = delete;

  // Leaves the value to the caller.
  void name(std::string_view name) {
    if (!std::exchange(first_, false)) out_.push_back(',');
    api::append_json_string(out_, name);
    out_.push_back(':');
  }
  void add(std::string_view member, const object& value) {
    name(member);
    api::append_json(out_, value);
  }

 private:
  std::string& out_;
  bool first_ = true;
};

const api::Type* meta_type(std::string_view name) {
  return api::find_type("meta/v1." + std::string(name));
}

// Discovery of everything, of one group, of one version.
void add_root_path(bool core, Dialect dialect, PathItems& paths, SchemaSet& schemas) {
  if (core) {
    add_read_path("/api/", "getCoreAPIVersions", "get available API versions", "core",
                  meta_type("APIVersions"), dialect, paths, schemas);
  } else {
    add_read_path("/apis/", "getAPIVersions", "get available API versions", "apis",
                  meta_type("APIGroupList"), dialect, paths, schemas);
  }
}
void add_group_path(const ServedGroup& group, Dialect dialect, PathItems& paths,
                    SchemaSet& schemas) {
  const std::string words = operation_group(group.name, "");
  add_read_path("/apis/" + std::string(group.name) + "/", "get" + words + "APIGroup",
                "get information of a group", operation_tag(group.name, ""), meta_type("APIGroup"),
                dialect, paths, schemas);
}
void add_version_path(const api::GroupVersion& version, Dialect dialect, PathItems& paths,
                      SchemaSet& schemas) {
  add_read_path(path_of(version) + "/",
                "get" + operation_group(version.group, version.version) + "APIResources",
                "get available resources", operation_tag(version.group, version.version),
                meta_type("APIResourceList"), dialect, paths, schemas);
}
void add_version_info_path(Dialect dialect, PathItems& paths, SchemaSet& schemas) {
  add_read_path("/version/", "getCodeVersion", "get the version information for this server",
                "version", api::find_type("version.Info"), dialect, paths, schemas);
}

// Calls visit(path, item) for all paths of a version.
template <class Visit>
void each_path(const SpecSource& source, const api::GroupVersion& version, Dialect dialect,
               SchemaSet& schemas, const Visit& visit) {
  PathItems paths;
  add_version_path(version, dialect, paths, schemas);
  for (const auto& [path, item] : paths) visit(path, item);
  for (const api::Resource* resource : served_resources(version, source.serves)) {
    paths.clear();
    add_resource_paths(version, *resource, dialect, paths, schemas);
    for (const auto& [path, item] : paths) visit(path, item);
  }
}

std::string v3_name(const api::GroupVersion& version) { return path_of(version).substr(1); }

// Adds the paths of the document of that name; false if there is none.
template <class Visit>
bool each_v3_path(const SpecSource& source, std::string_view name, SchemaSet& schemas,
                  const Visit& visit) {
  PathItems paths;
  bool known = true;
  if (name == "api" || name == "apis") {
    add_root_path(name == "api", Dialect::V3, paths, schemas);
  } else if (name == "version") {
    add_version_info_path(Dialect::V3, paths, schemas);
  } else {
    known = false;
    for (const ServedGroup& group : source.groups) {
      if (!group.name.empty() && name == "apis/" + std::string(group.name)) {
        add_group_path(group, Dialect::V3, paths, schemas);
        known = true;
      }
      for (const api::GroupVersion* version : group.versions) {
        if (name != v3_name(*version)) continue;
        each_path(source, *version, Dialect::V3, schemas, visit);
        known = true;
      }
    }
  }
  for (const auto& [path, item] : paths) visit(path, item);
  return known;
}

object info_of(const SpecSource& source) {
  return {{"title", "Kubernetes"}, {"version", source.version}};
}

// The whole of version 2, piece by piece, to `sink`.
template <class Sink>
void write_v2(const SpecSource& source, Sink& sink) {
  SchemaSet schemas;
  const auto path = [&](std::string_view name, const object& item) { sink.add_path(name, item); };
  PathItems paths;
  add_root_path(true, Dialect::V2, paths, schemas);
  add_root_path(false, Dialect::V2, paths, schemas);
  add_version_info_path(Dialect::V2, paths, schemas);
  for (const ServedGroup& group : source.groups) {
    if (!group.name.empty()) add_group_path(group, Dialect::V2, paths, schemas);
  }
  for (const auto& [name, item] : paths) path(name, item);
  for (const ServedGroup& group : source.groups) {
    for (const api::GroupVersion* version : group.versions) {
      each_path(source, *version, Dialect::V2, schemas, path);
    }
  }
  schemas.each(Dialect::V2, source.groups, [&](std::string_view name, const object& schema) {
    sink.add_definition(name, schema);
  });
  for (const ParameterSpec* parameter : shared_parameters()) {
    sink.add_parameter(parameter->name, describe(*parameter, Dialect::V2));
  }
}

object v2_head(const SpecSource& source) {
  return {{"swagger", "2.0"},
          {"info", info_of(source)},
          {"securityDefinitions", object{{"BearerToken", bearer_token()}}},
          {"security", array{object{{"BearerToken", array()}}}}};
}

class JsonSink {
 public:
  void add_path(std::string_view name, const object& item) { add(paths_, name, item); }
  void add_definition(std::string_view name, const object& schema) {
    add(definitions_, name, schema);
  }
  void add_parameter(std::string_view name, const object& parameter) {
    add(parameters_, name, parameter);
  }

  std::string finish(const object& head) && {
    std::string out = api::to_json(head);
    out.pop_back();
    append(out, "paths", std::exchange(paths_, {}));
    append(out, "definitions", std::exchange(definitions_, {}));
    append(out, "parameters", std::exchange(parameters_, {}));
    return out.append("}");
  }

 private:
  static void add(std::string& out, std::string_view name, const object& value) {
    if (!out.empty()) out.push_back(',');
    api::append_json_string(out, name);
    out.push_back(':');
    api::append_json(out, value);
  }
  static void append(std::string& out, std::string_view name, const std::string& members) {
    out.append(",\"").append(name).append("\":{").append(members).append("}");
  }

  std::string paths_, definitions_, parameters_;
};

}  // namespace

std::vector<std::string> openapi_v3_names(const SpecSource& source) {
  std::vector<std::string> names = {"api", "apis", "version"};
  for (const ServedGroup& group : source.groups) {
    if (!group.name.empty()) names.push_back("apis/" + std::string(group.name));
    for (const api::GroupVersion* version : group.versions) names.push_back(v3_name(*version));
  }
  std::ranges::sort(names);
  return names;
}

std::optional<std::string> openapi_v3_json(const SpecSource& source, std::string_view name) {
  std::string out;
  SchemaSet schemas;
  {
    JsonMembers document(out);
    document.name("openapi");
    out.append("\"3.0.0\"");
    document.add("info", info_of(source));
    document.name("paths");
    {
      JsonMembers paths(out);
      if (!each_v3_path(source, name, schemas, [&](std::string_view path, const object& item) {
            paths.add(path, item);
          })) {
        return std::nullopt;
      }
    }
    document.name("components");
    JsonMembers components(out);
    components.name("schemas");
    {
      JsonMembers members(out);
      schemas.each(Dialect::V3, source.groups,
                   [&](std::string_view schema_name, const object& schema) {
                     members.add(schema_name, schema);
                   });
    }
    components.add("securitySchemes", object{{"BearerToken", bearer_token()}});
  }
  return out;
}

std::string openapi_v2_json(const SpecSource& source) {
  JsonSink sink;
  write_v2(source, sink);
  return std::move(sink).finish(v2_head(source));
}

std::string openapi_v2_protobuf(const SpecSource& source) {
  GnosticWriter sink(v2_head(source));
  write_v2(source, sink);
  return std::move(sink).finish();
}

}  // namespace keelson::apiserver
