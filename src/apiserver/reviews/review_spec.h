// SPDX-License-Identifier: Apache-2.0
// What a review asks.
#pragma once

#include "api/codec/json.h"
#include "api/document.h"

namespace keelson::apiserver {

// The spec of a review, empty if it has none; a type that has all its fields will do.
// Errors: BadRequest when it is of another form.
template <class Spec>
Result<Spec> review_spec(const api::Document& review) {
  const api::Document* spec = api::find_at(review, {"spec"});
  if (spec == nullptr) return Spec{};
  return api::decode<Spec>(*spec);
}

}  // namespace keelson::apiserver
