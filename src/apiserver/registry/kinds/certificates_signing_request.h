// SPDX-License-Identifier: Apache-2.0
// Requests for certificates say who made them; the request cannot.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class SigningRequestStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
};

}  // namespace keelson::apiserver
