// SPDX-License-Identifier: Apache-2.0
// What flow collections, [a, b] and {a: b}, may cost. The parser keeps every token of one until it
// ends, since all of it might turn out to be a key; at some 250 bytes a token that is too much to
// find out afterwards.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/result.h"

namespace keelson::api {

// Indicators and scalars in one outermost flow collection. (Upstream has no such bound, only the
// one on the size of a body. What clients send as YAML in earnest has blocks, or is JSON as a
// whole.)
inline constexpr std::size_t kYamlFlowTokensMax = 200'000;

// Reads just enough of YAML to tell where flow collections are: quotes, comments and block scalars
// may hold any brackets. Text that is not YAML passes; the parser will say what is wrong with it.
// Errors: BadRequest, "exceeded max depth of 1000", "line 3: more than ..."; without a context.
Result<void> check_yaml_flow(std::string_view text, int depth_max);

}  // namespace keelson::api
