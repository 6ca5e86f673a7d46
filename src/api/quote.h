// SPDX-License-Identifier: Apache-2.0
// Text as upstream's messages show it, so that clients which match on messages find what they know.
#pragma once

#include <boost/json/fwd.hpp>
#include <string>
#include <string_view>

namespace keelson::api {

// In double quotes with escapes, as Go's strconv.Quote: printable runes stay as they are.
std::string quoted(std::string_view text);

// Compact JSON as Go's encoding/json writes a decoded document: keys sorted, <, > and & escaped.
std::string go_json(const boost::json::value& value);

// A decoded document as Go's fmt prints it with %v: map[a:1 b:[x y]], nil as <nil>.
std::string go_value(const boost::json::value& value);

}  // namespace keelson::api
