// SPDX-License-Identifier: Apache-2.0
// JSON Web Tokens signed with ES256 or, for RSA keys made by other tools, RS256. Only signatures
// are judged here; what the claims mean is the authenticator's to decide. Source: RFC 7515, 7517,
// 7518.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace keelson::pki {

// One private key. Thread-safe.
class TokenSigner {
 public:
  virtual ~TokenSigner() = default;
  // base64url(SHA-256 of the public key's DER), as upstream's.
  virtual const std::string& key_id() const = 0;
  // The compact form; `claims_json` is one JSON object. Errors: InternalError.
  virtual Result<std::string> sign(std::string_view claims_json) const = 0;
};
// Errors: BadRequest for anything but a P-256 or RSA (2048 bits or more) private key.
Result<std::unique_ptr<TokenSigner>> make_token_signer(std::string_view key_pem);

// Public keys by their ids. Thread-safe.
class TokenVerifier {
 public:
  virtual ~TokenVerifier() = default;
  // The claims, a JSON text that was signed by one of the keys. Errors: Unauthorized.
  virtual Result<std::string> verify(std::string_view token) const = 0;
  // The document of /openid/v1/jwks.
  virtual const std::string& jwks() const = 0;
  // "ES256", "RS256": what the keys sign with, for the discovery document.
  virtual const std::vector<std::string>& algorithms() const = 0;
};
// Each of `key_pems` holds a public key, a certificate or a private key. Errors: BadRequest.
Result<std::unique_ptr<TokenVerifier>> make_token_verifier(
    const std::vector<std::string>& key_pems);

// The claims of a token whose signature nobody has checked: to choose who verifies it.
// Errors: Unauthorized if it is not of the form of a token.
Result<std::string> unverified_claims(std::string_view token);

}  // namespace keelson::pki
