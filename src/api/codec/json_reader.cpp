// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json_reader.h"

#include <charconv>
#include <limits>

namespace keelson::api {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The length of the well-formed UTF-8 sequence at `at`; 0 if there is none.
int utf8_length(const char* at, const char* end) {
  const auto byte = [at](int i) { return static_cast<unsigned char>(at[i]); };
  const auto follows = [&](int i) { return at + i < end && (byte(i) & 0xC0) == 0x80; };
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  if (first < 0xC2) return 0;
  if (first < 0xE0) return follows(1) ? 2 : 0;
  if (first < 0xF0) {
    if (!follows(1) || !follows(2)) return 0;
    if (first == 0xE0 && byte(1) < 0xA0) return 0;
    if (first == 0xED && byte(1) > 0x9F) return 0;  // Surrogates.
    return 3;
  }
  if (first > 0xF4 || !follows(1) || !follows(2) || !follows(3)) return 0;
  if (first == 0xF0 && byte(1) < 0x90) return 0;
  if (first == 0xF4 && byte(1) > 0x8F) return 0;
  return 4;
}

void append_utf8(std::string& out, std::uint32_t rune) {
  if (rune < 0x80) {
    out += static_cast<char>(rune);
  } else if (rune < 0x800) {
    out += static_cast<char>(0xC0 | rune >> 6);
    out += static_cast<char>(0x80 | (rune & 0x3F));
  } else if (rune < 0x10000) {
    out += static_cast<char>(0xE0 | rune >> 12);
    out += static_cast<char>(0x80 | (rune >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  } else {
    out += static_cast<char>(0xF0 | rune >> 18);
    out += static_cast<char>(0x80 | (rune >> 12 & 0x3F));
    out += static_cast<char>(0x80 | (rune >> 6 & 0x3F));
    out += static_cast<char>(0x80 | (rune & 0x3F));
  }
}

}  // namespace

void JsonReader::set_error(std::string message) {
  if (failed_) return;
  failed_ = true;
  message_ = std::move(message);
}

void JsonReader::unexpected_character(std::string_view where) {
  if (at_ >= end_) return set_error("unexpected end of JSON input");
  std::string shown;
  if (*at_ == '\'') {
    shown = "'\\''";
  } else if (*at_ == '\\') {
    shown = "'\\\\'";
  } else if (static_cast<unsigned char>(*at_) < 0x20 || *at_ == 0x7F) {
    constexpr std::string_view kHex = "0123456789abcdef";
    const auto byte = static_cast<unsigned char>(*at_);
    switch (*at_) {
      case '\n':
        shown = "'\\n'";
        break;
      case '\r':
        shown = "'\\r'";
        break;
      case '\t':
        shown = "'\\t'";
        break;
      default:
        shown = {'\'', '\\', 'x', kHex[byte >> 4], kHex[byte & 15], '\''};
    }
  } else {
    const int length = utf8_length(at_, end_);
    shown =
        "'" + (length ? std::string(at_, static_cast<std::size_t>(length)) : "\xEF\xBF\xBD") + "'";
  }
  set_error("invalid character " + shown + " " + std::string(where));
}

void JsonReader::skip_space() {
  while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
}

JsonReader::Kind JsonReader::peek() {
  if (failed_) return Kind::None;
  skip_space();
  if (at_ < end_) {
    switch (*at_) {
      case 'n':
        return Kind::Null;
      case 't':
      case 'f':
        return Kind::Bool;
      case '"':
        return Kind::String;
      case '{':
        return Kind::Object;
      case '[':
        return Kind::Array;
      case '-':
        return Kind::Number;
      default:
        if (is_digit(*at_)) return Kind::Number;
    }
  }
  unexpected_character("looking for beginning of value");
  return Kind::None;
}

bool JsonReader::literal(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i, ++at_) {
    if (at_ < end_ && *at_ == text[i]) continue;
    unexpected_character("in literal " + std::string(text) + " (expecting '" + text[i] + "')");
    return false;
  }
  return true;
}

void JsonReader::take_null() { literal("null"); }

bool JsonReader::skip_null() {
  if (peek() != Kind::Null) return false;
  take_null();
  return true;
}

std::string_view JsonReader::read_string() {
  if (peek() == Kind::String) return take_string();
  if (!failed_) unexpected_character("looking for a string");
  return {};
}

bool JsonReader::read_object() {
  if (peek() == Kind::Object) {
    enter_object();
  } else if (!failed_) {
    unexpected_character("looking for an object");
  }
  return !failed_;
}

bool JsonReader::take_bool() {
  if (failed_) return false;
  return *at_ == 't' ? literal("true") : (literal("false"), false);
}

JsonNumber JsonReader::take_number() {
  JsonNumber result;
  if (failed_) return result;
  const char* begin = at_;
  if (*at_ == '-') ++at_;
  if (at_ >= end_ || !is_digit(*at_)) {
    unexpected_character("in numeric literal");
    return result;
  }
  if (*at_ == '0') {
    ++at_;
  } else {
    while (at_ < end_ && is_digit(*at_)) ++at_;
  }
  bool whole = true;
  if (at_ < end_ && *at_ == '.') {
    whole = false;
    ++at_;
    if (at_ >= end_ || !is_digit(*at_)) {
      unexpected_character("after decimal point in numeric literal");
      return result;
    }
    while (at_ < end_ && is_digit(*at_)) ++at_;
  }
  if (at_ < end_ && (*at_ == 'e' || *at_ == 'E')) {
    whole = false;
    ++at_;
    if (at_ < end_ && (*at_ == '+' || *at_ == '-')) ++at_;
    if (at_ >= end_ || !is_digit(*at_)) {
      unexpected_character("in exponent of numeric literal");
      return result;
    }
    while (at_ < end_ && is_digit(*at_)) ++at_;
  }
  if (whole) {
    if (std::from_chars(begin, at_, result.int64).ec == std::errc()) return result;
    if (*begin != '-' && std::from_chars(begin, at_, result.uint64).ec == std::errc()) {
      result.kind = JsonNumber::Kind::Uint64;
      return result;
    }
  }
  result.kind = JsonNumber::Kind::Double;
  if (std::from_chars(begin, at_, result.number).ec != std::errc()) {
    // Too small becomes zero, too large is refused.
    const std::string text(begin, at_);
    result.number = std::strtod(text.c_str(), nullptr);
    if (result.number > std::numeric_limits<double>::max() ||
        result.number < std::numeric_limits<double>::lowest()) {
      set_error("json: cannot unmarshal number " + text + " into Go value of type float64");
    }
  }
  return result;
}

int JsonReader::hex4() {
  int value = 0;
  for (int i = 0; i < 4; ++i, ++at_) {
    const char c = at_ < end_ ? *at_ : '\0';
    if (is_digit(c)) {
      value = value * 16 + (c - '0');
    } else if (c >= 'a' && c <= 'f') {
      value = value * 16 + (c - 'a' + 10);
    } else if (c >= 'A' && c <= 'F') {
      value = value * 16 + (c - 'A' + 10);
    } else {
      unexpected_character("in \\u hexadecimal character escape");
      return -1;
    }
  }
  return value;
}

// One escape, after its backslash, into scratch_.
bool JsonReader::escape() {
  const char c = at_ < end_ ? *at_ : '\0';
  switch (c) {
    case '"':
    case '\\':
    case '/':
      scratch_ += c;
      break;
    case 'b':
      scratch_ += '\b';
      break;
    case 'f':
      scratch_ += '\f';
      break;
    case 'n':
      scratch_ += '\n';
      break;
    case 'r':
      scratch_ += '\r';
      break;
    case 't':
      scratch_ += '\t';
      break;
    case 'u': {
      ++at_;
      const int unit = hex4();
      if (unit < 0) return false;
      auto rune = static_cast<std::uint32_t>(unit);
      if (rune >= 0xD800 && rune < 0xE000) {
        // Half of a pair stands for no character; the other half must follow.
        const bool high = rune < 0xDC00;
        rune = 0xFFFD;
        if (high && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
          const char* before = at_;
          at_ += 2;
          const int low = hex4();
          if (low < 0) return false;
          if (low >= 0xDC00 && low < 0xE000) {
            rune = 0x10000 + ((static_cast<std::uint32_t>(unit) - 0xD800) << 10) +
                   (static_cast<std::uint32_t>(low) - 0xDC00);
          } else {
            at_ = before;
          }
        }
      }
      append_utf8(scratch_, rune);
      return true;
    }
    default:
      unexpected_character("in string escape code");
      return false;
  }
  ++at_;
  return true;
}

std::string_view JsonReader::take_string() {
  if (failed_) return {};
  const char* begin = ++at_;
  bool escaped = false;
  while (true) {
    if (at_ >= end_) {
      unexpected_character("in string literal");
      return {};
    }
    const auto c = static_cast<unsigned char>(*at_);
    if (c == '"') {
      const std::string_view rest(begin, static_cast<std::size_t>(at_ - begin));
      ++at_;
      if (!escaped) return rest;
      scratch_ += rest;
      return scratch_;
    }
    if (c == '\\') {
      if (!escaped) scratch_.clear();
      escaped = true;
      scratch_.append(begin, at_);
      ++at_;
      if (!escape()) return {};
      begin = at_;
    } else if (c < 0x20) {
      unexpected_character("in string literal");
      return {};
    } else if (c < 0x80) {
      ++at_;
    } else {
      const int length = utf8_length(at_, end_);
      if (length == 0) {
        set_error("invalid UTF-8 in string literal");
        return {};
      }
      at_ += length;
    }
  }
}

std::string_view JsonReader::skip_value() {
  const Kind kind = peek();
  const char* begin = at_;
  bool first = true;
  switch (kind) {
    case Kind::None:
      return {};
    case Kind::Null:
      take_null();
      break;
    case Kind::Bool:
      take_bool();
      break;
    case Kind::Number:
      take_number();
      break;
    case Kind::String:
      take_string();
      break;
    case Kind::Object:
      enter_object();
      for (std::string_view key; next_member(first, key);) skip_value();
      break;
    case Kind::Array:
      enter_array();
      while (next_element(first)) skip_value();
      break;
  }
  return failed_ ? std::string_view()
                 : std::string_view(begin, static_cast<std::size_t>(at_ - begin));
}

void JsonReader::enter_object() {
  if (failed_) return;
  ++at_;
  if (--depth_ < 0) set_error("exceeded max depth");
}

void JsonReader::enter_array() { enter_object(); }

bool JsonReader::next_member(bool& first, std::string_view& key) {
  if (failed_) return false;
  skip_space();
  if (at_ < end_ && *at_ == '}' && first) {
    ++at_;
    ++depth_;
    return false;
  }
  if (!first) {
    if (at_ < end_ && *at_ == '}') {
      ++at_;
      ++depth_;
      return false;
    }
    if (at_ >= end_ || *at_ != ',') {
      unexpected_character("after object key:value pair");
      return false;
    }
    ++at_;
    skip_space();
  }
  first = false;
  if (at_ >= end_ || *at_ != '"') {
    unexpected_character("looking for beginning of object key string");
    return false;
  }
  key = take_string();
  skip_space();
  if (!failed_ && (at_ >= end_ || *at_ != ':')) unexpected_character("after object key");
  if (failed_) return false;
  ++at_;
  return true;
}

bool JsonReader::next_element(bool& first) {
  if (failed_) return false;
  skip_space();
  if (at_ < end_ && *at_ == ']') {
    ++at_;
    ++depth_;
    return false;
  }
  if (!first) {
    if (at_ >= end_ || *at_ != ',') {
      unexpected_character("after array element");
      return false;
    }
    ++at_;
  }
  first = false;
  return true;
}

void JsonReader::finish() {
  if (failed_) return;
  skip_space();
  if (at_ < end_) unexpected_character("after top-level value");
}

}  // namespace keelson::api
