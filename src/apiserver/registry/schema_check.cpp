// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/schema_check.h"

#include <algorithm>
#include <string>
#include <vector>

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

// Upstream answers a wrong operator as an invalid value, with a text that depends on the kind.
bool has_own_message(const api::Enum& enumeration) {
  return enumeration.name.ends_with("Operator");
}

void check_enum(const api::Document& value, const api::Enum& enumeration, const FieldPath& path,
                FieldErrors& errors) {
  if (!enumeration.closed || has_own_message(enumeration) || !value.is_string()) return;
  const std::string_view text = value.get_string();
  // An empty value is as one that is not set: whether it may be is for the kind to say.
  if (text.empty() || std::ranges::find(enumeration.values, text) != enumeration.values.end()) {
    return;
  }
  std::vector<std::string_view> supported;
  for (const auto known : enumeration.values) {
    if (!known.empty()) supported.push_back(known);
  }
  std::ranges::sort(supported);
  errors.not_supported(path, text, supported);
}

void check_limits(const api::Document& value, const api::Constraints& limits, const FieldPath& path,
                  FieldErrors& errors) {
  if (value.is_array()) {
    const auto count = static_cast<std::int64_t>(value.get_array().size());
    if (limits.max_items >= 0 && count > limits.max_items) {
      errors.too_many(path, count, limits.max_items);
    }
    if (limits.min_items >= 0 && count < limits.min_items) {
      errors.too_few(path, count, limits.min_items);
    }
  } else if (value.is_string()) {
    const auto length = static_cast<std::int64_t>(value.get_string().size());
    if (limits.max_length >= 0 && length > limits.max_length) {
      errors.too_long(path, limits.max_length);
    }
  } else if (value.is_int64()) {
    const std::int64_t number = value.get_int64();
    if (limits.has_minimum && static_cast<double>(number) < limits.minimum) {
      errors.invalid(path, number,
                     "must be greater than or equal to " +
                         std::to_string(static_cast<std::int64_t>(limits.minimum)));
    }
    if (limits.has_maximum && static_cast<double>(number) > limits.maximum) {
      errors.invalid(path, number,
                     "must be less than or equal to " +
                         std::to_string(static_cast<std::int64_t>(limits.maximum)));
    }
  }
}

void check_struct(const api::Document& document, const api::Type& type, const FieldPath& path,
                  FieldErrors& errors);

void check_value(const api::Document& value, const api::TypeRef& ref, const FieldPath& path,
                 FieldErrors& errors) {
  switch (ref.shape) {
    case api::Shape::String:
      if (ref.enumeration != nullptr) check_enum(value, *ref.enumeration, path, errors);
      return;
    case api::Shape::Struct:
      if (ref.type != nullptr) check_struct(value, *ref.type, path, errors);
      return;
    case api::Shape::List:
      if (!value.is_array() || ref.element == nullptr) return;
      for (std::size_t i = 0; i < value.get_array().size(); ++i) {
        const auto& element = value.get_array()[i];
        if (element.is_number()) return;  // Nothing is said about these.
        check_value(element, *ref.element, path.index(i), errors);
      }
      return;
    case api::Shape::Map:
      // Names of their own, such as labels and resources: the kind knows them.
      if (!value.is_object() || ref.element == nullptr ||
          ref.element->shape != api::Shape::Struct) {
        return;
      }
      for (const auto& [key, member] : value.get_object()) {
        check_value(member, *ref.element, path.key(key), errors);
      }
      return;
    default:
      return;
  }
}

void check_struct(const api::Document& document, const api::Type& type, const FieldPath& path,
                  FieldErrors& errors) {
  if (!document.is_object()) return;
  for (const auto& [name, value] : document.get_object()) {
    const std::string_view member(name);
    if (member == "metadata" || (type.root && member == "status")) continue;
    const api::Field* field = type.find(member);
    if (field == nullptr) continue;
    const FieldPath at = path.child(member);
    if (field->constraints != nullptr) check_limits(value, *field->constraints, at, errors);
    check_value(value, field->value, at, errors);
  }
}

}  // namespace

FieldErrors validate_by_schema(const api::Document& document, const api::Type& type) {
  FieldErrors errors;
  check_struct(document, type, {}, errors);
  return errors;
}

FieldErrors validate_by_schema(const api::Document& document) {
  const api::Type* type = api::find_root_type(api::string_at(document, {"apiVersion"}),
                                              api::string_at(document, {"kind"}));
  return type == nullptr ? FieldErrors() : validate_by_schema(document, *type);
}

}  // namespace keelson::apiserver
