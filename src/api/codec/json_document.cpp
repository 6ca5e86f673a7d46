// SPDX-License-Identifier: Apache-2.0
// JSON text to documents and back.
#include <charconv>
#include <cmath>

#include "api/codec/json.h"
#include "api/codec/json_reader.h"
#include "api/codec/path.h"

namespace keelson::api {

namespace {

class Parser {
 public:
  Parser(std::string_view text, ParseOptions options, ParseFindings* findings)
      : reader_(text, options.depth_max),
        storage_(std::move(options.storage)),
        findings_(findings) {}

  Result<Document> parse() {
    Document document(storage_);
    value(document, nullptr);
    reader_.finish();
    if (reader_.failed()) return reader_.error();
    return document;
  }

 private:
  void value(Document& out, const Path* path) {
    using Kind = JsonReader::Kind;
    switch (reader_.peek()) {
      case Kind::None:
        return;
      case Kind::Null:
        return reader_.take_null();
      case Kind::Bool:
        out.emplace_bool() = reader_.take_bool();
        return;
      case Kind::String:
        out.emplace_string() = reader_.take_string();
        return;
      case Kind::Number:
        return number(out);
      case Kind::Object:
        return object(out.emplace_object(), path);
      case Kind::Array:
        return array(out.emplace_array(), path);
    }
  }

  void number(Document& out) {
    const JsonNumber number = reader_.take_number();
    switch (number.kind) {
      case JsonNumber::Kind::Int64:
        out.emplace_int64() = number.int64;
        return;
      case JsonNumber::Kind::Uint64:
        out.emplace_uint64() = number.uint64;
        return;
      case JsonNumber::Kind::Double:
        out.emplace_double() = number.number;
        return;
    }
  }

  void object(boost::json::object& out, const Path* path) {
    reader_.enter_object();
    bool first = true;
    for (std::string_view key; reader_.next_member(first, key);) {
      const auto [member, is_new] = out.emplace(key, nullptr);
      const Path here{path, member->key()};
      if (!is_new) {
        if (findings_ && findings_->duplicates.size() < kFindingsMax) {
          findings_->duplicates.push_back(here.text());
        }
        member->value() = nullptr;
      }
      value(member->value(), &here);
    }
  }

  void array(boost::json::array& out, const Path* path) {
    reader_.enter_array();
    bool first = true;
    for (std::size_t index = 0; reader_.next_element(first); ++index) {
      const Path here{path, {}, index};
      value(out.emplace_back(nullptr), &here);
    }
  }

  JsonReader reader_;
  boost::json::storage_ptr storage_;
  ParseFindings* findings_;
};

}  // namespace

Result<Document> parse_json(std::string_view text, ParseOptions options, ParseFindings* findings) {
  if (options.size_max && text.size() > options.size_max) {
    return fail(Reason::RequestEntityTooLarge, "limit is " + std::to_string(options.size_max));
  }
  return Parser(text, std::move(options), findings).parse();
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out += '"';
  std::size_t begin = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c != '"' && c != '\\') [[likely]]
      continue;
    out.append(text, begin, i - begin);
    begin = i + 1;
    out += '\\';
    switch (c) {
      case '"':
      case '\\':
        out += text[i];
        break;
      case '\n':
        out += 'n';
        break;
      case '\r':
        out += 'r';
        break;
      case '\t':
        out += 't';
        break;
      case '\b':
        out += 'b';
        break;
      case '\f':
        out += 'f';
        break;
      default:
        out.append("u00").append(1, kHex[c >> 4]).append(1, kHex[c & 15]);
    }
  }
  out.append(text, begin, text.size() - begin);
  out += '"';
}

void append_json_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";  // JSON has no such numbers.
    return;
  }
  // The shortest digits that read back the same, laid out as Go does: without an exponent for all
  // but very large and very small numbers.
  char buffer[32];
  const auto [end, error] =
      std::to_chars(buffer, buffer + sizeof buffer, number, std::chars_format::scientific);
  CHECK(error == std::errc());
  std::string_view text(buffer, static_cast<std::size_t>(end - buffer));
  if (text.starts_with('-')) {
    out += '-';
    text.remove_prefix(1);
  }
  const auto e = text.find('e');
  std::string digits(text.substr(0, e));
  if (digits.size() > 1) digits.erase(1, 1);  // The point.
  int exponent = 0;
  const std::string_view power = text.substr(e + (text[e + 1] == '+' ? 2 : 1));
  std::from_chars(power.data(), power.data() + power.size(), exponent);

  if (number != 0 && (exponent < -6 || exponent >= 21)) {
    out += digits[0];
    if (digits.size() > 1) out.append(1, '.').append(digits, 1);
    out.append(exponent < 0 ? "e" : "e+").append(std::to_string(exponent));
  } else if (exponent < 0) {
    out.append("0.").append(static_cast<std::size_t>(-exponent - 1), '0').append(digits);
  } else {
    const auto whole = static_cast<std::size_t>(exponent) + 1;
    if (digits.size() < whole) digits.append(whole - digits.size(), '0');
    out.append(digits, 0, whole);
    if (digits.size() > whole) out.append(1, '.').append(digits, whole);
  }
}

void append_json(std::string& out, const Document& document) {
  switch (document.kind()) {
    case boost::json::kind::null:
      out += "null";
      return;
    case boost::json::kind::bool_:
      out += document.get_bool() ? "true" : "false";
      return;
    case boost::json::kind::int64:
      out += std::to_string(document.get_int64());
      return;
    case boost::json::kind::uint64:
      out += std::to_string(document.get_uint64());
      return;
    case boost::json::kind::double_:
      append_json_number(out, document.get_double());
      return;
    case boost::json::kind::string:
      append_json_string(out, document.get_string());
      return;
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const Document& element : document.get_array()) {
        if (!first) out += ',';
        first = false;
        append_json(out, element);
      }
      out += ']';
      return;
    }
    case boost::json::kind::object: {
      out += '{';
      bool first = true;
      for (const auto& [key, value] : document.get_object()) {
        if (!first) out += ',';
        first = false;
        append_json_string(out, key);
        out += ':';
        append_json(out, value);
      }
      out += '}';
      return;
    }
  }
}

std::string to_json(const Document& document) {
  std::string out;
  append_json(out, document);
  return out;
}

}  // namespace keelson::api
