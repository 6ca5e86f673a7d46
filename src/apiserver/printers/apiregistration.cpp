// SPDX-License-Identifier: Apache-2.0
#include "api/apiregistration/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using apiregistration::v1::APIService;

// "True", or why not: "False (MissingEndpoints)".
std::string availability_of(const APIService& service) {
  for (const auto& condition : service.status.conditions) {
    if (condition.type != "Available") continue;
    if (condition.status == "True" || condition.reason.empty()) return condition.status;
    return condition.status + " (" + condition.reason + ")";
  }
  return "Unknown";
}

Cells api_service_cells(const APIService& service, Wall now) {
  const auto& backend = service.spec.service;
  return {service.metadata.name,
          backend ? backend->namespace_ + "/" + backend->name : std::string("Local"),
          availability_of(service), age_of(service, now)};
}

constexpr Printer kPrinters[] = {printer<APIService, api_service_cells>()};

}  // namespace

std::span<const Printer> apiregistration_printers() { return kPrinters; }

}  // namespace keelson::apiserver
