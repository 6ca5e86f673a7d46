// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/schemas.h"

#include <algorithm>
#include <vector>

#include "api/codec/json.h"

namespace keelson::apiserver {
namespace {

using boost::json::array;
using boost::json::object;

constexpr std::string_view kTime = "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
constexpr std::string_view kMicroTime = "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
constexpr std::string_view kDuration = "io.k8s.apimachinery.pkg.apis.meta.v1.Duration";
constexpr std::string_view kQuantity = "io.k8s.apimachinery.pkg.api.resource.Quantity";
constexpr std::string_view kIntOrString = "io.k8s.apimachinery.pkg.util.intstr.IntOrString";

constexpr std::string_view kApiVersionDoc =
    "The group and version of this object's schema. The server converts what it knows and refuses "
    "what it does not.";
constexpr std::string_view kKindDoc =
    "The kind of this object, in CamelCase. It follows from the path and cannot be changed.";

// The name of a schema that stands by itself; empty for what is written in place.
std::string_view schema_name(const api::TypeRef& value) {
  switch (value.shape) {
    case api::Shape::Time:
      return kTime;
    case api::Shape::MicroTime:
      return kMicroTime;
    case api::Shape::Duration:
      return kDuration;
    case api::Shape::Quantity:
      return kQuantity;
    case api::Shape::IntOrString:
      return kIntOrString;
    case api::Shape::Struct:
    case api::Shape::Json:
      return value.type != nullptr ? value.type->openapi_name : "";
    default:
      return "";
  }
}

object scalar_schema(Dialect dialect, std::string_view name) {
  if (name == kTime || name == kMicroTime) {
    return {{"description", "A point in time as RFC 3339 writes it."},
            {"type", "string"},
            {"format", "date-time"}};
  }
  if (name == kDuration) {
    return {{"description", "A length of time such as \"1h30m\" or \"300ms\"."},
            {"type", "string"}};
  }
  object schema;
  if (name == kQuantity) {
    schema["description"] =
        "An exact number with a suffix: a power of ten (m, k, M, G, ...), of two (Ki, Mi, Gi, ...) "
        "or an exponent (e3). It is written back in its shortest form without a fraction.";
  } else {
    schema["description"] = "A whole number, or a string such as a name or a percentage.";
    schema["format"] = "int-or-string";
  }
  // Version 2 has no alternatives; clients know the formats.
  if (dialect == Dialect::V2) {
    schema["type"] = "string";
  } else {
    const std::string_view number = name == kQuantity ? "number" : "integer";
    schema["oneOf"] = array{object{{"type", "string"}}, object{{"type", number}}};
  }
  return schema;
}

object scalar_in_place(api::Shape shape) {
  switch (shape) {
    case api::Shape::Bool:
      return {{"type", "boolean"}};
    case api::Shape::Int32:
      return {{"type", "integer"}, {"format", "int32"}};
    case api::Shape::Int64:
      return {{"type", "integer"}, {"format", "int64"}};
    case api::Shape::Double:
      return {{"type", "number"}, {"format", "double"}};
    case api::Shape::Bytes:
      return {{"type", "string"}, {"format", "byte"}};
    case api::Shape::Json:
      return {};
    default:
      return {{"type", "string"}};
  }
}

// The value that a scalar has when JSON says nothing; null where there is none.
boost::json::value zero_of(const api::TypeRef& value) {
  switch (value.shape) {
    case api::Shape::String:
      return boost::json::string();
    case api::Shape::Bool:
      return false;
    case api::Shape::Int32:
    case api::Shape::Int64:
    case api::Shape::Double:
      return 0;
    case api::Shape::Struct:
      return object();
    default:
      return nullptr;
  }
}

void add_enum(object& schema, const api::Enum* enumeration) {
  if (enumeration == nullptr || !enumeration->closed) return;
  std::vector<std::string_view> values(enumeration->values.begin(), enumeration->values.end());
  std::ranges::sort(values);
  array entries;
  for (const std::string_view value : values) entries.emplace_back(value);
  schema["enum"] = std::move(entries);
}

object value_schema(Dialect dialect, const api::TypeRef& value);

// An element of a list or a map.
object element_schema(Dialect dialect, const api::TypeRef& element) {
  object schema = value_schema(dialect, element);
  const bool reference = schema.contains("$ref");
  // A reference has no neighbours in version 3, and a default is of no use in version 2.
  if (dialect == Dialect::V2 || (reference && element.shape != api::Shape::Struct)) return schema;
  if (reference) schema = {{"allOf", array{std::move(schema)}}};
  if (auto zero = zero_of(element); !zero.is_null()) schema["default"] = std::move(zero);
  return schema;
}

object value_schema(Dialect dialect, const api::TypeRef& value) {
  if (const auto name = schema_name(value); !name.empty()) {
    return {{"$ref", schema_reference(dialect, name)}};
  }
  if (value.shape == api::Shape::List) {
    return {{"type", "array"}, {"items", element_schema(dialect, *value.element)}};
  }
  if (value.shape == api::Shape::Map) {
    return {{"type", "object"}, {"additionalProperties", element_schema(dialect, *value.element)}};
  }
  object schema = scalar_in_place(value.shape);
  add_enum(schema, value.enumeration);
  return schema;
}

void add_limits(object& schema, const api::Constraints& limits) {
  const std::pair<std::string_view, std::int64_t> counts[] = {{"minItems", limits.min_items},
                                                              {"maxItems", limits.max_items},
                                                              {"minLength", limits.min_length},
                                                              {"maxLength", limits.max_length}};
  for (const auto& [name, limit] : counts) {
    if (limit >= 0) schema[name] = limit;
  }
  if (limits.has_minimum) schema["minimum"] = limits.minimum;
  if (limits.has_maximum) schema["maximum"] = limits.maximum;
  if (!limits.pattern.empty()) schema["pattern"] = limits.pattern;
  if (!limits.format.empty()) schema["format"] = limits.format;
}

void add_merge_rules(object& schema, const api::Field& field) {
  if (field.value.shape == api::Shape::List) {
    constexpr std::string_view kNames[] = {"atomic", "set", "map"};
    schema["x-kubernetes-list-type"] = kNames[static_cast<std::size_t>(field.list_type)];
    if (!field.list_map_keys.empty()) {
      array keys;
      for (const std::string_view key : field.list_map_keys) keys.emplace_back(key);
      schema["x-kubernetes-list-map-keys"] = std::move(keys);
    }
  } else if (field.map_type == api::MapType::Atomic &&
             (field.value.shape == api::Shape::Map || field.value.shape == api::Shape::Struct)) {
    schema["x-kubernetes-map-type"] = "atomic";
  }
  std::string strategy;
  if ((field.patch_strategy & api::kPatchMerge) != 0) strategy = "merge";
  if ((field.patch_strategy & api::kPatchRetainKeys) != 0) {
    strategy += strategy.empty() ? "retainKeys" : ",retainKeys";
  }
  if (!strategy.empty()) schema["x-kubernetes-patch-strategy"] = strategy;
  if (!field.patch_merge_key.empty()) {
    schema["x-kubernetes-patch-merge-key"] = field.patch_merge_key;
  }
}

object field_schema(Dialect dialect, const api::Field& field) {
  object schema = value_schema(dialect, field.value);
  boost::json::value fallback;
  if (!field.default_json.empty()) {
    if (auto declared = api::parse_json(field.default_json)) fallback = *std::move(declared);
  } else if (dialect == Dialect::V3 && !field.is_pointer &&
             (field.value.shape == api::Shape::Struct || !field.omitempty)) {
    fallback = zero_of(field.value);
  }
  object extra;
  if (!fallback.is_null()) extra["default"] = std::move(fallback);
  if (!field.doc.empty()) extra["description"] = field.doc;
  if (field.constraints != nullptr) add_limits(extra, *field.constraints);
  add_merge_rules(extra, field);
  if (dialect == Dialect::V3 && schema.contains("$ref") && !extra.empty()) {
    schema = {{"allOf", array{std::move(schema)}}};
  }
  for (auto& [name, value] : extra) schema[name] = std::move(value);
  return schema;
}

// The sets of fields of which at most one is set, with the field that tells which.
array unions_of(const api::Type& type) {
  std::map<std::string_view, object> unions;
  for (const api::Field& field : type.fields) {
    if (field.union_name.empty()) continue;
    object& entry = unions[field.union_name];
    if (field.union_discriminator) {
      entry["discriminator"] = field.json;
      continue;
    }
    std::string value(field.json);
    if (value.front() >= 'a' && value.front() <= 'z') {
      value.front() = static_cast<char>(value.front() - 'a' + 'A');
    }
    if (!entry.contains("fields-to-discriminateBy")) entry["fields-to-discriminateBy"] = object();
    entry["fields-to-discriminateBy"].as_object()[field.json] = value;
  }
  array result;
  for (auto& [name, entry] : unions) result.push_back(std::move(entry));
  return result;
}

// Types that belong to every group rather than to that of their package.
bool is_of_every_group(const api::Type& type) {
  return type.package == "meta/v1" && (type.name == "DeleteOptions" || type.name == "WatchEvent");
}

array kinds_of(const api::Type& type, std::span<const ServedGroup> groups) {
  array kinds;
  if (!is_of_every_group(type)) {
    const auto slash = type.api_version.find('/');
    const bool core = slash == std::string_view::npos;
    const auto group = core ? std::string_view() : type.api_version.substr(0, slash);
    const auto version = core ? type.api_version : type.api_version.substr(slash + 1);
    kinds.push_back(group_version_kind(group, version, type.name));
    return kinds;
  }
  for (const ServedGroup& group : groups) {
    for (const api::GroupVersion* version : group.versions) {
      kinds.push_back(group_version_kind(version->group, version->version, type.name));
    }
  }
  return kinds;
}

object type_schema(Dialect dialect, const api::Type& type, std::span<const ServedGroup> groups) {
  object schema;
  if (!type.doc.empty()) schema["description"] = type.doc;
  if (type.json_form != api::JsonForm::Object) {
    // These two are objects whatever is in them; the others may be any JSON value.
    if (type.name == "RawExtension" || type.name == "FieldsV1") schema["type"] = "object";
    return schema;
  }
  schema["type"] = "object";
  object properties;
  array required;
  if (type.root) {
    properties["apiVersion"] = object{{"description", kApiVersionDoc}, {"type", "string"}};
    properties["kind"] = object{{"description", kKindDoc}, {"type", "string"}};
  }
  for (const api::Field& field : type.fields) {
    properties[field.json] = field_schema(dialect, field);
    if (field.required) required.emplace_back(field.json);
  }
  if (!properties.empty()) schema["properties"] = std::move(properties);
  if (!required.empty()) schema["required"] = std::move(required);
  if ((type.root && !type.api_version.empty()) || is_of_every_group(type)) {
    schema["x-kubernetes-group-version-kind"] = kinds_of(type, groups);
  }
  if (type.map_type == api::MapType::Atomic) schema["x-kubernetes-map-type"] = "atomic";
  if (type.preserve_unknown_fields) schema["x-kubernetes-preserve-unknown-fields"] = true;
  if (auto unions = unions_of(type); !unions.empty()) {
    schema["x-kubernetes-unions"] = std::move(unions);
  }
  return schema;
}

}  // namespace

std::string schema_reference(Dialect dialect, std::string_view name) {
  std::string reference = dialect == Dialect::V2 ? "#/definitions/" : "#/components/schemas/";
  return reference.append(name);
}

object group_version_kind(std::string_view group, std::string_view version, std::string_view kind) {
  return {{"group", group}, {"kind", kind}, {"version", version}};
}

void SchemaSet::add(const api::Type& type) {
  if (!types_.emplace(type.openapi_name, &type).second) return;
  if (type.json_form != api::JsonForm::Object) return;
  for (const api::Field& field : type.fields) add(field.value);
}

void SchemaSet::add(const api::TypeRef& value) {
  if (value.element != nullptr) return add(*value.element);
  if (value.type != nullptr) return add(*value.type);
  if (const auto name = schema_name(value); !name.empty()) types_.emplace(name, nullptr);
}

object SchemaSet::schema(Dialect dialect, std::string_view name, const api::Type* type,
                         std::span<const ServedGroup> groups) {
  return type == nullptr ? scalar_schema(dialect, name) : type_schema(dialect, *type, groups);
}

}  // namespace keelson::apiserver
