// SPDX-License-Identifier: Apache-2.0
// The shape of the Kubernetes API as tables. One description drives every engine: JSON, YAML and
// protobuf coding, defaulting, strict checks, validation, patches, apply, OpenAPI, discovery.
// Built-in kinds have constant tables generated from api/*.proto; a CustomResourceDefinition makes
// the same tables at run time, without C++ memory layout (`offset` and `memory` unused).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keelson::api {

struct Type;

// The JSON form of a value. The comment names the C++ type that holds it in generated structs.
enum class Shape : std::uint8_t {
  String,       // std::string
  Bool,         // bool
  Int32,        // std::int32_t
  Int64,        // std::int64_t
  Double,       // double
  Bytes,        // api::Bytes: raw bytes, base64 in JSON
  Time,         // api::Time
  MicroTime,    // api::MicroTime
  Duration,     // api::Duration
  Quantity,     // api::Quantity
  IntOrString,  // api::IntOrString
  Json,         // api::RawJson: any JSON value kept as it is (RawExtension, FieldsV1, JSON)
  Struct,       // the generated struct, or a nested schema
  List,         // std::vector<T>
  Map,          // std::map<std::string, T, std::less<>>
};

// How the engines handle a C++ value of a list, a map or a pointer without knowing its type.
struct ListMemory {
  std::size_t (*size)(const void* list);
  void* (*append)(void* list);  // Adds a default element and returns it.
  const void* (*at)(const void* list, std::size_t index);
  void (*clear)(void* list);
};
struct MapMemory {
  std::size_t (*size)(const void* map);
  void* (*insert)(void* map, std::string_view key);  // Adds or replaces with a default value.
  // Calls visit(context, key, value) in key order.
  void (*each)(const void* map, void* context,
               void (*visit)(void* context, std::string_view key, const void* value));
  void (*clear)(void* map);
};
struct PointerMemory {                      // std::optional<T> of scalars, Box<T> of structs.
  const void* (*get)(const void* pointer);  // null when unset
  void* (*emplace)(void* pointer);
  void (*reset)(void* pointer);
};

// The literals of a named string type. `closed`: other values are invalid.
struct Enum {
  std::string_view name;     // "PodPhase"
  std::string_view package;  // "core/v1"
  bool closed;
  std::span<const std::string_view> values;
};

// The type of a field's value, of a list's element or of a map's value.
struct TypeRef {
  Shape shape;
  const Type* type = nullptr;        // Struct; Json: names the wire message.
  const TypeRef* element = nullptr;  // List, Map
  const ListMemory* list = nullptr;
  const MapMemory* map = nullptr;
  const Enum* enumeration = nullptr;  // String
  // Named protobuf message around a list (`ExtraValue {repeated string items = 1}`).
  bool list_message = false;
};

// Merge behaviour of a list in server-side apply (structured merge diff).
enum class ListType : std::uint8_t { Atomic, Set, Map };
// Merge behaviour of a map or struct.
enum class MapType : std::uint8_t { Granular, Atomic };

// Strategic merge patch directives declared on a field.
enum PatchStrategy : std::uint8_t { kPatchReplace = 0, kPatchMerge = 1, kPatchRetainKeys = 2 };

// Limits declared for a value. A negative number or an empty string means no limit. Run-time
// tables of custom resources set these; built-in kinds set those that declarative validation has.
struct Constraints {
  std::int64_t min_items = -1, max_items = -1;
  std::int64_t min_length = -1, max_length = -1;
  bool has_minimum = false, has_maximum = false;
  double minimum = 0, maximum = 0;
  std::string_view pattern;
  std::string_view format;
};

struct Field {
  std::string_view json;  // Name in JSON. Fields of inlined structs stand here too (flattened).
  TypeRef value;
  std::uint32_t offset = 0;                // In the C++ struct.
  const PointerMemory* pointer = nullptr;  // Set when the member is std::optional or Box.
  std::uint16_t number = 0;                // Protobuf field number; 0: not on the wire.
  // Numbers of the messages inlined here that hold it on the wire: the first in this message, the
  // second in the first. 0: none.
  std::uint16_t outer = 0;
  std::uint16_t outer_nested = 0;
  bool is_pointer = false;  // Absent and zero differ.
  bool omitempty = false;
  bool omitzero = false;  // A time, left out when unset; without this it is written as null.
  bool required = false;  // In OpenAPI's sense.
  bool deprecated = false;
  ListType list_type = ListType::Atomic;
  MapType map_type = MapType::Granular;
  std::uint8_t patch_strategy = kPatchReplace;  // PatchStrategy bits.
  std::string_view patch_merge_key;
  std::span<const std::string_view> list_map_keys;
  std::string_view default_json;     // Declared default as JSON text; empty: none.
  std::string_view union_name;       // At most one field of a union may be set.
  bool union_discriminator = false;  // Tells which field of the union is set.
  std::string_view gate;  // Feature gates, separated by commas: any of them admits the field.
  const Constraints* constraints = nullptr;
  std::string_view doc;
};

// JSON forms of a type. All but Object belong to Shape::Json; their `fields` describe the protobuf
// message only.
enum class JsonForm : std::uint8_t {
  Object,
  Any,                  // Any JSON value.
  SchemaOrBool,         // A JSONSchemaProps, or true or false.
  SchemaOrArray,        // A JSONSchemaProps, or a list of them.
  SchemaOrStringArray,  // A JSONSchemaProps, or a list of strings.
};

struct Type {
  std::string_view name;          // "PodSpec"; of a root type, its kind.
  std::string_view package;       // "core/v1"
  std::string_view api_version;   // "apps/v1", "v1": of a root type. Empty: none of its own.
  std::string_view openapi_name;  // "io.k8s.api.core.v1.PodSpec"
  std::string_view proto_name;    // "k8s.io.api.core.v1.PodSpec"
  std::span<const Field> fields;  // In JSON output order; TypeMeta of root types is not among them.
  std::size_t size = 0;           // sizeof the C++ struct
  void (*construct)(void*) = nullptr;
  void (*destroy)(void*) = nullptr;
  bool root = false;  // Has kind and apiVersion.
  JsonForm json_form = JsonForm::Object;
  MapType map_type = MapType::Granular;
  // Members of `fields` that do not stand there are kept (custom resources).
  bool preserve_unknown_fields = false;
  std::string_view doc;
  std::span<const std::uint16_t> by_name;  // Indexes into `fields`, sorted by JSON name.

  // Null if there is no such field. O(log n) through `by_name`, O(n) where that is empty.
  const Field* find(std::string_view json_name) const;
};

struct Column {
  std::string_view name, type, format;
  int priority;
  std::string_view description;
};

struct Subresource {
  std::string_view name;  // "status"
  std::span<const std::string_view> verbs;
  std::string_view group, version, kind;  // Of the body, where it differs from the parent.
};

// One served resource: what discovery tells about it, and the table of its kind.
struct Resource {
  std::string_view group, version, kind, list_kind;
  std::string_view plural, singular;
  std::span<const std::string_view> short_names, categories, verbs;
  std::span<const Subresource> subresources;
  bool namespaced = false;
  bool served_by_default = true;
  bool create_on_update = false;                      // PUT may create.
  bool unconditional_update = false;                  // PUT without resourceVersion is allowed.
  bool has_generation = false;                        // metadata.generation is kept.
  std::span<const std::string_view> field_selectors;  // Besides metadata.name, metadata.namespace.
  std::string_view storage_prefix;                    // "pods", "minions", "services/specs"
  std::string_view storage_version_hash;
  std::span<const Column> columns;
  std::string_view gate;       // Served only with this feature gate.
  std::string_view stored_as;  // Group/version such as "core/v1", where it is stored as another.
  // Releases such as "1.33"; `replacement` is "group/version/Kind".
  std::string_view introduced, deprecated, removed, replacement;
  const Type* type = nullptr;

  bool has_verb(std::string_view verb) const;
  const Subresource* find_subresource(std::string_view name) const;
  std::string api_version() const;     // "v1", "apps/v1"
  std::string group_resource() const;  // "pods", "deployments.apps"
};

enum class Stability : std::uint8_t { Ga, Beta, Alpha };

// What a package is for.
enum class PackageUse : std::uint8_t {
  Served,     // The API server serves its kinds.
  Webhook,    // Payloads sent to webhooks.
  Body,       // Accepted as a request body only.
  Discovery,  // Discovery documents.
  Shared,     // Types used by others.
};

struct GroupVersion {
  std::string_view ref;  // "apps/v1"; core is "core/v1"
  std::string_view group, version;
  int group_priority = 0, version_priority = 0;
  bool served_by_default = true;
  PackageUse use = PackageUse::Served;
  Stability stability = Stability::Ga;
  std::string_view proto_package, openapi_prefix;
  std::span<const Resource> resources;  // By plural, as discovery lists them.
  std::span<const Type* const> types;
};

// All built-in group/versions in discovery order; the packages that serve nothing (meta/v1, ...),
// whose `resources` are empty, come last.
std::span<const GroupVersion* const> builtin_group_versions();

// Null if there is none. `group` is "" for core.
const Resource* find_builtin(std::string_view group, std::string_view version,
                             std::string_view plural);
const Resource* find_builtin_kind(std::string_view group, std::string_view version,
                                  std::string_view kind);
// By reference such as "core/v1.PodSpec"; null if there is none.
const Type* find_type(std::string_view reference);
// The root type with this apiVersion ("apps/v1", "v1") and kind, also of lists, Status,
// DeleteOptions and so on; null if there is none.
const Type* find_root_type(std::string_view api_version, std::string_view kind);

// The table of a generated struct: type_of<core::v1::Pod>(). Specialised by generated code.
template <class T>
const Type& type_of();
// The main resource of a generated kind: resource_of<core::v1::Pod>(). Specialised likewise.
template <class T>
const Resource& resource_of();

}  // namespace keelson::api
