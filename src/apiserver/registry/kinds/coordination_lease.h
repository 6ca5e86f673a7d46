// SPDX-License-Identifier: Apache-2.0
// Leases. Source: upstream, pkg/apis/coordination/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class LeaseStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
};

}  // namespace keelson::apiserver
