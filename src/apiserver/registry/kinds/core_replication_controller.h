// SPDX-License-Identifier: Apache-2.0
// Source: upstream, ValidateReplicationControllerSpec.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class ReplicationControllerStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
  // Source: upstream, kept since before there was a choice.
  Dependents default_dependents() const override { return Dependents::Orphan; }
};

}  // namespace keelson::apiserver
