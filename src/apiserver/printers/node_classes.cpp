// SPDX-License-Identifier: Apache-2.0
// API group node.k8s.io.
#include "api/node/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

Cells runtime_class_cells(const node::v1::RuntimeClass& value, Wall now) {
  return {value.metadata.name, value.handler, age_of(value, now)};
}

constexpr Printer kPrinters[] = {printer<node::v1::RuntimeClass, runtime_class_cells>()};

}  // namespace

std::span<const Printer> node_printers() { return kPrinters; }

}  // namespace keelson::apiserver
