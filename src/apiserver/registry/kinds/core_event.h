// SPDX-License-Identifier: Apache-2.0
// Events. Those of the older version may say nearly anything; events.k8s.io asks for more, and lets
// only the series of an event change.
// Source: upstream, pkg/apis/core/validation/events.go.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class EventStrategy : public Strategy {
 public:
  std::vector<std::string> validate_name(std::string_view name, bool prefix) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_create(const api::Document& object,
                                   const CallContext& call) const override;
  api::FieldErrors validate_update_by(const api::Document& now, const api::Document& before,
                                      const CallContext& call) const override;
};

}  // namespace keelson::apiserver
