// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/coordination_lease.h"

#include "api/coordination/v1.h"
#include "api/names.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

void check_strategy(const std::string& strategy, FieldErrors& errors) {
  // Source: upstream, which says the name twice.
  const FieldPath path = FieldPath("spec").child("strategy", "strategy");
  if (strategy.find('/') != std::string::npos) {
    errors.invalid_each(path, strategy, api::validate_qualified_name(strategy));
  } else if (strategy != "OldestEmulationVersion") {
    errors.not_supported(path, strategy, {"OldestEmulationVersion"});
  }
}

void check_lease(const coordination::v1::Lease& lease, FieldErrors& errors) {
  const auto& spec = lease.spec;
  const FieldPath path("spec");
  if (spec.leaseDurationSeconds && *spec.leaseDurationSeconds <= 0) {
    errors.invalid(path.child("leaseDurationSeconds"), *spec.leaseDurationSeconds,
                   "must be greater than 0");
  }
  if (spec.leaseTransitions && *spec.leaseTransitions < 0) {
    errors.invalid(path.child("leaseTransitions"), *spec.leaseTransitions, api::kNegativeMessage);
  }
  if (spec.strategy) check_strategy(*spec.strategy, errors);
  if (!spec.preferredHolder.value_or("").empty() && spec.strategy.value_or("").empty()) {
    errors.forbidden(path.child("preferredHolder"),
                     "may only be specified if `strategy` is defined");
  }
}

}  // namespace

FieldErrors LeaseStrategy::validate(const api::Document& object) const {
  return check_typed<coordination::v1::Lease>(object, {}, check_lease);
}

}  // namespace keelson::apiserver
