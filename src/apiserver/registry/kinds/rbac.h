// SPDX-License-Identifier: Apache-2.0
// Roles and bindings: their names may hold colons, and what a binding grants cannot change.
// Source: upstream, pkg/apis/rbac/validation.
#pragma once

#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class RoleStrategy : public Strategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  std::vector<std::string> validate_name(std::string_view name, bool prefix) const override;
};

class RoleBindingStrategy : public RoleStrategy {
 public:
  api::FieldErrors validate(const api::Document& object) const override;
  api::FieldErrors validate_update(const api::Document& now,
                                   const api::Document& before) const override;
};

}  // namespace keelson::apiserver
