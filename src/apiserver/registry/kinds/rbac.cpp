// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/rbac.h"

#include "api/names.h"

namespace keelson::apiserver {

std::vector<std::string> RoleStrategy::validate_name(std::string_view name, bool prefix) const {
  return api::name_is_path_segment(name, prefix);
}

api::FieldErrors RoleBindingStrategy::validate_update(const api::Document& now,
                                                      const api::Document& before) const {
  api::FieldErrors errors = validate(now);
  const auto* role = api::find_at(now, {"roleRef"});
  const auto* old = api::find_at(before, {"roleRef"});
  if (role != nullptr && old != nullptr && *role != *old) {
    errors.invalid("roleRef", *role, "cannot change roleRef");
  }
  return errors;
}

}  // namespace keelson::apiserver
