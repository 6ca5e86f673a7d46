// SPDX-License-Identifier: Apache-2.0
#include "api/json_scan.h"

#include <cstdint>
#include <cstring>

namespace keelson::api {
namespace {

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

// Four hexadecimal digits at `at`; -1 if there are none.
std::int32_t hex4(std::string_view text, std::size_t at) {
  if (at + 4 > text.size()) return -1;
  std::int32_t value = 0;
  for (std::size_t i = at; i < at + 4; ++i) {
    const int digit = hex_digit(text[i]);
    if (digit < 0) return -1;
    value = value * 16 + digit;
  }
  return value;
}

void append_utf8(std::string& out, std::uint32_t code) {
  if (code < 0x80) {
    out.push_back(static_cast<char>(code));
  } else if (code < 0x800) {
    out.push_back(static_cast<char>(0xC0 | (code >> 6)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else if (code < 0x10000) {
    out.push_back(static_cast<char>(0xE0 | (code >> 12)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  } else {
    out.push_back(static_cast<char>(0xF0 | (code >> 18)));
    out.push_back(static_cast<char>(0x80 | ((code >> 12) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | ((code >> 6) & 0x3F)));
    out.push_back(static_cast<char>(0x80 | (code & 0x3F)));
  }
}

}  // namespace

bool unescape_json(std::string_view raw, std::string& out) {
  out.clear();
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] != '\\') {
      out.push_back(raw[i]);
      continue;
    }
    if (++i >= raw.size()) return false;
    switch (raw[i]) {
      case '"':
        out.push_back('"');
        break;
      case '\\':
        out.push_back('\\');
        break;
      case '/':
        out.push_back('/');
        break;
      case 'b':
        out.push_back('\b');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 't':
        out.push_back('\t');
        break;
      case 'u': {
        const std::int32_t unit = hex4(raw, i + 1);
        if (unit < 0) return false;
        i += 4;
        auto code = static_cast<std::uint32_t>(unit);
        if (code >= 0xD800 && code < 0xE000) {
          const std::int32_t low =
              code < 0xDC00 && i + 2 < raw.size() && raw[i + 1] == '\\' && raw[i + 2] == 'u'
                  ? hex4(raw, i + 3)
                  : -1;
          if (low >= 0xDC00 && low < 0xE000) {
            code = 0x10000 + ((code - 0xD800) << 10) + (static_cast<std::uint32_t>(low) - 0xDC00);
            i += 6;
          } else {
            code = 0xFFFD;  // A lone surrogate, as Go's decoder has it.
          }
        }
        append_utf8(out, code);
        break;
      }
      default:
        return false;
    }
  }
  return true;
}

bool JsonScanner::fail() {
  failed_ = true;
  at_ = text_.size();
  return false;
}

void JsonScanner::skip_space() {
  while (at_ < text_.size() &&
         (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
    ++at_;
  }
}

bool JsonScanner::take(char c) {
  skip_space();
  if (at_ >= text_.size() || text_[at_] != c) return false;
  ++at_;
  return true;
}

bool JsonScanner::at_end() {
  skip_space();
  return at_ >= text_.size();
}

bool JsonScanner::take_null() {
  skip_space();
  if (text_.substr(at_, 4) != "null") return false;
  at_ += 4;
  return true;
}

bool JsonScanner::enter_object() {
  if (!take('{')) return fail();
  first_ = true;
  return true;
}

bool JsonScanner::next_member(std::string_view& name) {
  if (failed_ || take('}')) {
    first_ = false;
    return false;
  }
  if (!first_ && !take(',')) return fail();
  first_ = false;
  skip_space();
  bool escaped = false;
  if (!raw_string(name, escaped)) return false;
  if (escaped) {
    if (!unescape_json(name, name_)) return fail();
    name = name_;
  }
  return take(':') || fail();
}

bool JsonScanner::raw_string(std::string_view& raw, bool& escaped) {
  if (at_ >= text_.size() || text_[at_] != '"') return fail();
  const std::size_t begin = ++at_;
  escaped = false;
  while (at_ < text_.size()) {
    const char c = text_[at_];
    if (c == '"') {
      raw = text_.substr(begin, at_ - begin);
      ++at_;
      return true;
    }
    if (c == '\\') {
      escaped = true;
      ++at_;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      return fail();
    }
    ++at_;
  }
  return fail();
}

bool JsonScanner::read_string(std::string& out) {
  skip_space();
  std::string_view raw;
  bool escaped = false;
  if (!raw_string(raw, escaped)) return false;
  if (!escaped) {
    out.assign(raw);
    return true;
  }
  return unescape_json(raw, out) || fail();
}

bool JsonScanner::skip_scalar() {
  const char c = text_[at_];
  if (c == '"') {
    std::string_view raw;
    bool escaped = false;
    return raw_string(raw, escaped);
  }
  for (std::string_view word : {"true", "false", "null"}) {
    if (text_.substr(at_, word.size()) == word) {
      at_ += word.size();
      return true;
    }
  }
  const std::size_t begin = at_;
  while (at_ < text_.size() && (std::strchr("+-.eE", text_[at_]) != nullptr ||
                                (text_[at_] >= '0' && text_[at_] <= '9'))) {
    ++at_;
  }
  return at_ > begin || fail();
}

// Iterative, so that deep input cannot use up the stack. `closers` holds the brackets still open.
bool JsonScanner::skip_value() {
  first_ = false;
  std::string closers;
  while (true) {
    skip_space();
    if (at_ >= text_.size()) return fail();
    bool opened = false;
    if (text_[at_] == '{' || text_[at_] == '[') {
      if (closers.size() >= kDepthMax) return fail();
      closers.push_back(text_[at_] == '{' ? '}' : ']');
      ++at_;
      opened = true;
    } else if (!skip_scalar()) {
      return false;
    }
    while (!closers.empty()) {
      if (take(closers.back())) {
        closers.pop_back();
        opened = false;
        continue;
      }
      if (!opened && !take(',')) return fail();
      if (closers.back() == '}') {
        skip_space();
        std::string_view name;
        bool escaped = false;
        if (!raw_string(name, escaped) || !take(':')) return fail();
      }
      break;
    }
    if (closers.empty()) return true;
  }
}

}  // namespace keelson::api
