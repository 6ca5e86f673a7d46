// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648). Bytes travel in std::string.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace keelson {

// Section 4: the standard alphabet, with padding. Decoding skips line breaks and does not look at
// the bits that padding leaves over, as Go's encoding/json does for bytes.
// Errors: BadRequest, with Go's text.
std::string base64_encode(std::string_view bytes);
Result<std::string> base64_decode(std::string_view text);

// Section 5: the URL alphabet, without padding. Decoding is strict, so that a token has one text
// only. Errors: BadRequest for a foreign character, a wrong length, or bits that no encoder sets.
std::string base64url_encode(std::string_view bytes);
Result<std::string> base64url_decode(std::string_view text);

}  // namespace keelson
