// SPDX-License-Identifier: Apache-2.0
// Defaults of rbac.authorization.k8s.io/v1.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"rbac/v1.ClusterRoleBinding", "roleRef.apiGroup", When::Empty,
     R"("rbac.authorization.k8s.io")"},
    {"rbac/v1.RoleBinding", "roleRef.apiGroup", When::Empty, R"("rbac.authorization.k8s.io")"},
};

// Service accounts are of the core group, which is the empty one.
void subject(object& value, const Context&) {
  const std::string_view kind = text_of(value, "kind");
  if (kind == "User" || kind == "Group") {
    fill(value, "apiGroup", When::Empty, "rbac.authorization.k8s.io");
  }
}

constexpr Function kFunctions[] = {{"rbac/v1.Subject", subject}};

}  // namespace

const Rules kRbacRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
