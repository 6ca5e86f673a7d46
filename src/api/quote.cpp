// SPDX-License-Identifier: Apache-2.0
#include "api/quote.h"

#include <algorithm>
#include <boost/json/serialize.hpp>
#include <boost/json/value.hpp>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <vector>

#include "api/utf8.h"

namespace keelson::api {
namespace {

constexpr char kHex[] = "0123456789abcdef";

void append_hex(std::string& out, std::uint32_t code, int digits) {
  for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) out += kHex[code >> shift & 0xF];
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    const std::string_view bytes = text.substr(0, rune.size);
    text.remove_prefix(rune.size);
    if (!rune.valid) {
      out += "\\ufffd";
      continue;
    }
    switch (rune.code) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      default:
        if (rune.code < 0x20 || rune.code == '<' || rune.code == '>' || rune.code == '&' ||
            rune.code == 0x2028 || rune.code == 0x2029) {
          out += "\\u";
          append_hex(out, rune.code, 4);
        } else {
          out += bytes;
        }
    }
  }
  out += '"';
}

// Shortest digits that read back the same: `exponent_from` is where the e-notation starts.
std::string float_text(double number, double exponent_from) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "+Inf" : "-Inf";
  char buffer[400];
  const double magnitude = std::fabs(number);
  const bool exponent = magnitude != 0 && (magnitude < 1e-4 || magnitude >= exponent_from);
  const auto format = exponent ? std::chars_format::scientific : std::chars_format::fixed;
  const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, format).ptr;
  return std::string(buffer, end);
}

std::vector<const boost::json::key_value_pair*> sorted(const boost::json::object& object) {
  std::vector<const boost::json::key_value_pair*> members;
  members.reserve(object.size());
  for (const auto& member : object) members.push_back(&member);
  std::ranges::sort(members, {}, [](const auto* member) { return member->key(); });
  return members;
}

void append_json(std::string& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::string:
      append_json_string(out, value.get_string());
      break;
    case boost::json::kind::array: {
      char separator = '[';
      for (const auto& element : value.get_array()) {
        out += separator;
        append_json(out, element);
        separator = ',';
      }
      out += value.get_array().empty() ? "[]" : "]";
      break;
    }
    case boost::json::kind::object: {
      char separator = '{';
      for (const auto* member : sorted(value.get_object())) {
        out += separator;
        append_json_string(out, member->key());
        out += ':';
        append_json(out, member->value());
        separator = ',';
      }
      out += value.get_object().empty() ? "{}" : "}";
      break;
    }
    case boost::json::kind::double_:
      out += float_text(value.get_double(), 1e21);
      break;
    default:
      out += boost::json::serialize(value);
  }
}

void append_value(std::string& out, const boost::json::value& value) {
  switch (value.kind()) {
    case boost::json::kind::null:
      out += "<nil>";
      break;
    case boost::json::kind::string:
      out += std::string_view(value.get_string());
      break;
    case boost::json::kind::array: {
      out += '[';
      bool first = true;
      for (const auto& element : value.get_array()) {
        if (!std::exchange(first, false)) out += ' ';
        append_value(out, element);
      }
      out += ']';
      break;
    }
    case boost::json::kind::object: {
      out += "map[";
      bool first = true;
      for (const auto* member : sorted(value.get_object())) {
        if (!std::exchange(first, false)) out += ' ';
        out += std::string_view(member->key());
        out += ':';
        append_value(out, member->value());
      }
      out += ']';
      break;
    }
    case boost::json::kind::double_:
      out += float_text(value.get_double(), 1e21);
      break;
    default:
      out += boost::json::serialize(value);
  }
}

}  // namespace

std::string quoted(std::string_view text) {
  std::string out = "\"";
  out.reserve(text.size() + 2);
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    const std::string_view bytes = text.substr(0, rune.size);
    text.remove_prefix(rune.size);
    if (!rune.valid) {
      out += "\\x";
      append_hex(out, rune.code, 2);
      continue;
    }
    switch (rune.code) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\a':
        out += "\\a";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      case '\v':
        out += "\\v";
        break;
      default:
        if (is_printable(rune.code)) {
          out += bytes;
        } else if (rune.code < 0x80) {
          out += "\\x";
          append_hex(out, rune.code, 2);
        } else if (rune.code < 0x10000) {
          out += "\\u";
          append_hex(out, rune.code, 4);
        } else {
          out += "\\U";
          append_hex(out, rune.code, 8);
        }
    }
  }
  out += '"';
  return out;
}

std::string go_json(const boost::json::value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

std::string go_value(const boost::json::value& value) {
  std::string out;
  append_value(out, value);
  return out;
}

}  // namespace keelson::api
