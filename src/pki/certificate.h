// SPDX-License-Identifier: Apache-2.0
// Keys and X.509 certificates, in PEM. New keys are ECDSA on P-256; RSA is read as well.
// All functions are thread-safe; errors are BadRequest for unusable input unless said otherwise.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "base/executor.h"
#include "base/result.h"

namespace keelson::pki {

constexpr Duration kYear = std::chrono::hours(24 * 365);

struct KeyPair {
  std::string certificate_pem;  // The leaf first, if there are several.
  std::string key_pem;
};

// What is asked for, in a request or from issue().
struct CertificateOptions {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names;
  std::vector<std::string> ip_addresses;
  bool server = false;  // Extended key usages.
  bool client = false;
  Duration validity = kYear;
};

// Reads as upstream's: valid from `now`, for ten years by default; may sign nothing but leaves and
// other authorities.
Result<KeyPair> make_ca(std::string_view common_name, Wall now, Duration validity = 10 * kYear);

// A new key, and a certificate for it signed by `ca`; never valid longer than `ca`.
Result<KeyPair> issue(const KeyPair& ca, const CertificateOptions& options, Wall now);

// A private key alone, as service account tokens are signed with.
Result<std::string> make_key();
// "-----BEGIN PUBLIC KEY-----" of a private key.
Result<std::string> public_key_pem(std::string_view key_pem);

// --- Certificate requests (PKCS #10) -------------------------------------------------------------

// Validity and usages are not part of a request.
Result<std::string> make_request(std::string_view key_pem, const CertificateOptions& options);

struct RequestInfo {
  std::string common_name;
  std::vector<std::string> organizations;
  std::vector<std::string> dns_names, ip_addresses, uris, emails;
};
// Checks the request's own signature too.
Result<RequestInfo> parse_request(std::string_view request_pem);

// --- Reading
// ---------------------------------------------------------------------------------------

struct CertificateInfo {
  std::string common_name;
  std::vector<std::string> organizations;
  std::string issuer_common_name;
  std::string serial;  // Upper-case hexadecimal
  std::vector<std::string> dns_names, ip_addresses, uris, emails;
  Wall not_before, not_after;
  bool is_ca = false;
  bool server = false, client = false;
};
// The first certificate of `pem`.
Result<CertificateInfo> parse_certificate(std::string_view pem);
// Whether private key and first certificate belong together.
bool matches(const KeyPair& pair);

// --- Files
// -----------------------------------------------------------------------------------------

// Errors: NotFound, Forbidden, InternalError, with the path; RequestEntityTooLarge beyond 1 MiB.
Result<std::string> read_file(const std::string& path);
// Whoever reads sees the old contents or the new, never part of them; `mode` as for chmod. Missing
// folders are made (0755). Errors: Forbidden, InternalError.
Result<void> write_file(const std::string& path, std::string_view contents, int mode);

// Checks that both belong together.
Result<KeyPair> load_pair(const std::string& certificate_path, const std::string& key_path);
// The key first and with mode 0600, the certificate with 0644.
Result<void> save_pair(const KeyPair& pair, const std::string& certificate_path,
                       const std::string& key_path);

}  // namespace keelson::pki
