// SPDX-License-Identifier: Apache-2.0
// Structs to text and to documents. One walk over the tables serves both, through a writer that
// takes one value after the other.
#include "api/codec/json.h"
#include "api/codec/json_reader.h"
#include "api/scalars.h"
#include "base/base64.h"

namespace keelson::api {

namespace {

class TextWriter {
 public:
  explicit TextWriter(std::string& out) : out_(out) {}

  void key(std::string_view name) {
    separate();
    append_json_string(out_, name);
    out_ += ':';
    first_ = true;  // No comma between the colon and the value.
  }
  void null() { plain("null"); }
  void boolean(bool value) { plain(value ? "true" : "false"); }
  void integer(std::int64_t value) { plain(std::to_string(value)); }
  void real(double value) {
    separate();
    append_json_number(out_, value);
  }
  void string(std::string_view value) {
    separate();
    append_json_string(out_, value);
  }
  void json(std::string_view text) { plain(text); }
  void begin_object() { begin('{'); }
  void end_object() { end('}'); }
  void begin_array() { begin('['); }
  void end_array() { end(']'); }

 private:
  void separate() {
    if (!first_) out_ += ',';
    first_ = false;
  }
  void plain(std::string_view text) {
    separate();
    out_ += text;
  }
  void begin(char bracket) {
    separate();
    out_ += bracket;
    first_ = true;
  }
  void end(char bracket) {
    out_ += bracket;
    first_ = false;
  }

  std::string& out_;
  bool first_ = true;
};

class DocumentWriter {
 public:
  explicit DocumentWriter(Document& root) { stack_.push_back(&root); }

  void key(std::string_view name) { pending_ = &stack_.back()->get_object()[name]; }
  void null() { target() = nullptr; }
  void boolean(bool value) { target() = value; }
  void integer(std::int64_t value) { target() = value; }
  void real(double value) { target() = value; }
  void string(std::string_view value) { target().emplace_string() = value; }
  void json(std::string_view text) {
    Document& out = target();
    if (auto parsed = parse_json(text, {.storage = out.storage()})) out = *std::move(parsed);
  }
  void begin_object() { begin().emplace_object(); }
  void end_object() { stack_.pop_back(); }
  void begin_array() { begin().emplace_array(); }
  void end_array() { stack_.pop_back(); }

 private:
  Document& target() {
    if (pending_) return *std::exchange(pending_, nullptr);
    if (auto* array = stack_.back()->if_array()) return array->emplace_back(nullptr);
    return *stack_.back();  // The root.
  }
  // What is on the stack does not move: nothing is added beside a container that is open.
  Document& begin() {
    Document& out = target();
    stack_.push_back(&out);
    return out;
  }

  std::vector<Document*> stack_;
  Document* pending_ = nullptr;
};

template <class Writer>
class Encoder {
 public:
  explicit Encoder(Writer& out) : out_(out) {}

  void root(const Type& type, const void* value) {
    out_.begin_object();
    if (type.root) {
      out_.key("kind");
      out_.string(type.name);
      if (!type.api_version.empty()) {
        out_.key("apiVersion");
        out_.string(type.api_version);
      }
    }
    fields(type, value);
    out_.end_object();
  }

 private:
  template <class T>
  static const T& as(const void* memory) {
    return *static_cast<const T*>(memory);
  }

  // Whether `omitempty` leaves a value out that is no pointer.
  static bool is_empty(const TypeRef& type, const void* memory) {
    switch (type.shape) {
      case Shape::String:
        return as<std::string>(memory).empty();
      case Shape::Bool:
        return !as<bool>(memory);
      case Shape::Int32:
        return as<std::int32_t>(memory) == 0;
      case Shape::Int64:
        return as<std::int64_t>(memory) == 0;
      case Shape::Double:
        return as<double>(memory) == 0;
      case Shape::Bytes:
        return as<Bytes>(memory).empty();
      case Shape::List:
        return type.list->size(memory) == 0;
      case Shape::Map:
        return type.map->size(memory) == 0;
      default:
        return false;
    }
  }

  static bool is_zero(const TypeRef& type, const void* memory) {
    switch (type.shape) {
      case Shape::Time:
        return !as<Time>(memory).is_set();
      case Shape::MicroTime:
        return !as<MicroTime>(memory).is_set();
      default:
        return is_empty(type, memory);
    }
  }

  void fields(const Type& type, const void* object) {
    for (const Field& field : type.fields) {
      const void* memory = static_cast<const std::byte*>(object) + field.offset;
      if (field.pointer) {
        memory = field.pointer->get(memory);
        if (!memory) {
          if (field.omitempty) continue;
          out_.key(field.json);
          out_.null();
          continue;
        }
      } else if ((field.omitempty && is_empty(field.value, memory)) ||
                 (field.omitzero && is_zero(field.value, memory))) {
        continue;
      }
      out_.key(field.json);
      if (!field.pointer && is_empty(field.value, memory)) {
        empty(type, field, memory);
      } else {
        value(field.value, memory);
      }
    }
  }

  // An empty value that is always written. Memory does not tell an empty list from none.
  void empty(const Type& type, const Field& field, const void* memory) {
    const Shape shape = field.value.shape;
    if (shape == Shape::Bytes || shape == Shape::Map || (shape == Shape::List && !type.root)) {
      out_.null();
    } else {
      value(field.value, memory);
    }
  }

  void optional_string(const std::string& text) {
    if (text.empty()) {
      out_.null();
    } else {
      out_.string(text);
    }
  }

  void value(const TypeRef& type, const void* memory) {
    switch (type.shape) {
      case Shape::String:
        return out_.string(as<std::string>(memory));
      case Shape::Bool:
        return out_.boolean(as<bool>(memory));
      case Shape::Int32:
        return out_.integer(as<std::int32_t>(memory));
      case Shape::Int64:
        return out_.integer(as<std::int64_t>(memory));
      case Shape::Double:
        return out_.real(as<double>(memory));
      case Shape::Bytes:
        return out_.string(base64_encode(as<Bytes>(memory)));
      case Shape::Time:
        return optional_string(as<Time>(memory).text());
      case Shape::MicroTime:
        return optional_string(as<MicroTime>(memory).text());
      case Shape::Duration:
        return out_.string(as<Duration>(memory).text());
      case Shape::Quantity:
        return out_.string(as<Quantity>(memory).text());
      case Shape::IntOrString: {
        const auto& either = as<IntOrString>(memory);
        return either.is_int() ? out_.integer(either.int_value())
                               : out_.string(either.string_value());
      }
      case Shape::Json: {
        const auto& raw = as<RawJson>(memory);
        return raw.empty() ? out_.null() : out_.json(raw.text);
      }
      case Shape::Struct:
        out_.begin_object();
        fields(*type.type, memory);
        return out_.end_object();
      case Shape::List:
        out_.begin_array();
        for (std::size_t i = 0, size = type.list->size(memory); i < size; ++i) {
          value(*type.element, type.list->at(memory, i));
        }
        return out_.end_array();
      case Shape::Map: {
        struct Context {
          Encoder* encoder;
          const TypeRef* element;
        } context{this, type.element};
        out_.begin_object();
        type.map->each(memory, &context, [](void* opaque, std::string_view key, const void* entry) {
          const auto& [encoder, element] = *static_cast<Context*>(opaque);
          encoder->out_.key(key);
          encoder->value(*element, entry);
        });
        return out_.end_object();
      }
    }
  }

  Writer& out_;
};

}  // namespace

void append_json(std::string& out, const Type& type, const void* value) {
  TextWriter writer(out);
  Encoder<TextWriter>(writer).root(type, value);
}

std::string encode_json(const Type& type, const void* value) {
  std::string out;
  append_json(out, type, value);
  return out;
}

Document encode_document(const Type& type, const void* value, boost::json::storage_ptr storage) {
  Document document(std::move(storage));
  DocumentWriter writer(document);
  Encoder<DocumentWriter>(writer).root(type, value);
  return document;
}

}  // namespace keelson::api
