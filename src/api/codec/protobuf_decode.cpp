// SPDX-License-Identifier: Apache-2.0
// Everything in the input is suspect: lengths are checked before use, nesting is counted, and what
// no table knows is skipped.
#include <bit>
#include <cmath>
#include <optional>
#include <utility>

#include "api/codec/json.h"
#include "api/codec/protobuf.h"
#include "api/codec/protobuf_layout.h"
#include "api/scalars.h"
#include "api/utf8.h"
#include "base/base64.h"
#include "base/result.h"

namespace keelson::api {
namespace {

std::unexpected<Status> unexpected_end() { return fail(Status::bad_request("unexpected EOF")); }

struct Tag {
  std::uint64_t number;
  Wire wire;
};

class Reader {
 public:
  explicit Reader(std::string_view bytes) : rest_(bytes) {}

  bool done() const { return rest_.empty(); }

  Result<std::uint64_t> varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) return unexpected_end();
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    return fail(Status::bad_request("proto: integer overflow"));
  }

  Result<Tag> tag() {
    TRY(const auto key, varint());
    const Tag tag{key >> 3, static_cast<Wire>(key & 7)};
    if (tag.number == 0 || tag.number > 0x1fff'ffff) {
      return fail(Status::bad_request("proto: illegal tag " + std::to_string(tag.number) +
                                      " (wire type " + std::to_string(key & 7) + ")"));
    }
    return tag;
  }

  Result<std::string_view> take(std::uint64_t size) {
    if (size > rest_.size()) return unexpected_end();
    const std::string_view bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }

  Result<std::string_view> bytes() {
    TRY(const auto size, varint());
    return take(size);
  }

  Result<std::uint64_t> fixed64() {
    TRY(const auto bytes, take(8));
    std::uint64_t value = 0;
    for (std::size_t i = 8; i-- > 0;) value = value << 8 | static_cast<unsigned char>(bytes[i]);
    return value;
  }

  // Groups, which no Kubernetes type has ever had, are refused.
  Result<void> skip(Wire wire) {
    switch (wire) {
      case Wire::Varint:
        TRY_OK(varint());
        return {};
      case Wire::Fixed64:
        TRY_OK(take(8));
        return {};
      case Wire::Bytes:
        TRY_OK(bytes());
        return {};
      case Wire::Fixed32:
        TRY_OK(take(4));
        return {};
    }
    return fail(
        Status::bad_request("proto: illegal wireType " + std::to_string(std::to_underlying(wire))));
  }

 private:
  std::string_view rest_;
};

// The fields 1 to 4 of a small message that has no table.
struct Scalars {
  std::int64_t numbers[5] = {};
  std::optional<std::string_view> texts[5];
};

Result<Scalars> read_scalars(std::string_view bytes) {
  Scalars out;
  Reader reader(bytes);
  while (!reader.done()) {
    TRY(const Tag tag, reader.tag());
    if (tag.number < 5 && tag.wire == Wire::Varint) {
      TRY(const auto number, reader.varint());
      out.numbers[tag.number] = static_cast<std::int64_t>(number);
    } else if (tag.number < 5 && tag.wire == Wire::Bytes) {
      TRY(out.texts[tag.number], reader.bytes());
    } else {
      TRY_OK(reader.skip(tag.wire));
    }
  }
  return out;
}

class Decoder {
 public:
  // `depth`: of the object in the outermost document; the outermost itself has 1.
  Result<void> envelope(std::string_view bytes, Document& out, int depth) {
    TRY_OK(check_depth(depth));
    TRY(const Envelope envelope, open(bytes));
    auto& object = out.emplace_object();
    object.emplace("apiVersion", envelope.api_version);
    object.emplace("kind", envelope.kind);
    return message(envelope.raw, layout_of(*envelope.type), object, depth);
  }

 private:
  struct Envelope {
    std::string_view api_version, kind, raw;
    const Type* type;
  };

  static Result<Envelope> open(std::string_view bytes) {
    bytes.remove_prefix(kProtobufMagic.size());
    TRY(const Scalars unknown, read_scalars(bytes));
    TRY(const Scalars type_meta, read_scalars(unknown.texts[1].value_or("")));
    const std::string_view api_version = type_meta.texts[1].value_or("");
    const std::string_view kind = type_meta.texts[2].value_or("");
    if (kind.empty()) return fail(Status::bad_request("Object 'Kind' is missing"));
    if (api_version.empty()) return fail(Status::bad_request("Object 'apiVersion' is missing"));
    if (!is_utf8(kind) || !is_utf8(api_version)) return invalid_utf8("typeMeta");
    const Type* type = find_wire_type(api_version, kind);
    if (!type) {
      return fail(Status::bad_request("no kind \"" + std::string(kind) +
                                      "\" is registered for version \"" + std::string(api_version) +
                                      "\""));
    }
    return Envelope{api_version, kind, unknown.texts[2].value_or(""), type};
  }

  static Result<void> check_depth(int depth) {
    if (depth <= kProtobufDepthMax) return {};
    return fail(Status::bad_request("exceeded max depth"));
  }

  static std::unexpected<Status> invalid_utf8(std::string_view field) {
    return fail(
        Status::bad_request("proto: field " + std::string(field) + " contains invalid UTF-8"));
  }

  // `depth`: of `out`.
  Result<void> message(std::string_view bytes, const Layout& layout, boost::json::object& out,
                       int depth) {
    Reader reader(bytes);
    while (!reader.done()) {
      TRY(const Tag tag, reader.tag());
      const Slot* slot = layout.find(tag.number);
      if (!slot) {
        TRY_OK(reader.skip(tag.wire));
      } else if (slot->inlined) {
        TRY_OK(expect(tag.wire, Wire::Bytes, "of an inlined message"));
        TRY(const auto inner, reader.bytes());
        TRY_OK(message(inner, *slot->inlined, out, depth));
      } else {
        TRY_OK(field(*slot->field, tag.wire, reader, out, depth));
      }
    }
    return {};
  }

  Result<void> field(const Field& field, Wire wire, Reader& reader, boost::json::object& out,
                     int depth) {
    const TypeRef& type = field.value;
    Document& target = out[field.json];
    if (type.shape == Shape::Map) {
      TRY_OK(expect(wire, Wire::Bytes, field.json));
      TRY(const auto entry, reader.bytes());
      TRY_OK(check_depth(depth + 1));
      if (!target.is_object()) target.emplace_object();
      return map_entry(entry, *type.element, target.get_object(), field.json, depth + 1);
    }
    if (type.shape != Shape::List || type.list_message) {
      return value(type, wire, reader, target, field.json, depth + 1);
    }
    TRY_OK(check_depth(depth + 1));
    if (!target.is_array()) target.emplace_array();
    return element(*type.element, wire, reader, target.get_array(), field.json, depth + 1);
  }

  // `depth`: of the list.
  Result<void> element(const TypeRef& type, Wire wire, Reader& reader, boost::json::array& list,
                       std::string_view name, int depth) {
    const Wire own = wire_of(type);
    if (own == Wire::Bytes || wire != Wire::Bytes) {
      return value(type, wire, reader, list.emplace_back(nullptr), name, depth + 1);
    }
    // Numbers may come packed into one string of bytes.
    TRY(const auto packed, reader.bytes());
    Reader numbers(packed);
    while (!numbers.done()) {
      TRY_OK(value(type, own, numbers, list.emplace_back(nullptr), name, depth + 1));
    }
    return {};
  }

  // `depth`: of the map.
  Result<void> map_entry(std::string_view bytes, const TypeRef& type, boost::json::object& map,
                         std::string_view name, int depth) {
    std::string_view key;
    Document decoded;
    bool has_value = false;
    Reader reader(bytes);
    while (!reader.done()) {
      TRY(const Tag tag, reader.tag());
      if (tag.number == 1) {
        TRY_OK(expect(tag.wire, Wire::Bytes, name));
        TRY(key, reader.bytes());
        if (!is_utf8(key)) return invalid_utf8(name);
      } else if (tag.number == 2) {
        TRY_OK(value(type, tag.wire, reader, decoded, name, depth + 1));
        has_value = true;
      } else {
        TRY_OK(reader.skip(tag.wire));
      }
    }
    // Other types are null then, which is their zero value.
    if (!has_value && type.shape == Shape::Struct) decoded.emplace_object();
    map[key] = std::move(decoded);
    return {};
  }

  static Wire wire_of(const TypeRef& type) {
    switch (type.shape) {
      case Shape::Bool:
      case Shape::Int32:
      case Shape::Int64:
        return Wire::Varint;
      case Shape::Double:
        return Wire::Fixed64;
      default:
        return Wire::Bytes;
    }
  }

  static Result<void> expect(Wire wire, Wire expected, std::string_view name) {
    if (wire == expected) return {};
    return fail(
        Status::bad_request("proto: wrong wireType = " + std::to_string(std::to_underlying(wire)) +
                            " for field " + std::string(name)));
  }

  // `depth`: of `out`, should it hold members. A message that comes twice is merged.
  Result<void> value(const TypeRef& type, Wire wire, Reader& reader, Document& out,
                     std::string_view name, int depth) {
    TRY_OK(expect(wire, wire_of(type), name));
    if (wire != Wire::Bytes) return number(type, reader, out, name);
    TRY(const auto bytes, reader.bytes());
    switch (type.shape) {
      case Shape::Json:
        return json(bytes, type, out, depth);
      case Shape::Struct:
        TRY_OK(check_depth(depth));
        if (!out.is_object()) out.emplace_object();
        return message(bytes, layout_of(*type.type), out.get_object(), depth);
      case Shape::List:
        return list_message(bytes, type, out, name, depth);
      default:
        return scalar(bytes, type, out, name);
    }
  }

  static Result<void> number(const TypeRef& type, Reader& reader, Document& out,
                             std::string_view name) {
    if (type.shape == Shape::Double) {
      TRY(const auto bits, reader.fixed64());
      const double real = std::bit_cast<double>(bits);
      if (!std::isfinite(real)) {
        return fail(Status::bad_request("proto: field " + std::string(name) + " is not finite"));
      }
      out = real;
      return {};
    }
    TRY(const auto bits, reader.varint());
    if (type.shape == Shape::Bool) {
      out = bits != 0;
    } else if (type.shape == Shape::Int32) {
      out = std::int64_t{static_cast<std::int32_t>(bits)};
    } else {
      out = static_cast<std::int64_t>(bits);
    }
    return {};
  }

  Result<void> list_message(std::string_view bytes, const TypeRef& type, Document& out,
                            std::string_view name, int depth) {
    TRY_OK(check_depth(depth));
    if (!out.is_array()) out.emplace_array();
    Reader items(bytes);
    while (!items.done()) {
      TRY(const Tag tag, items.tag());
      if (tag.number == 1) {
        TRY_OK(element(*type.element, tag.wire, items, out.get_array(), name, depth));
      } else {
        TRY_OK(items.skip(tag.wire));
      }
    }
    return {};
  }

  // What stands in a string of bytes and has no members of its own.
  static Result<void> scalar(std::string_view bytes, const TypeRef& type, Document& out,
                             std::string_view name) {
    switch (type.shape) {
      case Shape::String:
        return text(bytes, out, name);
      case Shape::Bytes:
        out = base64_encode(bytes);
        return {};
      case Shape::Time:
        return time<Time>(bytes, out);
      case Shape::MicroTime:
        return time<MicroTime>(bytes, out);
      default:
        break;
    }
    TRY(const Scalars scalars, read_scalars(bytes));
    switch (type.shape) {
      case Shape::Duration:
        out = Duration{std::chrono::nanoseconds(scalars.numbers[1])}.text();
        return {};
      case Shape::Quantity:
        return text(scalars.texts[1].value_or("0"), out, name);
      case Shape::IntOrString:
        if (scalars.numbers[1] == 1) return text(scalars.texts[3].value_or(""), out, name);
        if (scalars.numbers[1] != 0) {
          return fail(Status::bad_request("impossible IntOrString.Type"));
        }
        out = std::int64_t{static_cast<std::int32_t>(scalars.numbers[2])};
        return {};
      default:
        break;
    }
    return fail(Status::bad_request("proto: field " + std::string(name) + " has no wire form"));
  }

  static Result<void> text(std::string_view bytes, Document& out, std::string_view name) {
    if (!is_utf8(bytes)) return invalid_utf8(name);
    out = bytes;
    return {};
  }

  template <class T>
  static Result<void> time(std::string_view bytes, Document& out) {
    using std::chrono::sys_days;
    constexpr auto kFirst = std::chrono::sys_seconds(sys_days(std::chrono::year(1) / 1 / 1));
    constexpr auto kEnd = std::chrono::sys_seconds(sys_days(std::chrono::year(10000) / 1 / 1));
    if (bytes.empty()) {
      out = nullptr;
      return {};
    }
    TRY(const Scalars scalars, read_scalars(bytes));
    const std::chrono::sys_seconds seconds{std::chrono::seconds(scalars.numbers[1])};
    if (seconds < kFirst || seconds >= kEnd) {
      return fail(Status::bad_request("Time.MarshalJSON: year outside of range [0,9999]"));
    }
    const std::int64_t nanos = scalars.numbers[2];
    if (nanos < 0 || nanos >= 1'000'000'000) {
      return fail(Status::bad_request("a time's nanoseconds are outside of a second"));
    }
    const std::chrono::sys_time<std::chrono::microseconds> point =
        seconds + std::chrono::microseconds(nanos / 1000);
    out = T(point).text();
    return {};
  }

  Result<void> json(std::string_view bytes, const TypeRef& type, Document& out, int depth) {
    const JsonForm form = type.type->json_form;
    if (form != JsonForm::Any && form != JsonForm::Object) {
      return schema_or(bytes, *type.type, out, depth);
    }
    TRY(const Scalars scalars, read_scalars(bytes));
    const std::string_view raw = scalars.texts[1].value_or("");
    if (raw.empty()) {
      out = nullptr;
      return {};
    }
    if (raw.starts_with(kProtobufMagic)) return envelope(raw, out, depth);
    TRY_OK(check_depth(depth + 1));
    TRY(out, parse_json(raw, {.depth_max = kJsonDepthMax - depth + 1}));
    return {};
  }

  Result<void> schema_or(std::string_view bytes, const Type& type, Document& out, int depth) {
    boost::json::object fields;
    TRY_OK(message(bytes, layout_of(type), fields, depth));
    Document* schema = fields.if_contains("schema");
    if (type.json_form == JsonForm::SchemaOrBool) {
      const Document* allows = fields.if_contains("allows");
      out = schema ? std::move(*schema) : allows ? *allows : Document(false);
      return {};
    }
    out = schema ? std::move(*schema) : Document(nullptr);
    for (auto& member : fields) {
      if (member.key() != "schema") out = std::move(member.value());
    }
    return {};
  }
};

}  // namespace

Result<Document> decode_protobuf(std::string_view bytes) {
  if (bytes.empty()) return fail(Status::bad_request("empty data"));
  if (!bytes.starts_with(kProtobufMagic)) {
    return fail(Status::bad_request(
        "provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]"));
  }
  if (bytes.size() == kProtobufMagic.size()) return fail(Status::bad_request("empty body"));
  Document out;
  TRY_OK(Decoder().envelope(bytes, out, 1));
  return out;
}

}  // namespace keelson::api
