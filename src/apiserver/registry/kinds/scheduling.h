// SPDX-License-Identifier: Apache-2.0
// Priority classes: pods have copied their value, so it stays. Source: upstream,
// pkg/apis/scheduling/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class PriorityClassStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
