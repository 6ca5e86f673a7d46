// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "api/codec/json.h"
#include "apiserver/openapi/gnostic.h"
#include "apiserver/openapi/operations.h"
#include "apiserver/openapi/spec.h"

namespace keelson::apiserver {
namespace {

using boost::json::object;
using boost::json::value;

class OpenApi : public ::testing::Test {
 protected:
  const ServesResource serves_ = serves_by_default;
  const std::vector<ServedGroup> groups_ = served_groups(api::builtin_group_versions());
  const SpecSource source_{groups_, serves_, "v1.36.2"};

  api::Document v3(std::string_view name) {
    const auto text = openapi_v3_json(source_, name);
    EXPECT_TRUE(text.has_value()) << name;
    auto document = api::parse_json(text.value_or("null"));
    EXPECT_TRUE(document.has_value()) << name;
    return document.value_or(api::Document());
  }
  api::Document v2() {
    auto document = api::parse_json(openapi_v2_json(source_));
    EXPECT_TRUE(document.has_value());
    return document.value_or(api::Document());
  }
};

// Calls visit(object) for each object anywhere in the document.
void each_object(const value& at, const std::function<void(const object&)>& visit) {
  if (at.is_array()) {
    for (const value& element : at.as_array()) each_object(element, visit);
  } else if (at.is_object()) {
    visit(at.as_object());
    for (const auto& [name, member] : at.as_object()) each_object(member, visit);
  }
}

void expect_references_resolve(const api::Document& document) {
  std::set<std::string> references;
  each_object(document, [&](const object& found) {
    const value* reference = found.if_contains("$ref");
    if (reference != nullptr && reference->is_string()) {
      references.emplace(reference->as_string());
    }
  });
  for (const std::string& reference : references) {
    ASSERT_TRUE(reference.starts_with("#/")) << reference;
    const value* at = &document;
    std::string rest = reference.substr(2);
    while (at != nullptr && !rest.empty()) {
      const auto slash = std::min(rest.find('/'), rest.size());
      at = at->is_object() ? at->as_object().if_contains(rest.substr(0, slash)) : nullptr;
      rest.erase(0, slash + 1);
    }
    EXPECT_NE(at, nullptr) << reference;
  }
}

void expect_operation_ids_differ(const api::Document& document) {
  std::set<std::string> ids;
  each_object(document.at("paths"), [&](const object& found) {
    const value* id = found.if_contains("operationId");
    if (id != nullptr && id->is_string()) {
      EXPECT_TRUE(ids.emplace(id->as_string()).second) << id->as_string();
    }
  });
  EXPECT_FALSE(ids.empty());
}

const object& schema(const api::Document& document, std::string_view name) {
  return document.at("components").at("schemas").at(name).as_object();
}

TEST_F(OpenApi, ReferencesResolveInEveryDocument) {
  for (const std::string& name : openapi_v3_names(source_)) {
    SCOPED_TRACE(name);
    const api::Document document = v3(name);
    EXPECT_EQ(api::string_at(document, {"openapi"}), "3.0.0");
    expect_references_resolve(document);
    expect_operation_ids_differ(document);
  }
  const api::Document swagger = v2();
  EXPECT_EQ(api::string_at(swagger, {"swagger"}), "2.0");
  expect_references_resolve(swagger);
  expect_operation_ids_differ(swagger);
}

TEST_F(OpenApi, HasAnOperationForEveryVerbOfEveryResource) {
  const std::map<std::string_view, std::pair<bool, std::string_view>> places = {
      {"create", {false, "post"}},
      {"list", {false, "get"}},
      {"deletecollection", {false, "delete"}},
      {"get", {true, "get"}},
      {"update", {true, "put"}},
      {"patch", {true, "patch"}},
      {"delete", {true, "delete"}}};
  const api::Document swagger = v2();
  for (const ServedGroup& group : groups_) {
    for (const api::GroupVersion* version : group.versions) {
      const api::Document document = v3(path_of(*version).substr(1));
      for (const api::Resource* resource : served_resources(*version, serves_)) {
        const std::string collection = path_of(*version) +
                                       (resource->namespaced ? "/namespaces/{namespace}/" : "/") +
                                       std::string(resource->plural);
        for (const std::string_view verb : resource->verbs) {
          if (verb == "watch") continue;
          ASSERT_TRUE(places.contains(verb)) << verb;
          const auto& [named, method] = places.at(verb);
          const std::string path = collection + (named ? "/{name}" : "");
          EXPECT_NE(api::find_at(document, {"paths", path, method}), nullptr) << path << verb;
          EXPECT_NE(api::find_at(swagger, {"paths", path, method}), nullptr) << path << verb;
        }
        for (const api::Subresource& subresource : resource->subresources) {
          const std::string path = collection + "/{name}/" + std::string(subresource.name);
          EXPECT_NE(api::find_at(document, {"paths", path}), nullptr) << path;
        }
        EXPECT_NE(api::find_at(document, {"components", "schemas", resource->type->openapi_name}),
                  nullptr);
      }
    }
  }
}

TEST_F(OpenApi, DescribesFieldsWithTheirMergeRules) {
  const api::Document core = v3("api/v1");

  const object& spec = schema(core, "io.k8s.api.core.v1.PodSpec");
  const value& containers = spec.at("properties").at("containers");
  EXPECT_EQ(containers.at("type"), "array");
  EXPECT_EQ(containers.at("x-kubernetes-list-type"), "map");
  EXPECT_EQ(api::to_json(containers.at("x-kubernetes-list-map-keys")), R"(["name"])");
  EXPECT_EQ(containers.at("x-kubernetes-patch-merge-key"), "name");
  EXPECT_EQ(containers.at("x-kubernetes-patch-strategy"), "merge");
  EXPECT_EQ(containers.at("items").at("allOf").at(0).at("$ref"),
            "#/components/schemas/io.k8s.api.core.v1.Container");
  EXPECT_EQ(api::to_json(spec.at("required")), R"(["containers"])");
  EXPECT_EQ(spec.at("properties").at("volumes").at("x-kubernetes-patch-strategy"),
            "merge,retainKeys");
  EXPECT_EQ(spec.at("properties").at("nodeSelector").at("x-kubernetes-map-type"), "atomic");

  const object& port = schema(core, "io.k8s.api.core.v1.ServicePort");
  EXPECT_EQ(port.at("properties").at("protocol").at("default"), "TCP");
  EXPECT_EQ(port.at("properties").at("port").at("format"), "int32");
  const object& port_number = schema(core, "io.k8s.apimachinery.pkg.util.intstr.IntOrString");
  EXPECT_EQ(port_number.at("format"), "int-or-string");
  EXPECT_EQ(port_number.at("oneOf").as_array().size(), 2U);
  const object& secret = schema(core, "io.k8s.api.core.v1.Secret");
  EXPECT_EQ(secret.at("properties").at("data").at("additionalProperties").at("format"), "byte");
}

TEST_F(OpenApi, TellsTheKindOfRootTypes) {
  const api::Document apps = v3("apis/apps/v1");

  const object& deployment = schema(apps, "io.k8s.api.apps.v1.Deployment");
  EXPECT_EQ(api::to_json(deployment.at("x-kubernetes-group-version-kind")),
            R"([{"group":"apps","kind":"Deployment","version":"v1"}])");
  EXPECT_TRUE(deployment.at("properties").as_object().contains("apiVersion"));
  EXPECT_FALSE(schema(apps, "io.k8s.api.apps.v1.DeploymentSpec")
                   .contains("x-kubernetes-group-version-kind"));
  const object& options = schema(apps, "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions");
  EXPECT_GT(options.at("x-kubernetes-group-version-kind").as_array().size(), 20U);
}

// By these two kubectl finds out that a server validates fields and runs dry.
TEST_F(OpenApi, PatchesTakeFieldValidationAndDryRun) {
  const value patch = v3("apis/apps/v1")
                          .at("paths")
                          .at("/apis/apps/v1/namespaces/{namespace}/deployments/{name}")
                          .at("patch");

  EXPECT_EQ(patch.at("operationId"), "patchAppsV1NamespacedDeployment");
  EXPECT_EQ(patch.at("x-kubernetes-action"), "patch");
  EXPECT_EQ(api::to_json(patch.at("x-kubernetes-group-version-kind")),
            R"({"group":"apps","kind":"Deployment","version":"v1"})");
  std::set<std::string> names;
  for (const value& parameter : patch.at("parameters").as_array()) {
    EXPECT_EQ(parameter.at("in"), "query");
    names.emplace(parameter.at("name").as_string());
  }
  EXPECT_EQ(names, (std::set<std::string>{"dryRun", "fieldManager", "fieldValidation"}));
  EXPECT_EQ(patch.at("requestBody").at("content").as_object().size(), 3U);
}

TEST_F(OpenApi, DescribesSubresources) {
  const api::Document core = v3("api/v1");
  const std::string pod = "/api/v1/namespaces/{namespace}/pods/{name}/";

  const value& eviction = core.at("paths").at(pod + "eviction").at("post");
  EXPECT_EQ(eviction.at("operationId"), "createCoreV1NamespacedPodEviction");
  EXPECT_EQ(eviction.at("x-kubernetes-group-version-kind").at("group"), "policy");
  EXPECT_EQ(core.at("paths").at(pod + "exec").at("get").at("x-kubernetes-action"), "connect");
  EXPECT_EQ(core.at("paths").at(pod + "proxy/{path}").at("options").at("operationId"),
            "connectCoreV1OptionsNamespacedPodProxyWithPath");
  const value& log = core.at("paths").at(pod + "log");
  std::set<std::string> names;
  for (const value& parameter : log.at("parameters").as_array()) {
    names.emplace(parameter.at("name").as_string());
  }
  EXPECT_TRUE(names.contains("tailLines"));
  EXPECT_TRUE(names.contains("namespace"));
}

TEST_F(OpenApi, HasNoDocumentOfUnknownNames) {
  for (const std::string_view name : {"", "apis/", "apis/none", "api/v2", "apis/apps/v2"}) {
    EXPECT_FALSE(openapi_v3_json(source_, name).has_value()) << name;
  }
}

// --- Protobuf ------------------------------------------------------------------------------------

// The fields of a message, by number.
using Fields = std::multimap<std::uint32_t, std::string>;

std::uint64_t read_varint(std::string_view& bytes) {
  std::uint64_t number = 0;
  for (int shift = 0; !bytes.empty(); shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.front());
    bytes.remove_prefix(1);
    number |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
    if ((byte & 0x80U) == 0) break;
  }
  return number;
}

Fields read_message(std::string_view bytes) {
  Fields fields;
  while (!bytes.empty()) {
    const std::uint64_t tag = read_varint(bytes);
    const auto number = static_cast<std::uint32_t>(tag >> 3U);
    if ((tag & 7U) == 0) {
      fields.emplace(number, std::to_string(read_varint(bytes)));
    } else {
      const std::uint64_t size = (tag & 7U) == 2 ? read_varint(bytes) : 8;
      if ((tag & 7U) > 2 || size > bytes.size()) {
        ADD_FAILURE() << "malformed message";
        break;
      }
      fields.emplace(number, bytes.substr(0, size));
      bytes.remove_prefix(size);
    }
  }
  return fields;
}

std::string field(const std::string& message, std::initializer_list<std::uint32_t> path) {
  std::string at = message;
  for (const std::uint32_t number : path) {
    const Fields fields = read_message(at);
    const auto found = fields.find(number);
    if (found == fields.end()) return "(none)";
    at = found->second;
  }
  return at;
}

std::map<std::string, std::string> named_entries(const std::string& container,
                                                 std::uint32_t number) {
  std::map<std::string, std::string> entries;
  for (const auto& [found, entry] : read_message(container)) {
    if (found == number) entries.emplace(field(entry, {1}), field(entry, {2}));
  }
  return entries;
}

TEST_F(OpenApi, ProtobufHoldsTheSamePathsAndDefinitionsAsJson) {
  const std::string bytes = openapi_v2_protobuf(source_);
  const api::Document json = v2();

  EXPECT_EQ(field(bytes, {1}), "2.0");
  EXPECT_EQ(field(bytes, {2, 2}), "v1.36.2");
  const auto paths = named_entries(field(bytes, {8}), 2);
  EXPECT_EQ(paths.size(), json.at("paths").as_object().size());
  const auto definitions = named_entries(field(bytes, {9}), 1);
  EXPECT_EQ(definitions.size(), json.at("definitions").as_object().size());
  EXPECT_EQ(named_entries(field(bytes, {10}), 1).size(), json.at("parameters").as_object().size());

  const std::string& patch = paths.at("/apis/apps/v1/namespaces/{namespace}/deployments/{name}");
  const std::string operation = field(patch, {8});
  EXPECT_EQ(field(operation, {5}), "patchAppsV1NamespacedDeployment");
  const auto extensions = named_entries(operation, 13);
  EXPECT_EQ(field(extensions.at("x-kubernetes-group-version-kind"), {2}),
            R"({"group":"apps","kind":"Deployment","version":"v1"})");

  const std::string& spec = definitions.at("io.k8s.api.core.v1.PodSpec");
  const auto properties = named_entries(field(spec, {25}), 1);
  const std::string& containers = properties.at("containers");
  EXPECT_EQ(field(containers, {22, 1}), "array");
  EXPECT_EQ(field(containers, {23, 1, 1}), "#/definitions/io.k8s.api.core.v1.Container");
  EXPECT_EQ(field(spec, {19}), "containers");
}

TEST(Gnostic, WritesEachFormOfSchema) {
  GnosticWriter writer(object{{"swagger", "2.0"}});
  writer.add_definition(
      "A", object{{"type", "object"},
                  {"additionalProperties", object{{"type", "integer"}, {"format", "int64"}}},
                  {"default", object{{"a", 1}}},
                  {"enum", boost::json::array{"x", "y"}},
                  {"minimum", 1.5},
                  {"maxItems", 300},
                  {"x-kubernetes-map-type", "atomic"}});
  writer.add_parameter("p", object{{"name", "p"},
                                   {"in", "path"},
                                   {"type", "string"},
                                   {"required", true},
                                   {"uniqueItems", true}});

  const std::string bytes = std::move(writer).finish();

  const std::string definition = field(bytes, {9, 1});
  EXPECT_EQ(field(definition, {1}), "A");
  EXPECT_EQ(field(definition, {2, 21, 1, 2}), "int64");
  EXPECT_EQ(field(definition, {2, 5, 2}), R"({"a":1})");
  EXPECT_EQ(read_message(field(definition, {2})).count(20), 2U);
  EXPECT_EQ(field(definition, {2, 9}), std::string("\0\0\0\0\0\0\xf8\x3f", 8));
  EXPECT_EQ(field(definition, {2, 14}), "300");
  EXPECT_EQ(field(definition, {2, 31, 2, 2}), R"("atomic")");
  const std::string parameter = field(bytes, {10, 1, 2, 2, 4});
  EXPECT_EQ(field(parameter, {1}), "1");
  EXPECT_EQ(field(parameter, {2}), "path");
  EXPECT_EQ(field(parameter, {5}), "string");
  EXPECT_EQ(field(parameter, {19}), "1");
}

}  // namespace
}  // namespace keelson::apiserver
