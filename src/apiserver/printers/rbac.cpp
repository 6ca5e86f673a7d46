// SPDX-License-Identifier: Apache-2.0
#include "api/rbac/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace rbac::v1;

template <class Binding>
Cells binding_cells(const Binding& binding, Wall now) {
  std::vector<std::string> users, groups, accounts;
  for (const Subject& subject : binding.subjects) {
    if (subject.kind == "User") users.push_back(subject.name);
    if (subject.kind == "Group") groups.push_back(subject.name);
    if (subject.kind == "ServiceAccount") {
      accounts.push_back(subject.namespace_ + "/" + subject.name);
    }
  }
  return {binding.metadata.name, binding.roleRef.kind + "/" + binding.roleRef.name,
          age_of(binding, now),  join(users, ", "),
          join(groups, ", "),    join(accounts, ", ")};
}

constexpr Printer kPrinters[] = {
    printer<ClusterRoleBinding, binding_cells<ClusterRoleBinding>>(),
    printer<RoleBinding, binding_cells<RoleBinding>>(),
};

}  // namespace

std::span<const Printer> rbac_printers() { return kPrinters; }

}  // namespace keelson::apiserver
