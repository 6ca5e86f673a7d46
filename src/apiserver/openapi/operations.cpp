// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/operations.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "apiserver/openapi/parameters.h"

namespace keelson::apiserver {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::string_view kJson = "application/json";
constexpr std::string_view kYaml = "application/yaml";
constexpr std::string_view kJsonWatch = "application/json;stream=watch";
constexpr std::string_view kPatchTypes[] = {"application/json-patch+json",
                                            "application/merge-patch+json",
                                            "application/strategic-merge-patch+json"};

constexpr std::string_view kMeta = "meta/v1.";

std::string capitalised(std::string_view text) {
  std::string out(text);
  if (!out.empty() && out.front() >= 'a' && out.front() <= 'z') {
    out.front() = static_cast<char>(out.front() - 'a' + 'A');
  }
  return out;
}

// "rbac.authorization.k8s.io" as "RbacAuthorization", "" as "Core".
std::string group_words(std::string_view group) {
  if (group.empty()) return "Core";
  if (group.ends_with(".k8s.io")) group.remove_suffix(7);
  std::string out;
  while (!group.empty()) {
    const auto dot = std::min(group.find('.'), group.size());
    out += capitalised(group.substr(0, dot));
    group.remove_prefix(std::min(dot + 1, group.size()));
  }
  return out;
}

const api::Type* find_kind(const api::GroupVersion& version, std::string_view kind) {
  const auto found = std::ranges::find_if(
      version.types, [&](const api::Type* type) { return type->root && type->name == kind; });
  return found != version.types.end() ? *found : api::find_root_type(api_version_of(version), kind);
}

// Subresources that take over the connection, with the methods by which they do.
struct Connection {
  std::string_view name;
  std::span<const std::string_view> methods;
  bool any_path;  // With and without a further path.
};
constexpr std::string_view kStreamMethods[] = {"get", "post"};
constexpr std::string_view kProxyMethods[] = {"delete", "get",  "head", "options",
                                              "patch",  "post", "put"};
constexpr Connection kConnections[] = {
    {"attach", kStreamMethods, false},
    {"exec", kStreamMethods, false},
    {"portforward", kStreamMethods, false},
    {"proxy", kProxyMethods, true},
};

struct Body {
  const api::Type* type = nullptr;
  bool patch = false;
};

// One resource's operations. A scope: its paths with a namespace, or without.
class Operations {
 public:
  Operations(const api::GroupVersion& version, const api::Resource& resource, Dialect dialect,
             PathItems& paths, SchemaSet& schemas)
      : version_(version),
        resource_(resource),
        dialect_(dialect),
        paths_(paths),
        schemas_(schemas),
        scope_(resource.namespaced ? "Namespaced" : ""),
        base_(path_of(version) + "/"),
        collection_(base_ + (resource.namespaced ? "namespaces/{namespace}/" : "") +
                    std::string(resource.plural)),
        object_(resource.type),
        list_(find_kind(version, resource.list_kind)),
        status_(api::find_type(std::string(kMeta) + "Status")) {}

  void add() {
    add_collection();
    add_object();
    if (resource_.has_verb("list") && resource_.namespaced) add_all_namespaces();
    if (resource_.has_verb("watch")) add_old_watches();
    for (const api::Subresource& subresource : resource_.subresources) {
      const auto connection = std::ranges::find(kConnections, subresource.name, &Connection::name);
      if (connection != std::end(kConnections)) {
        add_connection(subresource, *connection);
      } else {
        add_subresource(subresource);
      }
    }
  }

 private:
  // An operation without its parameters and answers.
  object operation(std::string id, std::string description, std::string_view action) {
    object out{{"description", description},
               {"operationId", id},
               {"tags", array{operation_tag(version_.group, version_.version)}}};
    out["x-kubernetes-action"] = action;
    out["x-kubernetes-group-version-kind"] = kind_;
    return out;
  }
  std::string id(std::string_view verb, std::string_view suffix = "") {
    return std::string(verb) + operation_group(version_.group, version_.version) + scope_ +
           std::string(resource_.kind) + std::string(suffix);
  }

  void parameters(object& out, std::initializer_list<std::span<const ParameterSpec>> sets) {
    std::map<std::string_view, const ParameterSpec*> by_name;
    for (const auto set : sets) {
      for (const ParameterSpec& parameter : set) by_name.emplace(parameter.name, &parameter);
    }
    array& list = entries(out, "parameters");
    for (const auto& [name, parameter] : by_name) list.push_back(use(*parameter, dialect_));
  }

  static array& entries(object& out, std::string_view name) {
    if (!out.contains(name)) out[name] = array();
    return out[name].as_array();
  }

  object reference(const api::Type& type) {
    schemas_.add(type);
    return {{"$ref", schema_reference(dialect_, type.openapi_name)}};
  }

  void body(object& out, Body body) {
    const object schema =
        reference(body.patch ? *api::find_type(std::string(kMeta) + "Patch") : *body.type);
    array types;
    if (body.patch) {
      for (const std::string_view type : kPatchTypes) types.emplace_back(type);
    } else {
      types.emplace_back("*/*");
    }
    if (dialect_ == Dialect::V2) {
      entries(out, "parameters")
          .push_back(
              object{{"in", "body"}, {"name", "body"}, {"required", true}, {"schema", schema}});
      out["consumes"] = std::move(types);
      return;
    }
    object content;
    for (const auto& type : types) {
      content[std::string_view(type.as_string())] = object{{"schema", schema}};
    }
    out["requestBody"] = object{{"content", std::move(content)}, {"required", true}};
  }

  // `type` null: text.
  void answers(object& out, const api::Type* type,
               std::initializer_list<std::pair<std::string_view, std::string_view>> codes,
               bool watch = false) {
    std::vector<std::string_view> media = {kJson, kYaml};
    if (watch) media.push_back(kJsonWatch);
    if (type == nullptr) media = {"*/*"};
    const object schema = type == nullptr ? object{{"type", "string"}} : reference(*type);
    object responses;
    for (const auto& [code, meaning] : codes) {
      object response{{"description", meaning}};
      if (dialect_ == Dialect::V2) {
        response["schema"] = schema;
      } else {
        object content;
        for (const std::string_view name : media) content[name] = object{{"schema", schema}};
        response["content"] = std::move(content);
      }
      responses[code] = std::move(response);
    }
    responses["401"] = object{{"description", "Unauthorized"}};
    out["responses"] = std::move(responses);
    if (dialect_ == Dialect::V2) {
      array produces;
      for (const std::string_view name : media) produces.emplace_back(name);
      out["produces"] = std::move(produces);
      out["schemes"] = array{"https"};
      if (!out.contains("consumes")) out["consumes"] = array{"*/*"};
    }
  }

  void put(const std::string& path, std::string_view method, object out) {
    object& item = paths_[path];
    item[method] = std::move(out);
    if (item.contains("parameters")) return;
    array common;
    if (path.find("{name}") != std::string::npos) {
      common.push_back(use(name_parameter(), dialect_));
    }
    if (path.find("{namespace}") != std::string::npos) {
      common.push_back(use(namespace_parameter(), dialect_));
    }
    if (path.find("{path}") != std::string::npos) {
      common.push_back(use(path_parameter(), dialect_));
    }
    common.push_back(use(pretty_parameter(), dialect_));
    item["parameters"] = std::move(common);
  }

  void add_collection() {
    const std::string kind(resource_.kind);
    if (resource_.has_verb("list")) {
      object out = operation(id("list"), "list or watch objects of kind " + kind, "list");
      parameters(out, {list_parameters(), watch_parameters()});
      answers(out, list_, {{"200", "OK"}}, resource_.has_verb("watch"));
      put(collection_, "get", std::move(out));
    }
    if (resource_.has_verb("create")) {
      object out = operation(id("create"), "create a " + kind, "post");
      parameters(out, {write_parameters()});
      body(out, {object_});
      answers(out, object_, {{"200", "OK"}, {"201", "Created"}, {"202", "Accepted"}});
      put(collection_, "post", std::move(out));
    }
    if (resource_.has_verb("deletecollection")) {
      object out = operation("delete" + operation_group(version_.group, version_.version) +
                                 "Collection" + scope_ + kind,
                             "delete collection of " + kind, "deletecollection");
      parameters(out, {list_parameters(), delete_parameters()});
      body(out, {delete_options()});
      answers(out, status_, {{"200", "OK"}});
      put(collection_, "delete", std::move(out));
    }
  }

  void add_object() {
    const std::string path = collection_ + "/{name}";
    const std::string kind(resource_.kind);
    if (resource_.has_verb("get")) add_read(path, object_, "", "");
    if (resource_.has_verb("update")) add_update(path, object_, "", "");
    if (resource_.has_verb("patch")) add_patch(path, object_, "", "");
    if (resource_.has_verb("delete")) {
      object out = operation(id("delete"), "delete a " + kind, "delete");
      parameters(out, {delete_parameters()});
      body(out, {delete_options()});
      answers(out, status_, {{"200", "OK"}, {"202", "Accepted"}});
      put(path, "delete", std::move(out));
    }
  }

  // `of` is "status of " and so on.
  void add_read(const std::string& path, const api::Type* type, const std::string& of,
                const std::string& suffix) {
    object out = operation(id("read", suffix),
                           "read " + of + "the specified " + std::string(resource_.kind), "get");
    answers(out, type, {{"200", "OK"}});
    put(path, "get", std::move(out));
  }
  void add_update(const std::string& path, const api::Type* type, const std::string& of,
                  const std::string& suffix) {
    object out = operation(id("replace", suffix),
                           "replace " + of + "the specified " + std::string(resource_.kind), "put");
    parameters(out, {write_parameters()});
    body(out, {type});
    answers(out, type, {{"200", "OK"}, {"201", "Created"}});
    put(path, "put", std::move(out));
  }
  void add_patch(const std::string& path, const api::Type* type, const std::string& of,
                 const std::string& suffix) {
    object out = operation(
        id("patch", suffix),
        "partially update " + of + "the specified " + std::string(resource_.kind), "patch");
    parameters(out, {write_parameters()});
    body(out, {type, true});
    answers(out, type, {{"200", "OK"}, {"201", "Created"}});
    put(path, "patch", std::move(out));
  }

  void add_all_namespaces() {
    object out = operation("list" + operation_group(version_.group, version_.version) +
                               std::string(resource_.kind) + "ForAllNamespaces",
                           "list or watch objects of kind " + std::string(resource_.kind), "list");
    parameters(out, {list_parameters(), watch_parameters()});
    answers(out, list_, {{"200", "OK"}}, resource_.has_verb("watch"));
    put(base_ + std::string(resource_.plural), "get", std::move(out));
  }

  // The paths by which one watched before lists took a parameter.
  void add_old_watches() {
    const std::string kind(resource_.kind);
    const std::string group = operation_group(version_.group, version_.version);
    const std::string under = base_ + "watch/";
    const std::string collection = under + collection_.substr(base_.size());
    const api::Type* event = api::find_type(std::string(kMeta) + "WatchEvent");
    const auto add = [&](const std::string& path, std::string operation_id,
                         std::string_view action) {
      object out = operation(std::move(operation_id),
                             "watch " + kind +
                                 ". deprecated: use the 'watch' parameter with a list operation "
                                 "instead.",
                             action);
      parameters(out, {list_parameters(), watch_parameters()});
      answers(out, event, {{"200", "OK"}}, true);
      put(path, "get", std::move(out));
    };
    add(collection, "watch" + group + scope_ + kind + "List", "watchlist");
    if (resource_.has_verb("get")) {
      add(collection + "/{name}", "watch" + group + scope_ + kind, "watch");
    }
    if (resource_.namespaced) {
      add(under + std::string(resource_.plural), "watch" + group + kind + "ListForAllNamespaces",
          "watchlist");
    }
  }

  void add_subresource(const api::Subresource& subresource) {
    const std::string path = collection_ + "/{name}/" + std::string(subresource.name);
    const std::string of = std::string(subresource.name) + " of ";
    const std::string suffix = capitalised(subresource.name);
    const api::Type* type = object_;
    const object parent = kind_;
    if (!subresource.kind.empty()) {
      type = api::find_root_type(subresource.group.empty() ? std::string(subresource.version)
                                                           : std::string(subresource.group) + "/" +
                                                                 std::string(subresource.version),
                                 subresource.kind);
      kind_ = group_version_kind(subresource.group, subresource.version, subresource.kind);
    }
    if (subresource.name == "log") type = nullptr;
    for (const std::string_view verb : subresource.verbs) {
      if (verb == "get") add_read(path, type, of, suffix);
      if (verb == "update") add_update(path, type, of, suffix);
      if (verb == "patch") add_patch(path, type, of, suffix);
      if (verb == "create") {
        object out = operation(id("create", suffix),
                               "create " + of + "a " + std::string(resource_.kind), "post");
        parameters(out, {write_parameters()});
        body(out, {type});
        answers(out, type, {{"200", "OK"}, {"201", "Created"}, {"202", "Accepted"}});
        put(path, "post", std::move(out));
      }
    }
    if (subresource.name == "log") {
      if (const auto* options = api::find_type("core/v1.PodLogOptions")) {
        add_option_parameters(paths_[path], *options);
      }
    }
    kind_ = parent;
  }

  void add_connection(const api::Subresource& subresource, const Connection& connection) {
    const object parent = kind_;
    kind_ = group_version_kind(subresource.group, subresource.version, subresource.kind);
    const api::Type* options =
        api::find_root_type(std::string(subresource.version), subresource.kind);
    for (const bool with_path : {false, true}) {
      if (with_path && !connection.any_path) continue;
      const std::string path =
          collection_ + "/{name}/" + std::string(subresource.name) + (with_path ? "/{path}" : "");
      for (const std::string_view method : connection.methods) {
        object out =
            operation("connect" + operation_group(version_.group, version_.version) +
                          capitalised(method) + scope_ + std::string(resource_.kind) +
                          capitalised(subresource.name) + (with_path ? "WithPath" : ""),
                      "connect " + capitalised(method) + " requests to " +
                          std::string(subresource.name) + " of " + std::string(resource_.kind),
                      "connect");
        answers(out, nullptr, {{"200", "OK"}});
        put(path, method, std::move(out));
      }
      if (options != nullptr) add_option_parameters(paths_[path], *options);
    }
    kind_ = parent;
  }

  // The fields of an options type are parameters of the query.
  void add_option_parameters(object& item, const api::Type& options) {
    array& list = entries(item, "parameters");
    for (const api::Field& field : options.fields) {
      // Named as a parameter of the path already: the proxy's path comes both ways.
      const std::string_view type =
          field.value.shape == api::Shape::Bool ? "boolean"
          : field.value.shape == api::Shape::Int32 || field.value.shape == api::Shape::Int64
              ? "integer"
              : "string";
      list.push_back(describe({field.json, "query", type, field.doc}, dialect_));
    }
  }

  static const api::Type* delete_options() {
    return api::find_type(std::string(kMeta) + "DeleteOptions");
  }

  const api::GroupVersion& version_;
  const api::Resource& resource_;
  const Dialect dialect_;
  PathItems& paths_;
  SchemaSet& schemas_;
  const std::string scope_, base_, collection_;
  const api::Type* object_;
  const api::Type* list_;
  const api::Type* status_;
  object kind_ = group_version_kind(resource_.group, resource_.version, resource_.kind);
};

}  // namespace

std::string path_of(const api::GroupVersion& version) {
  return version.group.empty() ? "/api/" + std::string(version.version)
                               : "/apis/" + api_version_of(version);
}

std::string operation_group(std::string_view group, std::string_view version) {
  return group_words(group) + capitalised(version);
}

std::string operation_tag(std::string_view group, std::string_view version) {
  std::string tag = group_words(group);
  tag.front() = static_cast<char>(tag.front() - 'A' + 'a');
  if (!version.empty()) tag.append("_").append(version);
  return tag;
}

void add_resource_paths(const api::GroupVersion& version, const api::Resource& resource,
                        Dialect dialect, PathItems& paths, SchemaSet& schemas) {
  Operations(version, resource, dialect, paths, schemas).add();
}

void add_read_path(std::string path, std::string_view operation, std::string_view description,
                   std::string_view tag, const api::Type* answer, Dialect dialect, PathItems& paths,
                   SchemaSet& schemas) {
  object schema{{"type", "string"}};
  if (answer != nullptr) {
    schemas.add(*answer);
    schema = {{"$ref", schema_reference(dialect, answer->openapi_name)}};
  }
  object found{{"description", "OK"}};
  object get{{"description", description}, {"operationId", operation}, {"tags", array{tag}}};
  if (dialect == Dialect::V2) {
    found["schema"] = std::move(schema);
    get["consumes"] = array{kJson, kYaml};
    get["produces"] = array{kJson, kYaml};
    get["schemes"] = array{"https"};
  } else {
    found["content"] = object{{kJson, object{{"schema", std::move(schema)}}}};
  }
  get["responses"] =
      object{{"200", std::move(found)}, {"401", object{{"description", "Unauthorized"}}}};
  paths[std::move(path)]["get"] = std::move(get);
}

}  // namespace keelson::apiserver
