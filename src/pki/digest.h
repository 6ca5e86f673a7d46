// SPDX-License-Identifier: Apache-2.0
// Digests, and the text forms of binary data. Bytes travel in std::string.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "base/result.h"

namespace keelson::pki {

// 32 raw bytes each.
std::string sha256(std::string_view data);
std::string hmac_sha256(std::string_view key, std::string_view data);

// Lower-case hexadecimal.
std::string hex(std::string_view bytes);

// RFC 4648: section 4 (with padding) and section 5 (URL alphabet, without padding).
// Decoding is strict. Errors: BadRequest for a foreign character, a wrong length or padding, or
// bits that no encoder sets.
std::string base64(std::string_view bytes);
Result<std::string> base64_decode(std::string_view text);
std::string base64url(std::string_view bytes);
Result<std::string> base64url_decode(std::string_view text);

// Takes as long for any two of the same length, whatever they hold; for secrets.
bool constant_time_equal(std::string_view a, std::string_view b);

// Fit for keys and tokens; from the kernel.
std::string random_bytes(std::size_t size);

}  // namespace keelson::pki
