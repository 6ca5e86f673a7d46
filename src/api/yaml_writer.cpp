// SPDX-License-Identifier: Apache-2.0
// The layout is that of go-yaml version 2 with its defaults, which is what kubectl prints: indent
// 2, lists not indented below their key, lines folded at the first space after column 80.
#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "api/utf8.h"
#include "api/yaml.h"
#include "api/yaml_scalar.h"

namespace keelson::api {
namespace {

constexpr int kIndent = 2;
constexpr int kWidth = 80;
constexpr std::size_t kSimpleKeyLengthMax = 128;

bool is_digit(std::uint32_t c) { return c >= '0' && c <= '9'; }

// Letters, as far as it matters to the order of keys: everything outside ASCII counts as one.
bool is_letter(std::uint32_t c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c >= 0x80;
}

// The order in which people read keys: numbers inside them by value, letters after the rest.
bool key_less(std::string_view a, std::string_view b) {
  const auto byte = [](std::string_view text, std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(text[i]));
  };
  const std::size_t shorter = std::min(a.size(), b.size());
  std::size_t i = 0;
  while (i < shorter && a[i] == b[i]) ++i;
  if (i == shorter) return a.size() < b.size();
  const bool a_letter = is_letter(byte(a, i)), b_letter = is_letter(byte(b, i));
  if (a_letter && b_letter) return byte(a, i) < byte(b, i);
  if (a_letter || b_letter) return b_letter;
  // Within a number, digits that both share count, unless they are leading zeros.
  std::uint64_t a_number = 0, b_number = 0;
  if (a[i] == '0' || b[i] == '0') {
    for (std::size_t j = i; j > 0 && is_digit(byte(a, j - 1)); --j) {
      if (a[j - 1] != '0') {
        a_number = b_number = 1;
        break;
      }
    }
  }
  std::size_t a_end = i, b_end = i;
  for (; a_end < a.size() && is_digit(byte(a, a_end)); ++a_end) {
    a_number = a_number * 10 + (byte(a, a_end) - '0');
  }
  for (; b_end < b.size() && is_digit(byte(b, b_end)); ++b_end) {
    b_number = b_number * 10 + (byte(b, b_end) - '0');
  }
  if (a_number != b_number) return a_number < b_number;
  if (a_end != b_end) return a_end < b_end;
  return byte(a, i) < byte(b, i);
}

enum class Style : std::uint8_t { Plain, SingleQuoted, DoubleQuoted, Literal };

// What a string's characters forbid. Source: libyaml, yaml_emitter_analyze_scalar.
struct Analysis {
  bool line_breaks = false;
  bool block_plain = true, single_quoted = true, literal = true;
};

// Printable, as the emitter sees it: not tabs, and nothing outside the basic plane.
bool is_bare(std::uint32_t c) {
  return c == '\n' || (c >= 0x20 && c <= 0x7E) ||
         (c >= 0xA0 && c < 0x10000 && c != 0xFEFF && c != 0xFFFE && c != 0xFFFF);
}

bool is_break(std::uint32_t c) {
  return c == '\n' || c == '\r' || c == 0x85 || c == 0x2028 || c == 0x2029;
}

bool is_blank_or_end(std::string_view text) {
  return text.empty() || text.front() == ' ' || text.front() == '\t' ||
         is_break(first_rune(text).code);
}

Analysis analyze(std::string_view text) {
  Analysis result;
  if (text.empty()) {
    result.literal = false;
    return result;
  }
  bool indicators = text.starts_with("---") || text.starts_with("...");
  bool special = false, leading = false, trailing_space = false, trailing_break = false;
  bool space_break = false, break_space = false;
  bool previous_space = false, previous_break = false, after_blank = true;
  for (std::string_view rest = text; !rest.empty();) {
    const Rune rune = first_rune(rest);
    const bool first = rest.size() == text.size();
    rest.remove_prefix(rune.size);
    const bool before_blank = is_blank_or_end(rest);
    const char c = rune.code < 0x80 ? static_cast<char>(rune.code) : '\0';
    if (first) {
      indicators |=
          c != '\0' && std::string_view("#,[]{}&*!|>'\"%@`").find(c) != std::string_view::npos;
      indicators |= (c == '?' || c == ':' || c == '-') && before_blank;
    } else {
      indicators |= (c == ':' && before_blank) || (c == '#' && after_blank);
    }
    const bool line_break = is_break(rune.code);
    // Readers differ on the breaks outside ASCII, so those are always escaped.
    special |= !rune.valid || !is_bare(rune.code) || (line_break && c != '\n');
    result.line_breaks |= line_break;
    if (c == ' ') {
      leading |= first;
      trailing_space |= rest.empty();
      break_space |= previous_break;
    } else if (line_break) {
      leading |= first;
      trailing_break |= rest.empty();
      space_break |= previous_space;
    }
    previous_space = c == ' ';
    previous_break = line_break;
    after_blank = c == ' ' || c == '\t' || line_break;
  }
  if (leading || trailing_space || trailing_break) result.block_plain = false;
  if (trailing_space) result.literal = false;
  if (break_space) result.block_plain = result.single_quoted = false;
  if (space_break || special) {
    result.block_plain = result.single_quoted = result.literal = false;
  }
  if (result.line_breaks || indicators) result.block_plain = false;
  return result;
}

Style style_of(std::string_view text, bool simple_key) {
  const Analysis analysis = analyze(text);
  if (text.find('\n') != text.npos) {
    return analysis.literal && !simple_key ? Style::Literal : Style::DoubleQuoted;
  }
  // What would read as something else is put into double quotes; what cannot stand bare, in single.
  if (!is_plain_string(text)) return Style::DoubleQuoted;
  if (analysis.block_plain) return Style::Plain;
  return analysis.single_quoted ? Style::SingleQuoted : Style::DoubleQuoted;
}

class Writer {
 public:
  std::string write(const Document& document) {
    write_node(document, 0, Place::Start);
    if (column_ > 0) put_break();
    return std::move(out_);
  }

 private:
  // Where a map or a list begins: on a line of its own below its key, or where the line stands.
  enum class Place : std::uint8_t { Start, Value };

  void put(std::string_view text) {
    out_ += text;
    for (const char c : text) column_ += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  }
  void put_break() {
    out_ += '\n';
    column_ = 0;
  }
  // To the start of a line with that indentation, unless the line is there already.
  void put_indent(int indent) {
    if (column_ > 0) put_break();
    put(std::string(static_cast<std::size_t>(indent), ' '));
  }

  void write_node(const Document& value, int indent, Place place) {
    if (const auto* object = value.if_object(); object && !object->empty()) {
      write_map(*object, indent, place);
    } else if (const auto* array = value.if_array(); array && !array->empty()) {
      write_list(*array, indent, place);
    } else {
      write_scalar(value, indent);
    }
  }

  void write_map(const boost::json::object& object, int indent, Place place) {
    std::vector<const boost::json::key_value_pair*> members;
    members.reserve(object.size());
    for (const auto& member : object) members.push_back(&member);
    std::ranges::sort(members,
                      [](const auto* a, const auto* b) { return key_less(a->key(), b->key()); });
    bool on_line = place == Place::Start;
    for (const auto* member : members) {
      if (!std::exchange(on_line, false)) put_indent(indent);
      const std::string_view key = member->key();
      const bool simple = key.size() <= kSimpleKeyLengthMax && key.find('\n') == key.npos;
      if (!simple) put("? ");
      write_string(key, indent + kIndent, simple);
      if (!simple) put_indent(indent);
      put(":");
      write_value(member->value(), indent);
    }
  }

  void write_value(const Document& value, int indent) {
    if (const auto* array = value.if_array(); array && !array->empty()) {
      write_list(*array, indent, Place::Value);
    } else if (const auto* object = value.if_object(); object && !object->empty()) {
      write_map(*object, indent + kIndent, Place::Value);
    } else {
      put(" ");
      write_scalar(value, indent + kIndent);
    }
  }

  void write_list(const boost::json::array& array, int indent, Place place) {
    bool on_line = place == Place::Start;
    for (const Document& element : array) {
      if (!std::exchange(on_line, false)) put_indent(indent);
      put("- ");
      write_node(element, indent + kIndent, Place::Start);
    }
  }

  void write_scalar(const Document& value, int indent) {
    switch (value.kind()) {
      case boost::json::kind::null:
        return put("null");
      case boost::json::kind::bool_:
        return put(value.get_bool() ? "true" : "false");
      case boost::json::kind::int64:
        return put(std::to_string(value.get_int64()));
      case boost::json::kind::uint64:
        return put(std::to_string(value.get_uint64()));
      case boost::json::kind::double_:
        return write_double(value.get_double());
      case boost::json::kind::string:
        return write_string(value.get_string(), indent, false);
      case boost::json::kind::array:
        return put("[]");
      case boost::json::kind::object:
        return put("{}");
    }
  }

  void write_double(double number) {
    char buffer[64];
    constexpr double kWholeMax =
        9'007'199'254'740'992.0;  // 2^53: JSON shows these without a point.
    if (number == std::floor(number) && std::fabs(number) <= kWholeMax) {
      return put(std::to_string(static_cast<std::int64_t>(number)));
    }
    // As Go's format 'g' with the shortest digits.
    const double magnitude = std::fabs(number);
    const auto format = magnitude < 1e-4 || magnitude >= 1e6 ? std::chars_format::scientific
                                                             : std::chars_format::fixed;
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, number, format).ptr;
    put(std::string_view(buffer, end));
  }

  void write_string(std::string_view text, int indent, bool simple_key) {
    switch (style_of(text, simple_key)) {
      case Style::Plain:
        return write_plain(text, indent, !simple_key);
      case Style::SingleQuoted:
        return write_single_quoted(text, indent, !simple_key);
      case Style::DoubleQuoted:
        return write_double_quoted(text, indent, !simple_key);
      case Style::Literal:
        return write_literal(text, indent);
    }
  }

  // A line may end at a space that stands alone and past the width.
  bool folds_at(std::string_view text, std::size_t i) const {
    return column_ > kWidth && text[i] == ' ' && (i + 1 >= text.size() || text[i + 1] != ' ');
  }

  void write_plain(std::string_view text, int indent, bool fold) {
    if (text.empty()) return put("\"\"");
    bool after_space = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (fold && !after_space && folds_at(text, i)) {
        put_indent(indent);
      } else {
        put(text.substr(i, 1));
      }
      after_space = text[i] == ' ';
    }
  }

  void write_single_quoted(std::string_view text, int indent, bool fold) {
    put("'");
    bool after_space = false;
    for (std::size_t i = 0; i < text.size(); ++i) {
      if (fold && !after_space && i > 0 && i + 1 < text.size() && folds_at(text, i)) {
        put_indent(indent);
      } else {
        put(text[i] == '\'' ? "''" : text.substr(i, 1));
      }
      after_space = text[i] == ' ';
    }
    put("'");
  }

  void put_escape(char letter, std::uint32_t code, int digits) {
    constexpr char kHex[] = "0123456789ABCDEF";
    std::string escape = "\\";
    escape += letter;
    for (int shift = (digits - 1) * 4; shift >= 0; shift -= 4) escape += kHex[code >> shift & 0xF];
    put(escape);
  }

  void write_double_quoted(std::string_view text, int indent, bool fold) {
    put("\"");
    bool after_space = false;
    for (std::string_view rest = text; !rest.empty();) {
      const Rune rune = first_rune(rest);
      const std::string_view bytes = rest.substr(0, rune.size);
      const bool first = rest.size() == text.size();
      rest.remove_prefix(rune.size);
      const bool space = bytes == " ";
      if (space && fold && !after_space && !first && !rest.empty() && column_ > kWidth) {
        put_indent(indent);
        // A space at the start of a line would be lost.
        if (rest.front() == ' ') put("\\");
      } else {
        put_double_quoted(rune, bytes);
      }
      after_space = space;
    }
    put("\"");
  }

  void put_double_quoted(const Rune& rune, std::string_view bytes) {
    switch (rune.code) {
      case '"':
        return put("\\\"");
      case '\\':
        return put("\\\\");
      case '\0':
        return put("\\0");
      case '\a':
        return put("\\a");
      case '\b':
        return put("\\b");
      case '\t':
        return put("\\t");
      case '\n':
        return put("\\n");
      case '\v':
        return put("\\v");
      case '\f':
        return put("\\f");
      case '\r':
        return put("\\r");
      case 0x1B:
        return put("\\e");
      case 0x85:
        return put("\\N");
      case 0xA0:
        return put("\\_");
      case 0x2028:
        return put("\\L");
      case 0x2029:
        return put("\\P");
      default:
        break;
    }
    if (rune.valid && is_bare(rune.code)) return put(bytes);
    if (rune.code <= 0xFF) return put_escape('x', rune.code, 2);
    if (rune.code <= 0xFFFF) return put_escape('u', rune.code, 4);
    put_escape('U', rune.code, 8);
  }

  void write_literal(std::string_view text, int indent) {
    if (indent == 0) indent = kIndent;  // A document of nothing but this.
    put("|");
    if (text.front() == ' ' || text.front() == '\n') put(std::to_string(kIndent));
    if (text.back() != '\n') {
      put("-");
    } else if (text.size() == 1 || text[text.size() - 2] == '\n') {
      put("+");
    }
    put_break();
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      if (!line.empty()) {
        put_indent(indent);
        put(line);
      }
      text.remove_prefix(line.size());
      if (!text.empty()) {
        put_break();
        text.remove_prefix(1);
      }
    }
  }

  std::string out_;
  int column_ = 0;  // In characters.
};

}  // namespace

std::string to_yaml(const Document& document) { return Writer().write(document); }

}  // namespace keelson::api
