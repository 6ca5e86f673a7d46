// SPDX-License-Identifier: Apache-2.0
// What comes in from outside, and what may talk to what. Source: upstream,
// pkg/apis/networking/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class IngressStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_create(const api::Document& object,
                                   const CallContext& call) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
};

class IngressClassStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

class NetworkPolicyStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
};

}  // namespace keelson::apiserver
