// SPDX-License-Identifier: Apache-2.0
// Namespaces stay until their content has gone: spec.finalizers says who still works on that.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class NamespaceStrategy : public Strategy {
 public:
  void prepare_for_create(api::Document& object, const CallContext& call) const override;
  bool prepare_for_update(api::Document& now, const api::Document& before,
                          const CallContext& call) const override;
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
  // finalize.
  api::FieldErrors validate_subresource_update(const api::Document& now,
                                               const api::Document& before,
                                               std::string_view subresource) const override;
  api::FieldErrors validate_status_update(const api::Document& now,
                                          const api::Document& before) const override;
  std::vector<std::string> validate_name(std::string_view name, bool prefix) const override;
  bool holds_deletion(api::Document& object) const override;
};

}  // namespace keelson::apiserver
