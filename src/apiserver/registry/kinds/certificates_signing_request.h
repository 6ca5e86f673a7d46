// SPDX-License-Identifier: Apache-2.0
// Requests for certificates say who made them; the request cannot. Who approves and who signs are
// two: neither does the other's work. Source: upstream, pkg/registry/certificates/certificates and
// pkg/apis/certificates/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class SigningRequestStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
  // Keeps the verdicts that there were.
  void prepare_for_status_update(api::Document& now, const api::Document& before) const override;
  std::vector<std::string> validate_name(std::string_view name, bool prefix) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
  api::FieldErrors validate_subresource_update(const api::Document& now,
                                               const api::Document& before,
                                               std::string_view subresource) const override;
};

}  // namespace keelson::apiserver
