// SPDX-License-Identifier: Apache-2.0
#include "pki/jwt.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "base/base64.h"
#include "pki/certificate.h"

namespace keelson::pki {
namespace {

constexpr std::string_view kClaims =
    R"({"sub":"system:serviceaccount:default:web","exp":2000000000})";

struct Signed {
  std::string key = *make_key();
  std::unique_ptr<TokenSigner> signer = *make_token_signer(key);
  std::string token = *signer->sign(kClaims);
};

std::string with_header(std::string_view header, std::string_view rest_of) {
  return base64url_encode(header) + std::string(rest_of.substr(rest_of.find('.')));
}

TEST(Jwt, RoundTripsAndNamesItsKey) {
  const Signed made;
  const auto verifier = make_token_verifier({*public_key_pem(made.key)});
  ASSERT_TRUE(verifier);

  EXPECT_EQ((*verifier)->verify(made.token).value(), kClaims);
  EXPECT_EQ(unverified_claims(made.token).value(), kClaims);

  const auto header =
      boost::json::parse(*base64url_decode(made.token.substr(0, made.token.find('.'))));
  EXPECT_EQ(header.at("alg").as_string(), "ES256");
  EXPECT_EQ(header.at("kid").as_string(), made.signer->key_id());
  EXPECT_EQ(made.signer->key_id().size(), 43u);
  const auto jwks = boost::json::parse((*verifier)->jwks());
  const auto& jwk = jwks.at("keys").at(0);
  EXPECT_EQ(jwk.at("kid").as_string(), made.signer->key_id());
  EXPECT_EQ(jwk.at("kty").as_string(), "EC");
  EXPECT_EQ(jwk.at("crv").as_string(), "P-256");
  EXPECT_EQ(jwk.at("x").as_string().size(), 43u);
  EXPECT_EQ((*verifier)->algorithms(), std::vector<std::string>{"ES256"});
}

TEST(Jwt, AnyOfSeveralKeysMayHaveSigned) {
  const Signed before, after;
  const auto verifier =
      make_token_verifier({*public_key_pem(after.key), *public_key_pem(before.key)});
  EXPECT_TRUE((*verifier)->verify(before.token));
  EXPECT_TRUE((*verifier)->verify(after.token));
}

TEST(Jwt, RefusesForgeries) {
  const Signed made, stranger;
  const auto verifier = make_token_verifier({*public_key_pem(made.key)});
  const std::string none = with_header(R"({"alg":"none"})", made.token);
  const std::string symmetric = with_header(R"({"alg":"HS256"})", made.token);
  const std::string critical = with_header(R"({"alg":"ES256","crit":["exp"]})", made.token);
  auto other_claims = made.token;
  const auto first = other_claims.find('.'), second = other_claims.find('.', first + 1);
  other_claims.replace(first + 1, second - first - 1, base64url_encode(R"({"sub":"admin"})"));
  const std::string cases[] = {stranger.token,
                               none,
                               symmetric,
                               critical,
                               other_claims,
                               none.substr(0, none.rfind('.') + 1),
                               made.token.substr(0, made.token.size() - 1),
                               made.token + "A",
                               made.token + ".x",
                               "",
                               "..",
                               "a.b.c",
                               std::string(100'000, 'a')};
  for (const auto& token : cases) {
    const auto verified = (*verifier)->verify(token);
    ASSERT_FALSE(verified) << token;
    EXPECT_TRUE(verified.error().is(Reason::Unauthorized));
  }
}

TEST(Jwt, RefusesKeysThatCannotSign) {
  EXPECT_FALSE(make_token_signer("nonsense"));
  const Signed made;
  EXPECT_FALSE(make_token_signer(*public_key_pem(made.key)));
  EXPECT_FALSE(make_token_verifier({""}));
}

}  // namespace
}  // namespace keelson::pki
