// SPDX-License-Identifier: Apache-2.0
// What scales by itself. Source: upstream, pkg/apis/autoscaling/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class AutoscalerStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

}  // namespace keelson::apiserver
