// SPDX-License-Identifier: Apache-2.0
#include "apiserver/openapi/gnostic.h"

#include <bit>
#include <cstdint>
#include <utility>

#include "api/codec/json.h"

namespace keelson::apiserver {
namespace {

using boost::json::object;
using boost::json::value;

// Appends fields of a message. Empty texts, false and 0 are what proto3 leaves out.
class Message {
 public:
  void text(std::uint32_t number, std::string_view content) {
    if (!content.empty()) bytes(number, content);
  }
  // Also when it is empty: an element of a list, a message that is there.
  void bytes(std::uint32_t number, std::string_view content) {
    varint(number << 3U | 2U);
    varint(content.size());
    out_.append(content);
  }
  void message(std::uint32_t number, const Message& inner) { bytes(number, inner.out_); }
  void flag(std::uint32_t number, bool set) {
    if (!set) return;
    varint(number << 3U);
    varint(1);
  }
  void integer(std::uint32_t number, std::int64_t content) {
    if (content == 0) return;
    varint(number << 3U);
    varint(static_cast<std::uint64_t>(content));
  }
  void real(std::uint32_t number, double content) {
    if (content == 0) return;
    varint(number << 3U | 1U);
    auto bits = std::bit_cast<std::uint64_t>(content);
    for (int i = 0; i < 8; ++i, bits >>= 8U) out_.push_back(static_cast<char>(bits & 0xffU));
  }

  std::string take() && { return std::move(out_); }

 private:
  void varint(std::uint64_t number) {
    while (number >= 0x80U) {
      out_.push_back(static_cast<char>((number & 0x7fU) | 0x80U));
      number >>= 7U;
    }
    out_.push_back(static_cast<char>(number));
  }

  std::string out_;
};

std::string_view string_of(const object& from, std::string_view name) {
  const value* found = from.if_contains(name);
  return found != nullptr && found->is_string() ? std::string_view(found->as_string())
                                                : std::string_view();
}

bool bool_of(const object& from, std::string_view name) {
  const value* found = from.if_contains(name);
  return found != nullptr && found->is_bool() && found->as_bool();
}

void texts(Message& out, std::uint32_t number, const object& from, std::string_view name) {
  const value* found = from.if_contains(name);
  if (found == nullptr || !found->is_array()) return;
  for (const value& element : found->as_array()) out.bytes(number, element.as_string());
}

// Any {yaml = 2}: compact JSON is YAML, too.
Message any(const value& content) {
  Message out;
  out.text(2, api::to_json(content));
  return out;
}

template <class Content>
Message named(std::string_view name, const Content& content) {
  Message out;
  out.text(1, name);
  out.message(2, content);
  return out;
}

// Members "x-...", as NamedAny.
void extensions(Message& out, std::uint32_t number, const object& from) {
  for (const auto& [name, content] : from) {
    if (name.starts_with("x-")) out.message(number, named(name, any(content)));
  }
}

Message schema_message(const object& schema);

// AdditionalPropertiesItem {schema = 1, boolean = 2}
Message additional_properties(const value& content) {
  Message out;
  if (content.is_object()) {
    out.message(1, schema_message(content.as_object()));
  } else {
    out.flag(2, content.is_bool() && content.as_bool());
  }
  return out;
}

void limits(Message& out, const object& schema) {
  constexpr std::pair<std::string_view, std::uint32_t> kReals[] = {{"maximum", 7}, {"minimum", 9}};
  for (const auto& [name, number] : kReals) {
    if (const value* found = schema.if_contains(name)) {
      out.real(number, found->to_number<double>());
    }
  }
  constexpr std::pair<std::string_view, std::uint32_t> kCounts[] = {
      {"maxLength", 11}, {"minLength", 12}, {"maxItems", 14}, {"minItems", 15}};
  for (const auto& [name, number] : kCounts) {
    if (const value* found = schema.if_contains(name)) {
      out.integer(number, found->to_number<std::int64_t>());
    }
  }
}

Message schema_message(const object& schema) {
  Message out;
  out.text(1, string_of(schema, "$ref"));
  out.text(2, string_of(schema, "format"));
  out.text(4, string_of(schema, "description"));
  if (const value* found = schema.if_contains("default")) out.message(5, any(*found));
  limits(out, schema);
  out.text(13, string_of(schema, "pattern"));
  texts(out, 19, schema, "required");
  if (const value* found = schema.if_contains("enum")) {
    for (const value& element : found->as_array()) out.message(20, any(element));
  }
  if (const value* found = schema.if_contains("additionalProperties")) {
    out.message(21, additional_properties(*found));
  }
  if (const auto type = string_of(schema, "type"); !type.empty()) {
    Message item;  // TypeItem {repeated value = 1}
    item.text(1, type);
    out.message(22, item);
  }
  if (const value* found = schema.if_contains("items")) {
    Message item;  // ItemsItem {repeated schema = 1}
    item.message(1, schema_message(found->as_object()));
    out.message(23, item);
  }
  if (const value* found = schema.if_contains("properties")) {
    Message properties;  // Properties {repeated NamedSchema additional_properties = 1}
    for (const auto& [name, property] : found->as_object()) {
      properties.message(1, named(name, schema_message(property.as_object())));
    }
    out.message(25, properties);
  }
  extensions(out, 31, schema);
  return out;
}

// Parameter {body_parameter = 1, non_body_parameter = 2}
Message parameter_message(const object& parameter) {
  Message out;
  const auto in = string_of(parameter, "in");
  if (in == "body") {
    Message body;
    body.text(1, string_of(parameter, "description"));
    body.text(2, string_of(parameter, "name"));
    body.text(3, in);
    body.flag(4, bool_of(parameter, "required"));
    if (const value* found = parameter.if_contains("schema")) {
      body.message(5, schema_message(found->as_object()));
    }
    out.message(1, body);
    return out;
  }
  // Of a query and of a path the messages differ by one field before the type.
  const bool query = in == "query";
  Message sub;
  sub.flag(1, bool_of(parameter, "required"));
  sub.text(2, in);
  sub.text(3, string_of(parameter, "description"));
  sub.text(4, string_of(parameter, "name"));
  sub.text(query ? 6 : 5, string_of(parameter, "type"));
  sub.flag(query ? 20 : 19, bool_of(parameter, "uniqueItems"));
  Message non_body;  // NonBodyParameter {query_... = 3, path_... = 4}
  non_body.message(query ? 3 : 4, sub);
  out.message(2, non_body);
  return out;
}

void parameters(Message& out, std::uint32_t number, const object& from) {
  const value* found = from.if_contains("parameters");
  if (found == nullptr) return;
  for (const value& element : found->as_array()) {
    Message item;  // ParametersItem {parameter = 1, json_reference = 2}
    if (const auto reference = string_of(element.as_object(), "$ref"); !reference.empty()) {
      Message target;
      target.text(1, reference);
      item.message(2, target);
    } else {
      item.message(1, parameter_message(element.as_object()));
    }
    out.message(number, item);
  }
}

// Responses {repeated NamedResponseValue response_code = 1}
Message responses_message(const object& responses) {
  Message out;
  for (const auto& [code, response] : responses) {
    Message content;  // Response {description = 1, schema = 2}
    content.text(1, string_of(response.as_object(), "description"));
    if (const value* found = response.as_object().if_contains("schema")) {
      Message item;  // SchemaItem {schema = 1}
      item.message(1, schema_message(found->as_object()));
      content.message(2, item);
    }
    Message choice;  // ResponseValue {response = 1}
    choice.message(1, content);
    out.message(1, named(code, choice));
  }
  return out;
}

Message operation_message(const object& operation) {
  Message out;
  texts(out, 1, operation, "tags");
  out.text(3, string_of(operation, "description"));
  out.text(5, string_of(operation, "operationId"));
  texts(out, 6, operation, "produces");
  texts(out, 7, operation, "consumes");
  parameters(out, 8, operation);
  if (const value* found = operation.if_contains("responses")) {
    out.message(9, responses_message(found->as_object()));
  }
  texts(out, 10, operation, "schemes");
  extensions(out, 13, operation);
  return out;
}

}  // namespace

GnosticWriter::GnosticWriter(const object& head) {
  Message out;
  out.text(1, string_of(head, "swagger"));
  if (const value* info = head.if_contains("info")) {
    Message message;
    message.text(1, string_of(info->as_object(), "title"));
    message.text(2, string_of(info->as_object(), "version"));
    out.message(2, message);
  }
  if (const value* security = head.if_contains("security")) {
    for (const value& requirement : security->as_array()) {
      Message message;  // SecurityRequirement {repeated NamedStringArray = 1}
      for (const auto& [name, scopes] : requirement.as_object()) {
        Message list;
        for (const value& scope : scopes.as_array()) list.bytes(1, scope.as_string());
        message.message(1, named(name, list));
      }
      out.message(12, message);
    }
  }
  if (const value* definitions = head.if_contains("securityDefinitions")) {
    Message message;  // SecurityDefinitions {repeated NamedSecurityDefinitionsItem = 1}
    for (const auto& [name, definition] : definitions->as_object()) {
      Message key;  // ApiKeySecurity
      key.text(1, string_of(definition.as_object(), "type"));
      key.text(2, string_of(definition.as_object(), "name"));
      key.text(3, string_of(definition.as_object(), "in"));
      key.text(4, string_of(definition.as_object(), "description"));
      Message item;  // SecurityDefinitionsItem {api_key_security = 2}
      item.message(2, key);
      message.message(1, named(name, item));
    }
    out.message(13, message);
  }
  head_ = std::move(out).take();
}

void GnosticWriter::add_path(std::string_view path, const object& item) {
  constexpr std::pair<std::string_view, std::uint32_t> kMethods[] = {
      {"get", 2},     {"put", 3},  {"post", 4}, {"delete", 5},
      {"options", 6}, {"head", 7}, {"patch", 8}};
  Message message;
  for (const auto& [method, number] : kMethods) {
    if (const value* operation = item.if_contains(method)) {
      message.message(number, operation_message(operation->as_object()));
    }
  }
  parameters(message, 9, item);
  Message paths;  // Paths {repeated NamedPathItem path = 2}
  paths.message(2, named(path, message));
  paths_ += std::move(paths).take();
}

void GnosticWriter::add_definition(std::string_view name, const object& schema) {
  Message definitions;  // Definitions {repeated NamedSchema additional_properties = 1}
  definitions.message(1, named(name, schema_message(schema)));
  definitions_ += std::move(definitions).take();
}

void GnosticWriter::add_parameter(std::string_view name, const object& parameter) {
  Message parameters;  // ParameterDefinitions {repeated NamedParameter additional_properties = 1}
  parameters.message(1, named(name, parameter_message(parameter)));
  parameters_ += std::move(parameters).take();
}

std::string GnosticWriter::finish() && {
  Message rest;
  rest.bytes(8, std::exchange(paths_, {}));
  rest.bytes(9, std::exchange(definitions_, {}));
  rest.bytes(10, std::exchange(parameters_, {}));
  return std::move(head_) + std::move(rest).take();
}

}  // namespace keelson::apiserver
