// SPDX-License-Identifier: Apache-2.0
// Compressed answers. Source: RFC 9110, section 8.4; RFC 1952.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"

namespace keelson::apiserver {

// Whether a request's Accept-Encoding names gzip.
bool accepts_gzip(const net::Headers& headers);

// `level`: 1, quick, to 9, small. Nothing if zlib refuses.
std::optional<std::string> gzip(std::string_view bytes, int level);
// Of what gzip() made. Bytes of anybody else would need a bound.
std::string gunzip(std::string_view bytes);

}  // namespace keelson::apiserver
