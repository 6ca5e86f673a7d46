// SPDX-License-Identifier: Apache-2.0
// Service accounts name their secrets, and say nothing else about them.
// Source: upstream, pkg/registry/core/serviceaccount.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class ServiceAccountStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
};

}  // namespace keelson::apiserver
