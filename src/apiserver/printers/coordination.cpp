// SPDX-License-Identifier: Apache-2.0
#include "api/coordination/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

Cells lease_cells(const coordination::v1::Lease& lease, Wall now) {
  return {lease.metadata.name, lease.spec.holderIdentity.value_or(""), age_of(lease, now)};
}

constexpr Printer kPrinters[] = {printer<coordination::v1::Lease, lease_cells>()};

}  // namespace

std::span<const Printer> coordination_printers() { return kPrinters; }

}  // namespace keelson::apiserver
