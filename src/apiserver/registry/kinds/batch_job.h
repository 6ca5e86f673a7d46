// SPDX-License-Identifier: Apache-2.0
// Jobs choose their pods by their own uid, unless the user does.
#pragma once

#include "api/batch/v1.h"
#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

// What holds for a Job wherever it comes from; its selector is not looked at. Source: upstream,
// pkg/apis/batch/validation, validateJobSpec.
void check_job_spec(const batch::v1::JobSpec& spec, const api::FieldPath& path,
                    api::FieldErrors& errors);

class JobStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  // Source: upstream, kept since before there was a choice.
  Dependents default_dependents() const override { return Dependents::Orphan; }
};

}  // namespace keelson::apiserver
