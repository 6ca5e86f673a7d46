// SPDX-License-Identifier: Apache-2.0
// A document as upstream would write it after reading it into its Go types, without those types.
// Members are checked in the order in which they stand, so that findings and the first error come
// in that order, too; then they are put into the table's order.
#include <algorithm>
#include <limits>

#include "api/codec/json.h"
#include "api/codec/json_error.h"
#include "api/scalars.h"
#include "base/base64.h"

namespace keelson::api {

namespace {

using boost::json::kind;

std::string got(const Document& value) {
  switch (value.kind()) {
    case kind::null:
      return "null";
    case kind::bool_:
      return "bool";
    case kind::string:
      return "string";
    case kind::array:
      return "array";
    case kind::object:
      return "object";
    default:
      return "number";
  }
}

std::unexpected<Status> mismatch(const Document& value, const std::string& type, const Path* path) {
  return fail(type_mismatch(got(value), type, path));
}

class Normalizer {
 public:
  Normalizer(UnknownFields unknown, NormalizeFindings& findings)
      : keep_unknown_(unknown == UnknownFields::Keep), findings_(findings) {}

  Result<void> object(Document& value, const Type& type, const Path* path) {
    if (!value.is_object()) return mismatch(value, go_type_name(type), path);
    auto& members = value.get_object();

    std::vector<Document*> found(type.fields.size());
    Document* kind_name = nullptr;
    Document* api_version = nullptr;
    std::vector<boost::json::key_value_pair*> unknown;
    for (auto& member : members) {
      const std::string_view name = member.key();
      const Field* field = type.find(name);
      const Path here{.parent = path, .name = name, .is_element = false, .struct_name = type.name};
      if (field) {
        if (!member.value().is_null()) TRY_OK(this->value(member.value(), field->value, &here));
        found[static_cast<std::size_t>(field - type.fields.data())] = &member.value();
      } else if (type.root && (name == "kind" || name == "apiVersion")) {
        Document& text = member.value();
        if (!text.is_string() && !text.is_null()) return mismatch(text, "string", &here);
        if (text.is_string() && !text.get_string().empty()) {
          (name == "kind" ? kind_name : api_version) = &text;
        }
      } else {
        if (!type.preserve_unknown_fields && findings_.unknown.size() < kFindingsMax) {
          findings_.unknown.push_back(here.text());
        }
        unknown.push_back(&member);
      }
    }

    boost::json::object result(members.storage());
    result.reserve(members.size() + 2);
    if (kind_name) result.emplace("kind", std::move(*kind_name));
    if (api_version) result.emplace("apiVersion", std::move(*api_version));
    for (std::size_t i = 0; i < found.size(); ++i) {
      TRY_OK(place(result, type.fields[i], found[i],
                   Path{.parent = path,
                        .name = type.fields[i].json,
                        .is_element = false,
                        .struct_name = type.name}));
    }
    if (keep_unknown_ || type.preserve_unknown_fields) {
      for (auto* member : unknown) result.emplace(member->key(), std::move(member->value()));
    }
    members = std::move(result);
    return {};
  }

 private:
  // Adds a field to the result, or leaves it out, or adds what it is when it was not given.
  // `value` has been normalised; null if the field was not there.
  Result<void> place(boost::json::object& result, const Field& field, Document* value,
                     const Path& path) {
    const bool given = value && !value->is_null();
    if (field.is_pointer) {
      if (given) {
        result.emplace(field.json, std::move(*value));
      } else if (!field.omitempty) {
        result.emplace(field.json, nullptr);
      }
      return {};
    }
    const bool drops = field.omitzero || field.omitempty;
    switch (field.value.shape) {
      case Shape::Struct:
      case Shape::Quantity:
      case Shape::Duration:
      case Shape::IntOrString:
        break;  // Never left out.
      case Shape::Time:
      case Shape::MicroTime:
      case Shape::Json:
        if (!given && field.omitzero) return {};
        break;
      default:
        if (drops && (!given || is_empty(*value))) return {};
    }
    Document& target = result.emplace(field.json, nullptr).first->value();
    if (given) {
      target = std::move(*value);
      return {};
    }
    return zero(target, field.value, &path);
  }

  static bool is_empty(const Document& value) {
    switch (value.kind()) {
      case kind::null:
        return true;
      case kind::bool_:
        return !value.get_bool();
      case kind::int64:
        return value.get_int64() == 0;
      case kind::uint64:
        return value.get_uint64() == 0;
      case kind::double_:
        return value.get_double() == 0;
      case kind::string:
        return value.get_string().empty();
      case kind::array:
        return value.get_array().empty();
      case kind::object:
        return value.get_object().empty();
    }
    return false;
  }

  // The value that a type has when nothing is given. `out` is null.
  Result<void> zero(Document& out, const TypeRef& type, const Path* path) {
    switch (type.shape) {
      case Shape::String:
        out.emplace_string();
        return {};
      case Shape::Bool:
        out = false;
        return {};
      case Shape::Int32:
      case Shape::Int64:
      case Shape::Double:
      case Shape::IntOrString:
        out = std::int64_t{0};
        return {};
      case Shape::Quantity:
        out = "0";
        return {};
      case Shape::Duration:
        out = "0s";
        return {};
      case Shape::Struct:
        out.emplace_object();
        return object(out, *type.type, path);
      default:
        return {};
    }
  }

  // `value` is not null.
  Result<void> value(Document& value, const TypeRef& type, const Path* path) {
    switch (type.shape) {
      case Shape::String:
        if (!value.is_string()) return mismatch(value, go_type_name(type), path);
        return {};
      case Shape::Bool:
        if (!value.is_bool()) return mismatch(value, "bool", path);
        return {};
      case Shape::Int32:
        return integer<std::int32_t>(value, "int32", path);
      case Shape::Int64:
        return integer<std::int64_t>(value, "int64", path);
      case Shape::Double:
        if (!value.is_number()) return mismatch(value, "float64", path);
        return {};
      case Shape::Bytes:
        return bytes(value, path);
      case Shape::Time:
        return parsed<Time>(value, path);
      case Shape::MicroTime:
        return parsed<MicroTime>(value, path);
      case Shape::Duration:
        return parsed<Duration>(value, path);
      case Shape::Quantity:
        return quantity(value);
      case Shape::IntOrString:
        if (value.is_string()) return {};
        return integer<std::int32_t>(value, "int32", path);
      case Shape::Json:
        return json(value, type, path);
      case Shape::Struct:
        return object(value, *type.type, path);
      case Shape::List:
        return list(value, type, path);
      case Shape::Map:
        return map(value, type, path);
    }
    return {};
  }

  // Lists and maps have no absent elements: null is the zero value.
  Result<void> element(Document& value, const TypeRef& type, const Path* path) {
    return value.is_null() ? zero(value, type, path) : this->value(value, type, path);
  }

  template <class T>
  Result<void> integer(Document& value, const std::string& type, const Path* path) {
    // Documents that code has put together hold unsigned numbers, too.
    if (const auto* positive = value.if_uint64(); positive && std::in_range<T>(*positive)) {
      value = static_cast<std::int64_t>(*positive);
    }
    const auto* number = value.if_int64();
    if (number && std::in_range<T>(*number)) return {};
    if (!value.is_number()) return mismatch(value, type, path);
    return fail(type_mismatch("number " + to_json(value), type, path));
  }

  template <class T>
  Result<void> parsed(Document& value, const Path* path) {
    if (!value.is_string()) return mismatch(value, "string", path);
    TRY(const auto scalar, T::parse(std::string_view(value.get_string())));
    const std::string text = scalar.text();
    if (text.empty()) {
      value = nullptr;
    } else {
      value.get_string() = text;
    }
    return {};
  }

  Result<void> quantity(Document& value) {
    std::string text = value.is_string() ? std::string(value.get_string()) : to_json(value);
    const auto begin = text.find_first_not_of(" \t\r\n");
    const auto end = text.find_last_not_of(" \t\r\n");
    text = begin == std::string::npos ? std::string() : text.substr(begin, end - begin + 1);
    TRY(const auto quantity, Quantity::parse(text));
    value.emplace_string() = quantity.text();
    return {};
  }

  Result<void> bytes(Document& value, const Path* path) {
    if (!value.is_string()) return mismatch(value, "[]uint8", path);
    TRY(const auto decoded, base64_decode(value.get_string()));
    // Line breaks are the only thing that can differ.
    if (value.get_string().find_first_of("\r\n") != boost::json::string::npos) {
      value.get_string() = base64_encode(decoded);
    }
    return {};
  }

  Result<void> json(Document& value, const TypeRef& type, const Path* path) {
    const JsonForm form = type.type ? type.type->json_form : JsonForm::Any;
    if (form == JsonForm::Any || form == JsonForm::Object) return {};
    const Field* schema = type.type->find("schema");
    CHECK(schema && schema->value.type);
    if (value.is_object()) return object(value, *schema->value.type, path);
    if (form == JsonForm::SchemaOrBool) {
      if (value.is_bool()) return {};
      return fail(Status::bad_request("boolean or JSON schema expected"));
    }
    if (!value.is_array()) {
      return fail(Status::bad_request(form == JsonForm::SchemaOrArray
                                          ? "array or JSON schema expected"
                                          : "array of strings or JSON schema expected"));
    }
    std::size_t index = 0;
    for (Document& item : value.get_array()) {
      const Path here{.parent = path, .name = {}, .index = index++};
      if (form == JsonForm::SchemaOrArray) {
        TRY_OK(object(item, *schema->value.type, &here));
      } else if (!item.is_string()) {
        return mismatch(item, "string", &here);
      }
    }
    return {};
  }

  Result<void> list(Document& value, const TypeRef& type, const Path* path) {
    if (!value.is_array()) return mismatch(value, go_type_name(type), path);
    std::size_t index = 0;
    for (Document& item : value.get_array()) {
      const Path here{.parent = path, .name = {}, .index = index++};
      TRY_OK(element(item, *type.element, &here));
    }
    return {};
  }

  Result<void> map(Document& value, const TypeRef& type, const Path* path) {
    if (!value.is_object()) return mismatch(value, go_type_name(type), path);
    auto& members = value.get_object();
    bool sorted = true;
    std::string_view before;
    for (auto& member : members) {
      sorted = sorted && before <= std::string_view(member.key());
      before = member.key();
      const Path here{.parent = path, .name = member.key(), .is_element = false};
      TRY_OK(element(member.value(), *type.element, &here));
    }
    if (sorted) return {};
    std::vector<boost::json::key_value_pair*> order;
    for (auto& member : members) order.push_back(&member);
    std::ranges::sort(order, {},
                      [](const auto* member) { return std::string_view(member->key()); });
    boost::json::object result(members.storage());
    result.reserve(members.size());
    for (auto* member : order) result.emplace(member->key(), std::move(member->value()));
    members = std::move(result);
    return {};
  }

  bool keep_unknown_;
  NormalizeFindings& findings_;
};

}  // namespace

Result<NormalizeFindings> normalize(Document& document, const Type& type, UnknownFields unknown) {
  NormalizeFindings findings;
  TRY_OK(Normalizer(unknown, findings).object(document, type, nullptr));
  return findings;
}

}  // namespace keelson::api
