// SPDX-License-Identifier: Apache-2.0
// Pods: their first state, what may change, and how long they take to go.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class PodStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  void prepare_for_status_update(api::Document& now, const api::Document& before) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_create(const api::Document& object,
                                   const CallContext& call) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_subresource_update(const api::Document& now,
                                               const api::Document& before,
                                               std::string_view subresource) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
  std::optional<std::int64_t> grace_period(const api::Object& object,
                                           std::optional<std::int64_t> requested) const override;
};

}  // namespace keelson::apiserver
