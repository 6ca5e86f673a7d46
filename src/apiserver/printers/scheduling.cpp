// SPDX-License-Identifier: Apache-2.0
#include "api/scheduling/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

Cells priority_class_cells(const scheduling::v1::PriorityClass& value, Wall now) {
  return {value.metadata.name, value.value, value.globalDefault, age_of(value, now),
          value.preemptionPolicy.value_or("")};
}

constexpr Printer kPrinters[] = {printer<scheduling::v1::PriorityClass, priority_class_cells>()};

}  // namespace

std::span<const Printer> scheduling_printers() { return kPrinters; }

}  // namespace keelson::apiserver
