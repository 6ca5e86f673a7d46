// SPDX-License-Identifier: Apache-2.0
// Documents and text to structs. One walk over the tables serves both sources, each of which is a
// cursor on one value.
#include <limits>

#include "api/codec/json.h"
#include "api/codec/json_error.h"
#include "api/codec/json_reader.h"
#include "api/scalars.h"
#include "base/base64.h"

namespace keelson::api {

namespace {

using Kind = JsonReader::Kind;

class DocumentCursor {
 public:
  explicit DocumentCursor(const Document& document) : value_(&document) {}

  Kind kind() const {
    switch (value_->kind()) {
      case boost::json::kind::null:
        return Kind::Null;
      case boost::json::kind::bool_:
        return Kind::Bool;
      case boost::json::kind::string:
        return Kind::String;
      case boost::json::kind::array:
        return Kind::Array;
      case boost::json::kind::object:
        return Kind::Object;
      default:
        return Kind::Number;
    }
  }
  void take_null() {}
  bool take_bool() { return value_->get_bool(); }
  std::string_view take_string() { return value_->get_string(); }
  JsonNumber take_number() {
    JsonNumber number;
    if (const auto* int64 = value_->if_int64()) {
      number.int64 = *int64;
    } else if (const auto* uint64 = value_->if_uint64()) {
      number.kind = JsonNumber::Kind::Uint64;
      number.uint64 = *uint64;
    } else {
      number.kind = JsonNumber::Kind::Double;
      number.number = value_->get_double();
    }
    return number;
  }
  std::string take_text() { return to_json(*value_); }
  void skip() {}

  template <class Visit>
  Result<void> members(Visit visit) {
    for (const auto& [key, value] : value_->get_object()) {
      DocumentCursor member(value);
      TRY_OK(visit(std::string_view(key), member));
    }
    return {};
  }
  template <class Visit>
  Result<void> elements(Visit visit) {
    for (const auto& value : value_->get_array()) {
      DocumentCursor element(value);
      TRY_OK(visit(element));
    }
    return {};
  }
  Result<void> state() const { return {}; }

 private:
  const Document* value_;
};

class TextCursor {
 public:
  explicit TextCursor(JsonReader& reader) : reader_(&reader) {}

  Kind kind() { return reader_->peek(); }
  void take_null() { reader_->take_null(); }
  bool take_bool() { return reader_->take_bool(); }
  std::string_view take_string() { return reader_->take_string(); }
  JsonNumber take_number() { return reader_->take_number(); }
  std::string take_text() { return compact(reader_->skip_value()); }
  void skip() { reader_->skip_value(); }

  template <class Visit>
  Result<void> members(Visit visit) {
    reader_->enter_object();
    bool first = true;
    for (std::string_view key; reader_->next_member(first, key);) TRY_OK(visit(key, *this));
    return state();
  }
  template <class Visit>
  Result<void> elements(Visit visit) {
    reader_->enter_array();
    bool first = true;
    while (reader_->next_element(first)) TRY_OK(visit(*this));
    return state();
  }
  Result<void> state() const {
    if (reader_->failed()) return reader_->error();
    return {};
  }

 private:
  // Without white space between values.
  static std::string compact(std::string_view json) {
    std::string out;
    out.reserve(json.size());
    bool in_string = false;
    for (std::size_t i = 0; i < json.size(); ++i) {
      const char c = json[i];
      if (in_string) {
        out += c;
        if (c == '\\') {
          out += json[++i];
        } else if (c == '"') {
          in_string = false;
        }
      } else if (c != ' ' && c != '\n' && c != '\t' && c != '\r') {
        out += c;
        in_string = c == '"';
      }
    }
    return out;
  }

  JsonReader* reader_;
};

std::string number_text(const JsonNumber& number) {
  switch (number.kind) {
    case JsonNumber::Kind::Int64:
      return std::to_string(number.int64);
    case JsonNumber::Kind::Uint64:
      return std::to_string(number.uint64);
    case JsonNumber::Kind::Double:
      break;
  }
  std::string out;
  append_json_number(out, number.number);
  return out;
}

template <class Cursor>
class Decoder {
 public:
  Result<void> object(Cursor& in, const Type& type, void* out, const Path* path) {
    if (const Kind kind = in.kind(); kind == Kind::Null) {
      in.take_null();
      return in.state();
    } else if (kind != Kind::Object) {
      return mismatch(in, go_type_name(type), path);
    }
    return in.members([&](std::string_view key, Cursor& member) -> Result<void> {
      const Field* field = type.find(key);
      if (!field) {
        member.skip();
        return member.state();
      }
      const Path here{.parent = path, .name = field->json, .struct_name = type.name};
      void* memory = static_cast<std::byte*>(out) + field->offset;
      if (field->pointer) {
        if (member.kind() == Kind::Null) {
          member.take_null();
          field->pointer->reset(memory);
          return member.state();
        }
        memory = field->pointer->emplace(memory);
      }
      return value(member, field->value, memory, &here);
    });
  }

 private:
  std::unexpected<Status> mismatch(Cursor& in, const std::string& go_type, const Path* path) {
    std::string_view got;
    switch (in.kind()) {
      case Kind::None:
        break;
      case Kind::Null:
        got = "null";
        break;
      case Kind::Bool:
        got = "bool";
        break;
      case Kind::String:
        got = "string";
        break;
      case Kind::Array:
        got = "array";
        break;
      case Kind::Object:
        got = "object";
        break;
      case Kind::Number:
        got = "number";
        break;
    }
    if (auto state = in.state(); !state) return fail(std::move(state).error());
    return fail(type_mismatch(got, go_type, path));
  }

  template <class T>
  static T& as(void* memory) {
    return *static_cast<T*>(memory);
  }

  // A whole number that fits T.
  template <class T>
  Result<void> integer(Cursor& in, T& out, const std::string& go_type, const Path* path) {
    if (in.kind() != Kind::Number) return mismatch(in, go_type, path);
    const JsonNumber number = in.take_number();
    if (number.kind != JsonNumber::Kind::Int64 || !std::in_range<T>(number.int64)) {
      TRY_OK(in.state());
      return fail(type_mismatch("number " + number_text(number), go_type, path));
    }
    out = static_cast<T>(number.int64);
    return in.state();
  }

  Result<void> real(Cursor& in, double& out, const Path* path) {
    if (in.kind() != Kind::Number) return mismatch(in, "float64", path);
    const JsonNumber number = in.take_number();
    switch (number.kind) {
      case JsonNumber::Kind::Int64:
        out = static_cast<double>(number.int64);
        break;
      case JsonNumber::Kind::Uint64:
        out = static_cast<double>(number.uint64);
        break;
      case JsonNumber::Kind::Double:
        out = number.number;
        break;
    }
    return in.state();
  }

  // A scalar that is a string in JSON and reads itself with T::parse.
  template <class T>
  Result<void> parsed(Cursor& in, T& out, const Path* path) {
    if (in.kind() != Kind::String) return mismatch(in, "string", path);
    const std::string_view text = in.take_string();
    TRY_OK(in.state());
    TRY(out, T::parse(text));
    return {};
  }

  Result<void> quantity(Cursor& in, Quantity& out) {
    // Numbers and even other values are read as text, spaces around it ignored.
    std::string text = in.kind() == Kind::String ? std::string(in.take_string()) : in.take_text();
    TRY_OK(in.state());
    const auto begin = text.find_first_not_of(" \t\r\n");
    const auto end = text.find_last_not_of(" \t\r\n");
    text = begin == std::string::npos ? std::string() : text.substr(begin, end - begin + 1);
    TRY(out, Quantity::parse(text));
    return {};
  }

  Result<void> value(Cursor& in, const TypeRef& type, void* out, const Path* path) {
    const Kind kind = in.kind();
    if (kind == Kind::Null && type.shape != Shape::Json) {
      in.take_null();
      return in.state();
    }
    switch (type.shape) {
      case Shape::String:
        if (kind != Kind::String) return mismatch(in, go_type_name(type), path);
        as<std::string>(out) = in.take_string();
        return in.state();
      case Shape::Bool:
        if (kind != Kind::Bool) return mismatch(in, "bool", path);
        as<bool>(out) = in.take_bool();
        return in.state();
      case Shape::Int32:
        return integer(in, as<std::int32_t>(out), "int32", path);
      case Shape::Int64:
        return integer(in, as<std::int64_t>(out), "int64", path);
      case Shape::Double:
        return real(in, as<double>(out), path);
      case Shape::Bytes: {
        if (kind != Kind::String) return mismatch(in, "[]uint8", path);
        const std::string_view text = in.take_string();
        TRY_OK(in.state());
        TRY(auto bytes, base64_decode(text));
        as<Bytes>(out) = Bytes(std::move(bytes));
        return {};
      }
      case Shape::Time:
        return parsed(in, as<Time>(out), path);
      case Shape::MicroTime:
        return parsed(in, as<MicroTime>(out), path);
      case Shape::Duration:
        return parsed(in, as<Duration>(out), path);
      case Shape::Quantity:
        return quantity(in, as<Quantity>(out));
      case Shape::IntOrString: {
        auto& target = as<IntOrString>(out);
        if (kind == Kind::String) {
          target = IntOrString(std::string(in.take_string()));
          return in.state();
        }
        std::int32_t number = 0;
        TRY_OK(integer(in, number, "int32", path));
        target = IntOrString(number);
        return {};
      }
      case Shape::Json: {
        std::string text = in.take_text();
        as<RawJson>(out).text = text == "null" ? std::string() : std::move(text);
        return in.state();
      }
      case Shape::Struct:
        return object(in, *type.type, out, path);
      case Shape::List: {
        if (kind != Kind::Array) return mismatch(in, go_type_name(type), path);
        type.list->clear(out);
        std::size_t index = 0;
        return in.elements([&](Cursor& element) {
          const Path here{.parent = path, .name = {}, .index = index++};
          return value(element, *type.element, type.list->append(out), &here);
        });
      }
      case Shape::Map: {
        if (kind != Kind::Object) return mismatch(in, go_type_name(type), path);
        return in.members([&](std::string_view key, Cursor& member) {
          void* target = type.map->insert(out, key);
          const Path here{.parent = path, .name = "", .is_element = false};
          return value(member, *type.element, target, &here);
        });
      }
    }
    return {};
  }
};

}  // namespace

Result<void> decode(const Document& document, const Type& type, void* out) {
  DocumentCursor cursor(document);
  return Decoder<DocumentCursor>().object(cursor, type, out, nullptr);
}

Result<void> decode_json(const Type& type, std::string_view text, void* out) {
  JsonReader reader(text, kJsonDepthMax);
  TextCursor cursor(reader);
  TRY_OK(Decoder<TextCursor>().object(cursor, type, out, nullptr));
  reader.finish();
  if (reader.failed()) return reader.error();
  return {};
}

}  // namespace keelson::api
