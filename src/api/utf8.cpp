// SPDX-License-Identifier: Apache-2.0
#include "api/utf8.h"

namespace keelson::api {

Rune first_rune(std::string_view text) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const auto follows = [&](std::size_t i) { return i < text.size() && (byte(i) & 0xC0) == 0x80; };
  const std::uint32_t first = byte(0);
  if (first < 0x80) return {first, 1, true};
  if (first >= 0xC2 && first < 0xE0 && follows(1)) {
    return {(first & 0x1F) << 6 | (byte(1) & 0x3Fu), 2, true};
  }
  if (first >= 0xE0 && first < 0xF0 && follows(1) && follows(2)) {
    const std::uint32_t code = (first & 0x0F) << 12 | (byte(1) & 0x3Fu) << 6 | (byte(2) & 0x3Fu);
    if (code >= 0x800 && (code < 0xD800 || code > 0xDFFF)) return {code, 3, true};
  }
  if (first >= 0xF0 && first < 0xF5 && follows(1) && follows(2) && follows(3)) {
    const std::uint32_t code =
        (first & 0x07) << 18 | (byte(1) & 0x3Fu) << 12 | (byte(2) & 0x3Fu) << 6 | (byte(3) & 0x3Fu);
    if (code >= 0x10000 && code < 0x110000) return {code, 4, true};
  }
  return {first, 1, false};
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const Rune rune = first_rune(text);
    if (!rune.valid) return false;
    text.remove_prefix(rune.size);
  }
  return true;
}

bool is_printable(std::uint32_t code) {
  if (code < 0x20 || code == 0x7F) return false;
  if (code < 0x7F) return true;
  if (code < 0xA1 || code == 0xAD) return false;
  if (code == 0x1680 || code == 0x3000 || code == 0xFEFF || code == 0x180E) return false;
  if (code >= 0x2000 && code <= 0x200F) return false;
  if (code >= 0x2028 && code <= 0x202F) return false;
  if (code >= 0x205F && code <= 0x206F) return false;
  if (code >= 0xE000 && code <= 0xF8FF) return false;
  if (code >= 0xFFF0 && code <= 0xFFFB) return false;
  if ((code & 0xFFFE) == 0xFFFE) return false;
  return code < 0xE0000;
}

}  // namespace keelson::api
