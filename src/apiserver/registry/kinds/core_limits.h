// SPDX-License-Identifier: Apache-2.0
// Bounds for what a namespace's objects may ask for, one by one and all together.
// Source: upstream, pkg/apis/core/validation, ValidateLimitRange and ValidateResourceQuota.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class LimitRangeStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
};

class ResourceQuotaStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  // The scopes say which objects have been counted.
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

}  // namespace keelson::apiserver
