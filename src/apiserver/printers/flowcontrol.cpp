// SPDX-License-Identifier: Apache-2.0
#include "api/flowcontrol/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace flowcontrol::v1;

Cells flow_schema_cells(const FlowSchema& schema, Wall now) {
  const auto& method = schema.spec.distinguisherMethod;
  std::string dangling = "?";
  for (const auto& condition : schema.status.conditions) {
    if (condition.type == "Dangling") dangling = condition.status;
  }
  return {schema.metadata.name,
          schema.spec.priorityLevelConfiguration.name,
          schema.spec.matchingPrecedence,
          method ? method->type : std::string(kNone),
          age_of(schema, now),
          dangling};
}

Cells priority_level_cells(const PriorityLevelConfiguration& level, Wall now) {
  const boost::json::value none(kNone);
  boost::json::value shares = none, queues = none, hand_size = none, length = none;
  if (const auto& limited = level.spec.limited) {
    if (limited->nominalConcurrencyShares) shares = *limited->nominalConcurrencyShares;
    if (const auto& queuing = limited->limitResponse.queuing) {
      queues = queuing->queues;
      hand_size = queuing->handSize;
      length = queuing->queueLengthLimit;
    }
  }
  return {level.metadata.name, level.spec.type, shares, queues, hand_size, length,
          age_of(level, now)};
}

constexpr Printer kPrinters[] = {
    printer<FlowSchema, flow_schema_cells>(),
    printer<PriorityLevelConfiguration, priority_level_cells>(),
};

}  // namespace

std::span<const Printer> flowcontrol_printers() { return kPrinters; }

}  // namespace keelson::apiserver
