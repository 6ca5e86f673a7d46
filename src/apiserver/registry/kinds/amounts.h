// SPDX-License-Identifier: Apache-2.0
// Numbers of pods, plain or in percent. Source: upstream, pkg/apis/apps/validation,
// ValidatePositiveIntOrPercent and its kin.
#pragma once

#include <optional>

#include "api/scalars.h"
#include "api/validation/field_error.h"
#include "api/validation/object_meta.h"

namespace keelson::apiserver {

// As the API writes it: a number, or a text.
api::FieldValue shown(const api::IntOrString& amount);

void check_amount(const api::IntOrString& amount, const api::FieldPath& path,
                  api::FieldErrors& errors);
void check_at_most_all(const api::IntOrString& amount, const api::FieldPath& path,
                       api::FieldErrors& errors);
// 0, "0%", or not set.
bool is_zero(const std::optional<api::IntOrString>& amount);

// A count that may be left out, but not be negative.
template <class Number>
void check_count(const std::optional<Number>& count, const api::FieldPath& path,
                 api::FieldErrors& errors) {
  if (count) errors += api::validate_not_negative(*count, path);
}

}  // namespace keelson::apiserver
