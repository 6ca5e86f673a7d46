// SPDX-License-Identifier: Apache-2.0
#include "pki/jwt.h"

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>

#include <boost/json.hpp>

#include "base/base64.h"
#include "pki/digest.h"
#include "pki/openssl.h"

namespace keelson::pki {
namespace {

namespace json = boost::json;

using DigestPtr = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;
using SignaturePtr = std::unique_ptr<ECDSA_SIG, Freer<ECDSA_SIG_free>>;
using BigPtr = std::unique_ptr<BIGNUM, Freer<BN_free>>;

constexpr std::size_t kTokenMax = 64 << 10;
constexpr std::size_t kCoordinate = 32;

enum class Algorithm { Es256, Rs256 };

std::string_view name_of(Algorithm algorithm) {
  return algorithm == Algorithm::Es256 ? "ES256" : "RS256";
}

struct Key {
  PkeyPtr pkey;
  Algorithm algorithm;
  std::string id;
};

Result<Key> make_key_of(PkeyPtr pkey) {
  Algorithm algorithm;
  if (EVP_PKEY_is_a(pkey.get(), "EC")) {
    std::array<char, 32> group{};
    EVP_PKEY_get_group_name(pkey.get(), group.data(), group.size(), nullptr);
    if (std::string_view(group.data()) != SN_X9_62_prime256v1)
      return fail(Status::bad_request("unsupported curve: only P-256 can sign tokens"));
    algorithm = Algorithm::Es256;
  } else if (EVP_PKEY_is_a(pkey.get(), "RSA")) {
    if (EVP_PKEY_get_bits(pkey.get()) < 2048)
      return fail(Status::bad_request("RSA keys of less than 2048 bits cannot sign tokens"));
    algorithm = Algorithm::Rs256;
  } else {
    return fail(Status::bad_request("unknown private key type: must be ECDSA P-256 or RSA"));
  }
  unsigned char* der = nullptr;
  const int size = i2d_PUBKEY(pkey.get(), &der);
  if (size <= 0) return fail(Status::bad_request("unusable key: " + openssl_error()));
  std::string id =
      base64url_encode(sha256({reinterpret_cast<char*>(der), static_cast<std::size_t>(size)}));
  OPENSSL_free(der);
  return Key{std::move(pkey), algorithm, std::move(id)};
}

std::string bytes_of(const BIGNUM* number, std::size_t size) {
  std::string bytes(size, '\0');
  BN_bn2binpad(number, reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(size));
  return bytes;
}

// OpenSSL's DER form to JWS's fixed r || s, and back. RFC 7518, 3.4.
std::string fixed_form(std::string_view der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  const SignaturePtr signature(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size())));
  CHECK(signature != nullptr);
  return bytes_of(ECDSA_SIG_get0_r(signature.get()), kCoordinate) +
         bytes_of(ECDSA_SIG_get0_s(signature.get()), kCoordinate);
}

std::string der_form(std::string_view fixed) {
  const auto* at = reinterpret_cast<const unsigned char*>(fixed.data());
  const SignaturePtr signature(ECDSA_SIG_new());
  ECDSA_SIG_set0(signature.get(), BN_bin2bn(at, kCoordinate, nullptr),
                 BN_bin2bn(at + kCoordinate, kCoordinate, nullptr));
  unsigned char* der = nullptr;
  const int size = i2d_ECDSA_SIG(signature.get(), &der);
  std::string bytes(reinterpret_cast<char*>(der), static_cast<std::size_t>(size));
  OPENSSL_free(der);
  return bytes;
}

bool signature_is_good(const Key& key, std::string_view text, std::string signature) {
  if (key.algorithm == Algorithm::Es256) {
    if (signature.size() != 2 * kCoordinate) return false;
    signature = der_form(signature);
  }
  const DigestPtr context(EVP_MD_CTX_new());
  const bool good =
      EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.pkey.get()) == 1 &&
      EVP_DigestVerify(context.get(), reinterpret_cast<const unsigned char*>(signature.data()),
                       signature.size(), reinterpret_cast<const unsigned char*>(text.data()),
                       text.size()) == 1;
  ERR_clear_error();
  return good;
}

std::string number_of(EVP_PKEY* key, const char* parameter, std::size_t size) {
  BIGNUM* number = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, parameter, &number) == 1);
  const BigPtr owner(number);
  return base64url_encode(
      bytes_of(number, size ? size : static_cast<std::size_t>(BN_num_bytes(number))));
}

json::object jwk_of(const Key& key) {
  json::object jwk{{"use", "sig"}, {"kid", key.id}, {"alg", std::string(name_of(key.algorithm))}};
  if (key.algorithm == Algorithm::Es256) {
    jwk["kty"] = "EC";
    jwk["crv"] = "P-256";
    jwk["x"] = number_of(key.pkey.get(), OSSL_PKEY_PARAM_EC_PUB_X, kCoordinate);
    jwk["y"] = number_of(key.pkey.get(), OSSL_PKEY_PARAM_EC_PUB_Y, kCoordinate);
  } else {
    jwk["kty"] = "RSA";
    jwk["n"] = number_of(key.pkey.get(), OSSL_PKEY_PARAM_RSA_N, 0);
    jwk["e"] = number_of(key.pkey.get(), OSSL_PKEY_PARAM_RSA_E, 0);
  }
  return jwk;
}

class KeySigner final : public TokenSigner {
 public:
  explicit KeySigner(Key key) : key_(std::move(key)) {
    header_ = base64url_encode(json::serialize(
        json::object{{"alg", std::string(name_of(key_.algorithm))}, {"kid", key_.id}}));
  }

  const std::string& key_id() const override { return key_.id; }

  Result<std::string> sign(std::string_view claims_json) const override {
    std::string token = header_ + "." + base64url_encode(claims_json);
    const DigestPtr context(EVP_MD_CTX_new());
    std::size_t size = static_cast<std::size_t>(EVP_PKEY_get_size(key_.pkey.get()));
    std::string signature(size, '\0');
    if (EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.pkey.get()) != 1 ||
        EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                       reinterpret_cast<const unsigned char*>(token.data()), token.size()) != 1)
      return fail(Status::internal("sign token: " + openssl_error()));
    signature.resize(size);
    if (key_.algorithm == Algorithm::Es256) signature = fixed_form(signature);
    return token + "." + base64url_encode(signature);
  }

 private:
  Key key_;
  std::string header_;
};

Status malformed() { return Status(Reason::Unauthorized, "malformed token"); }

struct Parts {
  std::string header, claims, signature;  // Decoded
  std::string_view signed_text;
};

Result<Parts> split(std::string_view token) {
  const auto first = token.find('.');
  const auto second = first == token.npos ? token.npos : token.find('.', first + 1);
  if (second == token.npos || token.size() > kTokenMax) return fail(malformed());
  auto header = base64url_decode(token.substr(0, first));
  auto claims = base64url_decode(token.substr(first + 1, second - first - 1));
  auto signature = base64url_decode(token.substr(second + 1));
  if (!header || !claims || !signature) return fail(malformed());
  return Parts{std::move(*header), std::move(*claims), std::move(*signature),
               token.substr(0, second)};
}

Result<json::object> parse_object(std::string_view text) {
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = 16;
  json::value value = json::parse(text, error, {}, options);
  if (error || !value.is_object()) return fail(malformed());
  return std::move(value.as_object());
}

std::string_view string_field(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  const auto* text = value ? value->if_string() : nullptr;
  return text ? std::string_view(text->data(), text->size()) : std::string_view();
}

class KeyVerifier final : public TokenVerifier {
 public:
  explicit KeyVerifier(std::vector<Key> keys) : keys_(std::move(keys)) {
    json::array list;
    for (const Key& key : keys_) {
      list.push_back(jwk_of(key));
      const std::string name(name_of(key.algorithm));
      if (std::ranges::find(algorithms_, name) == algorithms_.end()) algorithms_.push_back(name);
    }
    jwks_ = json::serialize(json::object{{"keys", std::move(list)}});
  }

  Result<std::string> verify(std::string_view token) const override {
    TRY(auto parts, split(token));
    TRY(auto header, parse_object(parts.header));
    // RFC 7515, 4.1.11: extensions that must be understood; none are.
    if (header.contains("crit")) return fail(malformed());
    const std::string_view algorithm = string_field(header, "alg");
    const std::string_view id = string_field(header, "kid");
    for (const Key& key : keys_) {
      // The key says which algorithm is right; the token's word for it only has to agree.
      if (name_of(key.algorithm) != algorithm || (!id.empty() && id != key.id)) continue;
      if (!signature_is_good(key, parts.signed_text, parts.signature)) continue;
      TRY_OK(parse_object(parts.claims));
      return std::move(parts.claims);
    }
    return fail(Reason::Unauthorized, "no keys found that verify the token's signature");
  }

  const std::string& jwks() const override { return jwks_; }
  const std::vector<std::string>& algorithms() const override { return algorithms_; }

 private:
  std::vector<Key> keys_;
  std::string jwks_;
  std::vector<std::string> algorithms_;
};

}  // namespace

Result<std::unique_ptr<TokenSigner>> make_token_signer(std::string_view key_pem) {
  TRY(auto pkey, read_private_key(key_pem));
  TRY(auto key, make_key_of(std::move(pkey)));
  return std::make_unique<KeySigner>(std::move(key));
}

Result<std::unique_ptr<TokenVerifier>> make_token_verifier(
    const std::vector<std::string>& key_pems) {
  std::vector<Key> keys;
  for (const auto& pem : key_pems) {
    TRY(auto pkey, read_public_key(pem));
    TRY(auto key, make_key_of(std::move(pkey)));
    keys.push_back(std::move(key));
  }
  return std::make_unique<KeyVerifier>(std::move(keys));
}

Result<std::string> unverified_claims(std::string_view token) {
  TRY(auto parts, split(token));
  TRY_OK(parse_object(parts.claims));
  return std::move(parts.claims);
}

}  // namespace keelson::pki
