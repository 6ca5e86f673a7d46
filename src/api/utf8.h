// SPDX-License-Identifier: Apache-2.0
// One character at a time off UTF-8 text that may be broken. Source: RFC 3629.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace keelson::api {

struct Rune {
  std::uint32_t code;
  std::size_t size;  // Bytes.
  bool valid;
};

// The character at the start of `text`, which is not empty. Where that is no UTF-8: the first byte,
// not valid. Overlong forms and surrogates are not valid.
Rune first_rune(std::string_view text);
// Whether all of it is.
bool is_utf8(std::string_view text);

// Close to Go's unicode.IsPrint: no controls, no separators other than the space, no surrogates, no
// private use, no format characters that are common.
bool is_printable(std::uint32_t code);

}  // namespace keelson::api
