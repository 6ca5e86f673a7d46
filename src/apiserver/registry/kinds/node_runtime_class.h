// SPDX-License-Identifier: Apache-2.0
// Runtime classes: pods have been started by what they say. Source: upstream,
// pkg/apis/node/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class RuntimeClassStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
