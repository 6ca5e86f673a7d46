// SPDX-License-Identifier: Apache-2.0
// What is wrong with a CertificateSigningRequest, and with a change of one. Source: upstream,
// pkg/apis/certificates/validation and pkg/apis/core/validation, ValidateSignerName.
#pragma once

#include <string>
#include <string_view>

#include "api/certificates/v1.h"
#include "api/validation/field_error.h"

namespace keelson::apiserver {

// Ways to change a request: what each may do beyond what all may.
enum class SigningChange : std::uint8_t { Object, Approval, Status };

// Values of closed enumerations are not looked at: schema_check.h does.
void check_signing_request(const certificates::v1::CertificateSigningRequest& request,
                           api::FieldErrors& errors);
// What the object breaks already is forgiven.
void check_signing_change(const certificates::v1::CertificateSigningRequest& now,
                          const certificates::v1::CertificateSigningRequest& before,
                          SigningChange change, api::FieldErrors& errors);

// "example.com/name".
void check_signer_name(const std::string& name, const api::FieldPath& path,
                       api::FieldErrors& errors);
// Why `pem` is not a chain of certificates and nothing else; "" if it is, or is empty.
std::string certificate_error(std::string_view pem);

}  // namespace keelson::apiserver
