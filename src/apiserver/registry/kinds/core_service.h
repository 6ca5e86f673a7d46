// SPDX-License-Identifier: Apache-2.0
// Services: what was allocated stays with them, and what their type has no use for goes.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class ServiceStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
  std::vector<std::string> validate_name(std::string_view name, bool prefix) const override;
};

}  // namespace keelson::apiserver
