// SPDX-License-Identifier: Apache-2.0
// Written from its end to its beginning, so that the length of a message is known when it is due.
// A pointer is written if it is set; all other scalars and messages always, zero or empty too.
#include <algorithm>
#include <bit>

#include "api/codec/json.h"
#include "api/codec/protobuf.h"
#include "api/codec/protobuf_layout.h"
#include "api/scalars.h"
#include "base/base64.h"
#include "base/result.h"

namespace keelson::api {
namespace {

// Bytes in reverse.
class Writer {
 public:
  std::size_t size() const { return out_.size(); }

  void bytes(std::string_view bytes) { out_.append(bytes.rbegin(), bytes.rend()); }

  void varint(std::uint64_t value) {
    char digits[10];
    std::size_t count = 0;
    for (; value >= 0x80; value >>= 7) digits[count++] = static_cast<char>(value | 0x80);
    digits[count++] = static_cast<char>(value);
    bytes({digits, count});
  }

  void tag(std::uint64_t number, Wire wire) {
    varint(number << 3 | static_cast<std::uint64_t>(wire));
  }

  void number(std::uint64_t field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(value));
    tag(field, Wire::Varint);
  }

  void text(std::uint64_t field, std::string_view value) {
    bytes(value);
    varint(value.size());
    tag(field, Wire::Bytes);
  }

  // All since `end`, which was size() then, becomes the message `field`.
  void close(std::uint64_t field, std::size_t end) {
    varint(size() - end);
    tag(field, Wire::Bytes);
  }

  std::string finish() && {
    std::ranges::reverse(out_);
    return std::move(out_);
  }

 private:
  std::string out_;
};

class Encoder {
 public:
  explicit Encoder(Writer& writer) : writer_(writer) {}

  Result<void> envelope(const Document& object) {
    const std::string_view api_version = string_at(object, {"apiVersion"});
    const std::string_view kind = string_at(object, {"kind"});
    const Type* type = find_wire_type(api_version, kind);
    if (!type) {
      return fail(Reason::NotAcceptable, "object " + std::string(kind) + " in version \"" +
                                             std::string(api_version) +
                                             "\" cannot be encoded to a protobuf message");
    }
    writer_.text(4, "");
    writer_.text(3, "");
    std::size_t end = writer_.size();
    TRY_OK(message(&object.get_object(), layout_of(*type)));
    writer_.close(2, end);
    end = writer_.size();
    writer_.text(2, kind);
    writer_.text(1, api_version);
    writer_.close(1, end);
    writer_.bytes(kProtobufMagic);
    return {};
  }

 private:
  // `members`: null if the message is empty.
  Result<void> message(const boost::json::object* members, const Layout& layout) {
    for (auto slot = layout.slots.rbegin(); slot != layout.slots.rend(); ++slot) {
      if (slot->inlined) {
        const std::size_t end = writer_.size();
        TRY_OK(message(members, *slot->inlined));
        writer_.close(slot->number, end);
        continue;
      }
      const Document* value = members ? members->if_contains(slot->field->json) : nullptr;
      if (value && value->is_null()) value = nullptr;
      TRY_OK(field(*slot->field, value));
    }
    return {};
  }

  Result<void> field(const Field& field, const Document* value) {
    name_ = field.json;
    if (!value && (field.is_pointer || field.value.shape == Shape::Bytes)) return {};
    if (field.value.shape == Shape::Map) return map(field, value);
    if (field.value.shape == Shape::List && !field.value.list_message) {
      return elements(field.number, *field.value.element, value);
    }
    return this->value(field.number, field.value, value);
  }

  Result<void> elements(std::uint64_t number, const TypeRef& type, const Document* list) {
    if (!list) return {};
    if (!list->is_array()) return misfit();
    const auto& items = list->get_array();
    for (auto item = items.rbegin(); item != items.rend(); ++item) {
      TRY_OK(value(number, type, item->is_null() ? nullptr : &*item));
    }
    return {};
  }

  Result<void> map(const Field& field, const Document* map) {
    if (!map) return {};
    if (!map->is_object()) return misfit();
    std::vector<const boost::json::key_value_pair*> entries;
    for (const auto& entry : map->get_object()) entries.push_back(&entry);
    std::ranges::sort(entries, std::ranges::greater(),
                      [](const auto* entry) { return std::string_view(entry->key()); });
    const TypeRef& type = *field.value.element;
    for (const auto* entry : entries) {
      const std::size_t end = writer_.size();
      const Document* value = entry->value().is_null() ? nullptr : &entry->value();
      if (value || type.shape != Shape::Bytes) TRY_OK(this->value(2, type, value));
      writer_.text(1, entry->key());
      writer_.close(field.number, end);
    }
    return {};
  }

  // `value`: null stands for the type's zero value.
  Result<void> value(std::uint64_t number, const TypeRef& type, const Document* value) {
    switch (type.shape) {
      case Shape::String: {
        TRY(const auto text, string(value));
        writer_.text(number, text);
        return {};
      }
      case Shape::Bool:
        if (value && !value->is_bool()) return misfit();
        writer_.number(number, value && value->get_bool());
        return {};
      case Shape::Int32:
      case Shape::Int64: {
        TRY(const auto integer, this->integer(value));
        writer_.number(number, integer);
        return {};
      }
      case Shape::Double:
        return floating(number, value);
      case Shape::Bytes: {
        TRY(const auto text, string(value));
        TRY(const auto bytes, base64_decode(text));
        writer_.text(number, bytes);
        return {};
      }
      case Shape::Time:
        return time<Time>(number, value);
      case Shape::MicroTime:
        return time<MicroTime>(number, value);
      case Shape::Duration: {
        TRY(const auto text, string(value));
        TRY(const auto duration, Duration::parse(text.empty() ? "0s" : text));
        const std::size_t end = writer_.size();
        writer_.number(1, duration.value.count());
        writer_.close(number, end);
        return {};
      }
      case Shape::Quantity: {
        TRY(const auto text, string(value));
        const std::size_t end = writer_.size();
        writer_.text(1, text.empty() ? "0" : text);
        writer_.close(number, end);
        return {};
      }
      case Shape::IntOrString:
        return int_or_string(number, value);
      case Shape::Json:
        return json(number, type, value);
      case Shape::Struct: {
        if (value && !value->is_object()) return misfit();
        const std::size_t end = writer_.size();
        TRY_OK(message(value ? &value->get_object() : nullptr, layout_of(*type.type)));
        writer_.close(number, end);
        return {};
      }
      case Shape::List: {  // A message of its own: as a field it would have been `elements`.
        const std::size_t end = writer_.size();
        TRY_OK(elements(1, *type.element, value));
        writer_.close(number, end);
        return {};
      }
      case Shape::Map:
        break;  // Protobuf has no maps in lists and maps.
    }
    return misfit();
  }

  Result<std::string_view> string(const Document* value) {
    if (!value) return std::string_view();
    if (!value->is_string()) return misfit();
    return std::string_view(value->get_string());
  }

  Result<std::int64_t> integer(const Document* value) {
    if (!value) return std::int64_t{0};
    if (const auto* number = value->if_int64()) return *number;
    if (const auto* number = value->if_uint64(); number && std::in_range<std::int64_t>(*number)) {
      return static_cast<std::int64_t>(*number);
    }
    return misfit();
  }

  Result<void> floating(std::uint64_t number, const Document* value) {
    double real = 0;
    if (value) {
      if (!value->is_number()) return misfit();
      real = value->to_number<double>();
    }
    auto bits = std::bit_cast<std::uint64_t>(real);
    char bytes[8];
    for (char& byte : bytes) {
      byte = static_cast<char>(bits);
      bits >>= 8;
    }
    writer_.bytes({bytes, sizeof(bytes)});
    writer_.tag(number, Wire::Fixed64);
    return {};
  }

  template <class T>
  Result<void> time(std::uint64_t number, const Document* value) {
    TRY(const auto text, string(value));
    const std::size_t end = writer_.size();
    if (!text.empty()) {
      TRY(const T time, T::parse(text));
      if (time.is_set()) {
        const auto seconds = std::chrono::floor<std::chrono::seconds>(time.point());
        writer_.number(2, std::chrono::nanoseconds(time.point() - seconds).count());
        writer_.number(1, seconds.time_since_epoch().count());
      }
    }
    writer_.close(number, end);
    return {};
  }

  Result<void> int_or_string(std::uint64_t number, const Document* value) {
    const bool is_string = value && value->is_string();
    const std::size_t end = writer_.size();
    if (is_string) {
      writer_.text(3, value->get_string());
      writer_.number(2, 0);
    } else {
      TRY(const auto integer, this->integer(value));
      writer_.text(3, "");
      writer_.number(2, integer);
    }
    writer_.number(1, is_string);
    writer_.close(number, end);
    return {};
  }

  Result<void> json(std::uint64_t number, const TypeRef& type, const Document* value) {
    const std::size_t end = writer_.size();
    const JsonForm form = type.type->json_form;
    if (form == JsonForm::Any || form == JsonForm::Object) {
      if (value) writer_.text(1, to_json(*value));
    } else {
      TRY_OK(schema_or(*type.type, value));
    }
    writer_.close(number, end);
    return {};
  }

  // A schema or something else, each a field of its own.
  Result<void> schema_or(const Type& type, const Document* value) {
    const Field* schema = type.find("schema");
    CHECK(schema);
    const bool is_schema = value && value->is_object();
    const auto write_schema = [&]() -> Result<void> {
      if (!is_schema) return {};
      return this->value(schema->number, schema->value, value);
    };
    if (const Field* allows = type.find("allows")) {
      TRY_OK(write_schema());
      const bool allowed = is_schema || (value && value->is_bool() && value->get_bool());
      writer_.number(allows->number, allowed);
      return {};
    }
    for (const Field& other : type.fields) {
      if (&other == schema || is_schema) continue;
      TRY_OK(elements(other.number, *other.value.element, value));
    }
    return write_schema();
  }

  // Names the field, never the value.
  std::unexpected<Status> misfit() const {
    return fail(Status::internal("the value of " + std::string(name_) +
                                 " does not fit its type and cannot be encoded to protobuf"));
  }

  Writer& writer_;
  std::string_view name_;
};

}  // namespace

Result<std::string> encode_protobuf(const Document& object) {
  Writer writer;
  TRY_OK(Encoder(writer).envelope(object));
  return std::move(writer).finish();
}

Result<std::string> encode_watch_frame(std::string_view type, const Document& object) {
  Writer writer;
  // WatchEvent { 1: type, 2: RawExtension { 1: raw } }
  TRY_OK(Encoder(writer).envelope(object));
  writer.close(1, 0);
  writer.close(2, 0);
  writer.text(1, type);
  const auto size = static_cast<std::uint32_t>(writer.size());
  const char length[] = {static_cast<char>(size >> 24), static_cast<char>(size >> 16),
                         static_cast<char>(size >> 8), static_cast<char>(size)};
  writer.bytes({length, sizeof(length)});
  return std::move(writer).finish();
}

}  // namespace keelson::api
