// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"
#include "pki/certificate.h"
#include "pki/jwt.h"

namespace {

using namespace keelson;

std::string pem(const std::string& label, std::string_view der) {
  return "-----BEGIN " + label + "-----\n" + base64_encode(der) + "\n-----END " + label + "-----\n";
}

void try_pem(const std::string& text) {
  (void)pki::parse_certificate(text);
  (void)pki::parse_request(text);
  (void)pki::public_key_pem(text);
  (void)pki::make_token_signer(text);
  (void)pki::make_token_verifier({text});
}

// A verifier of nobody's tokens: no input may pass it.
void try_token(std::string_view text) {
  static const auto verifier = pki::make_token_verifier({pki::make_key().value()}).value();
  CHECK(!verifier->verify(text));
  (void)pki::unverified_claims(text);
}

}  // namespace

// The input as text of a file or a token, as what a file has between its lines, and as a token's
// parts.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_pem(std::string(bytes));
  for (const char* label : {"CERTIFICATE", "CERTIFICATE REQUEST", "PRIVATE KEY", "PUBLIC KEY"})
    try_pem(pem(label, bytes));
  try_token(bytes);
  const auto middle = std::min(bytes.size(), bytes.find('\n'));
  try_token(base64url_encode(bytes.substr(0, middle)) + "." +
            base64url_encode(bytes.substr(middle)) + ".AAAA");
  return 0;
}
