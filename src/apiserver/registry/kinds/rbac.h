// SPDX-License-Identifier: Apache-2.0
// Roles and bindings: their names may hold colons.
#pragma once

#include "api/names.h"
#include "apiserver/registry/strategy.h"

namespace keelson::apiserver {

class RbacStrategy final : public Strategy {
 public:
  std::vector<std::string> validate_name(std::string_view name, bool prefix) const override {
    return api::name_is_path_segment(name, prefix);
  }
};

}  // namespace keelson::apiserver
