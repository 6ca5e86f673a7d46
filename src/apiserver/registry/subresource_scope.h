// SPDX-License-Identifier: Apache-2.0
// What an update of a subresource may change, where its body is the whole object.
#pragma once

#include <string_view>

#include "api/document.h"

namespace keelson::apiserver {

// Puts everything back to `before` that an update through `subresource` may not change. "status",
// "scale" and "binding" are not for this function; unknown subresources change nothing.
void keep_outside_scope(api::Document& now, const api::Document& before,
                        std::string_view subresource);

}  // namespace keelson::apiserver
