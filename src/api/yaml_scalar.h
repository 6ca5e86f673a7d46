// SPDX-License-Identifier: Apache-2.0
// What a YAML scalar without quotes and tag stands for. Source: go-yaml version 2, resolve.go.
#pragma once

#include <string_view>

#include "api/document.h"

namespace keelson::api {

// Null, a boolean, a number (std::int64_t, or std::uint64_t above its range, or double, also not a
// number or infinite), else the text itself.
Document resolve_plain_scalar(std::string_view text);

// Whether the text is a string again when it is written without quotes. False also for times and
// for numbers of base 60, which other readers of YAML would take for something else.
bool is_plain_string(std::string_view text);

}  // namespace keelson::api
