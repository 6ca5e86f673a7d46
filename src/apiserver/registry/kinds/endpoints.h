// SPDX-License-Identifier: Apache-2.0
// Addresses behind services, in both forms. Source: upstream, pkg/apis/core/validation,
// ValidateEndpoints; pkg/apis/discovery/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class EndpointsStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
};

class EndpointSliceStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
