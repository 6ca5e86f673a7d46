// SPDX-License-Identifier: Apache-2.0
// Rules of a kind are written on its struct; strategies are handed documents.
#pragma once

#include <utility>

#include "api/codec/json.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

// `errors`, and what `check(const T&, FieldErrors&)` finds in the object.
template <class T, class Check>
api::FieldErrors check_typed(const api::Document& object, api::FieldErrors errors, Check check) {
  const auto typed = api::decode<T>(object);
  if (typed) {
    check(*typed, errors);
  } else {
    errors.internal({}, typed.error().message());
  }
  return errors;
}

}  // namespace keelson::apiserver
