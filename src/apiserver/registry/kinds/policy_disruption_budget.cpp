// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/policy_disruption_budget.h"

#include "api/policy/v1.h"
#include "api/selector.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/amounts.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using policy::v1::PodDisruptionBudget;

void check_limit(const std::optional<api::IntOrString>& amount, const FieldPath& path,
                 FieldErrors& errors) {
  if (!amount) return;
  check_amount(*amount, path, errors);
  check_at_most_all(*amount, path, errors);
}

void check_budget(const PodDisruptionBudget& budget, FieldErrors& errors) {
  const auto& spec = budget.spec;
  const FieldPath path("spec");
  if (spec.minAvailable && spec.maxUnavailable) {
    errors.invalid(path, api::encode_document(spec),
                   "minAvailable and maxUnavailable cannot be both set");
  }
  check_limit(spec.minAvailable, path.child("minAvailable"), errors);
  check_limit(spec.maxUnavailable, path.child("maxUnavailable"), errors);
  if (spec.selector) {
    errors += api::validate_label_selector(*spec.selector, path.child("selector"));
  }
}

void check_budget_status(const PodDisruptionBudget& budget, FieldErrors& errors) {
  const auto& status = budget.status;
  const FieldPath path("status");
  errors += api::validate_conditions(status.conditions, path.child("conditions"));
  const std::pair<std::string_view, std::int32_t> counts[] = {
      {"disruptionsAllowed", status.disruptionsAllowed},
      {"currentHealthy", status.currentHealthy},
      {"desiredHealthy", status.desiredHealthy},
      {"expectedPods", status.expectedPods}};
  for (const auto& [member, count] : counts) {
    errors += api::validate_not_negative(count, path.child(member));
  }
}

}  // namespace

FieldErrors DisruptionBudgetStrategy::validate(const api::Document& object) const {
  return check_typed<PodDisruptionBudget>(object, Strategy::validate(object), check_budget);
}

FieldErrors DisruptionBudgetStrategy::validate_status_update(const api::Document& now,
                                                             const api::Document&) const {
  return check_typed<PodDisruptionBudget>(now, {}, check_budget_status);
}

}  // namespace keelson::apiserver
