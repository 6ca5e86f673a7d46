// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_config.h"

#include <algorithm>
#include <optional>

#include "api/codec/json.h"
#include "api/names.h"
#include "base/base64.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::FieldErrors;
using api::FieldPath;

// Source: upstream, MaxSecretSize, for both kinds.
constexpr std::size_t kSizeMax = std::size_t{1024} * 1024;
constexpr std::string_view kImmutable = "field is immutable when `immutable` is set";
constexpr std::string_view kRedacted = "<secret contents redacted>";

const json::object& members(const api::Document& object, std::string_view name) {
  static const json::object kNone;
  const auto* found = api::find_at(object, {name});
  return found != nullptr && found->is_object() ? found->get_object() : kNone;
}

bool is_immutable(const api::Document& object) {
  const auto* immutable = api::find_at(object, {"immutable"});
  return immutable != nullptr && immutable->is_bool() && immutable->get_bool();
}

// Bytes that a base64 text stands for, without decoding it.
std::size_t decoded_size(std::string_view text) {
  const auto padding = static_cast<std::size_t>(std::ranges::count(text, '='));
  const std::size_t size = text.size() / 4 * 3;
  return size < padding ? 0 : size - padding;
}

FieldErrors validate_frozen(const api::Document& now, const api::Document& before,
                            std::initializer_list<std::string_view> fields) {
  FieldErrors errors;
  if (!is_immutable(before)) return errors;
  if (!is_immutable(now)) errors.forbidden("immutable", kImmutable);
  for (const auto field : fields) {
    if (members(now, field) != members(before, field)) errors.forbidden(field, kImmutable);
  }
  return errors;
}

// What must be there for a type; `json`: and must be a JSON document.
struct TypeRule {
  std::string_view type, key;
  bool json = false;
  bool filled = false;  // Empty is as good as missing.
};
constexpr TypeRule kTypeRules[] = {
    {"kubernetes.io/dockercfg", ".dockercfg", true},
    {"kubernetes.io/dockerconfigjson", ".dockerconfigjson", true},
    {"kubernetes.io/ssh-auth", "ssh-privatekey", false, true},
    {"kubernetes.io/tls", "tls.crt"},
    {"kubernetes.io/tls", "tls.key"},
};

// Of a base64 text that has to be a JSON object.
std::optional<std::string> find_json_error(std::string_view base64) {
  const auto text = base64_decode(base64);
  if (!text) return text.error().message();
  if (text->empty()) return "unexpected end of JSON input";
  const auto parsed = api::parse_json(*text);
  if (!parsed) return parsed.error().message();
  if (parsed->is_object() || parsed->is_null()) return std::nullopt;
  const std::string_view kind = parsed->is_array()    ? "array"
                                : parsed->is_string() ? "string"
                                : parsed->is_bool()   ? "bool"
                                                      : "number";
  return "json: cannot unmarshal " + std::string(kind) +
         " into Go value of type map[string]interface {}";
}

void validate_type(const api::Document& secret, FieldErrors& errors) {
  const FieldPath path("data");
  const auto type = api::string_at(secret, {"type"});
  const auto& data = members(secret, "data");
  for (const TypeRule& rule : kTypeRules) {
    if (rule.type != type) continue;
    const auto* value = data.if_contains(rule.key);
    const auto* text = value == nullptr ? nullptr : value->if_string();
    if (value == nullptr || (rule.filled && text != nullptr && text->empty())) {
      errors.required(path.key(rule.key));
    } else if (rule.json && text != nullptr) {
      if (const auto error = find_json_error(std::string_view(*text))) {
        errors.invalid(path.key(rule.key), kRedacted, *error);
      }
    }
  }
  if (type == "kubernetes.io/basic-auth" && !data.contains("username") &&
      !data.contains("password")) {
    errors.required(path.key("username"));
    errors.required(path.key("password"));
  }
  constexpr std::string_view kAccount = "kubernetes.io/service-account.name";
  if (type == "kubernetes.io/service-account-token" &&
      api::string_at(secret, {"metadata", "annotations", kAccount}).empty()) {
    errors.required(FieldPath("metadata").child("annotations").key(kAccount));
  }
}

void merge_string_data(api::Document& secret) {
  const auto text = members(secret, "stringData");
  for (const auto& [key, value] : text) {
    if (!value.is_string()) continue;
    api::object_at(secret, {"data"})[key] = base64_encode(value.get_string());
  }
  secret.get_object().erase("stringData");
}

}  // namespace

FieldErrors ConfigMapStrategy::validate(const api::Document& object) const {
  FieldErrors errors;
  std::size_t size = 0;
  const auto& data = members(object, "data");
  const auto& binary = members(object, "binaryData");
  for (const auto& [name, value] : data) {
    const std::string_view key(name);
    const FieldPath path = FieldPath("data").key(key);
    errors.invalid_each(path, key, api::validate_config_map_key(key));
    if (binary.contains(key)) {
      errors.invalid(path, key, "duplicate of key present in binaryData");
    }
    if (value.is_string()) size += value.get_string().size();
  }
  for (const auto& [name, value] : binary) {
    const std::string_view key(name);
    errors.invalid_each(FieldPath("binaryData").key(key), key, api::validate_config_map_key(key));
    if (value.is_string()) size += decoded_size(value.get_string());
  }
  if (size > kSizeMax) errors.too_long({}, kSizeMax);
  return errors;
}

FieldErrors ConfigMapStrategy::validate_update(const api::Document& now,
                                               const api::Document& before) const {
  FieldErrors errors = validate_frozen(now, before, {"data", "binaryData"});
  errors += validate(now);
  return errors;
}

void SecretStrategy::prepare_for_create(api::Document& object, const CallContext&) const {
  merge_string_data(object);
}

bool SecretStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                        const CallContext& call) const {
  merge_string_data(now);
  // Source: upstream, an update that leaves the type out keeps it.
  if (api::string_at(now, {"type"}).empty()) {
    if (const auto* type = api::find_at(before, {"type"})) now.get_object()["type"] = *type;
  }
  return Strategy::prepare_for_update(now, before, call);
}

FieldErrors SecretStrategy::validate(const api::Document& object) const {
  FieldErrors errors;
  std::size_t size = 0;
  for (const auto& [name, value] : members(object, "data")) {
    const std::string_view key(name);
    errors.invalid_each(FieldPath("data").key(key), key, api::validate_config_map_key(key));
    if (value.is_string()) size += decoded_size(value.get_string());
  }
  if (size > kSizeMax) errors.too_long("data", kSizeMax);
  validate_type(object, errors);
  return errors;
}

FieldErrors SecretStrategy::validate_update(const api::Document& now,
                                            const api::Document& before) const {
  FieldErrors errors;
  const auto type = api::string_at(now, {"type"});
  if (type != api::string_at(before, {"type"})) {
    errors.invalid("type", type, api::kImmutableMessage);
  }
  errors += validate_frozen(now, before, {"data"});
  errors += validate(now);
  return errors;
}

}  // namespace keelson::apiserver
