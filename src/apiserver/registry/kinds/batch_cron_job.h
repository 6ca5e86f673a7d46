// SPDX-License-Identifier: Apache-2.0
// Jobs on a schedule. Source: upstream, pkg/apis/batch/validation, ValidateCronJobCreate.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class CronJobStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_create(const api::Document& object,
                                   const CallContext& call) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
