// SPDX-License-Identifier: Apache-2.0
// API group resource.k8s.io.
#include "api/resource/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace resource::v1;

template <class T>
Cells name_and_age(const T& value, Wall now) {
  return {value.metadata.name, age_of(value, now)};
}

std::string state_of(const ResourceClaim& claim) {
  std::vector<std::string> states;
  if (claim.metadata.deletionTimestamp) states.emplace_back("deleted");
  if (claim.status.allocation) {
    states.emplace_back("allocated");
    if (!claim.status.reservedFor.empty()) states.emplace_back("reserved");
  } else if (states.empty()) {
    states.emplace_back("pending");
  }
  return join(states, ",");
}

Cells claim_cells(const ResourceClaim& claim, Wall now) {
  return {claim.metadata.name, state_of(claim), age_of(claim, now)};
}

Cells slice_cells(const ResourceSlice& slice, Wall now) {
  return {slice.metadata.name, slice.spec.nodeName.value_or(""), slice.spec.driver,
          slice.spec.pool.name, age_of(slice, now)};
}

constexpr Printer kPrinters[] = {
    printer<DeviceClass, name_and_age<DeviceClass>>(),
    printer<ResourceClaim, claim_cells>(),
    printer<ResourceClaimTemplate, name_and_age<ResourceClaimTemplate>>(),
    printer<ResourceSlice, slice_cells>(),
};

}  // namespace

std::span<const Printer> resource_printers() { return kPrinters; }

}  // namespace keelson::apiserver
