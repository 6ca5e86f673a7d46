// SPDX-License-Identifier: Apache-2.0
#include <chrono>

#include "api/certificates/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using certificates::v1::CertificateSigningRequest;

std::string condition_of(const CertificateSigningRequest& request) {
  bool approved = false, denied = false, failed = false;
  for (const auto& condition : request.status.conditions) {
    approved |= condition.type == "Approved";
    denied |= condition.type == "Denied";
    failed |= condition.type == "Failed";
  }
  std::string text = denied ? "Denied" : approved ? "Approved" : "Pending";
  if (failed) text += ",Failed";
  if (!request.status.certificate.empty()) text += ",Issued";
  return text;
}

Cells request_cells(const CertificateSigningRequest& request, Wall now) {
  const auto& expiration = request.spec.expirationSeconds;
  return {request.metadata.name,
          age_of(request, now),
          or_else(request.spec.signerName, kNone),
          request.spec.username,
          expiration ? human_duration(std::chrono::seconds(*expiration)) : std::string(kNone),
          condition_of(request)};
}

constexpr Printer kPrinters[] = {printer<CertificateSigningRequest, request_cells>()};

}  // namespace

std::span<const Printer> certificates_printers() { return kPrinters; }

}  // namespace keelson::apiserver
