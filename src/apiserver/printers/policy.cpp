// SPDX-License-Identifier: Apache-2.0
#include "api/policy/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using policy::v1::PodDisruptionBudget;

std::string text_of(const std::optional<api::IntOrString>& value) {
  return value ? value->text() : "N/A";
}

Cells budget_cells(const PodDisruptionBudget& budget, Wall now) {
  return {budget.metadata.name, text_of(budget.spec.minAvailable),
          text_of(budget.spec.maxUnavailable), budget.status.disruptionsAllowed,
          age_of(budget, now)};
}

constexpr Printer kPrinters[] = {printer<PodDisruptionBudget, budget_cells>()};

}  // namespace

std::span<const Printer> policy_printers() { return kPrinters; }

}  // namespace keelson::apiserver
