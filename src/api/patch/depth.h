// SPDX-License-Identifier: Apache-2.0
// Keeps patches from nesting a document deeper than any code that walks it by recursion expects.
#pragma once

#include "api/codec/json.h"
#include "api/document.h"

namespace keelson::api {

// Whether `value`, `depth` levels down in a document, stays within kJsonDepthMax.
inline bool fits_depth(const Document& value, int depth) {
  if (depth > kJsonDepthMax) return false;
  if (const auto* object = value.if_object()) {
    for (const auto& member : *object) {
      if (!fits_depth(member.value(), depth + 1)) return false;
    }
  } else if (const auto* array = value.if_array()) {
    for (const auto& element : *array) {
      if (!fits_depth(element, depth + 1)) return false;
    }
  }
  return true;
}

}  // namespace keelson::api
