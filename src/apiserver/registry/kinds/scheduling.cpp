// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/scheduling.h"

#include "api/names.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {

api::FieldErrors PriorityClassStrategy::validate_update(const api::Document& now,
                                                        const api::Document& before) const {
  api::FieldErrors errors = validate(now);
  if (int_at(now, {"value"}) != int_at(before, {"value"})) {
    errors.forbidden("value", "may not be changed in an update.");
  }
  const auto policy = api::string_at(now, {"preemptionPolicy"});
  if (policy != api::string_at(before, {"preemptionPolicy"})) {
    errors.invalid("preemptionPolicy", policy, api::kImmutableMessage);
  }
  return errors;
}

}  // namespace keelson::apiserver
