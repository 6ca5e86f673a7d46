// SPDX-License-Identifier: Apache-2.0
// How many pods may be away at once. Source: upstream, pkg/apis/policy/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class DisruptionBudgetStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

}  // namespace keelson::apiserver
