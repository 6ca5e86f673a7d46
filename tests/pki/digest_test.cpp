// SPDX-License-Identifier: Apache-2.0
#include "pki/digest.h"

#include <gtest/gtest.h>

namespace keelson::pki {
namespace {

using namespace std::string_view_literals;

TEST(Digest, MatchesThePublishedVectors) {
  // FIPS 180-4's "abc"; RFC 4231, test case 2.
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(hex(hmac_sha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
}

TEST(Base64, MatchesRfc4648) {
  struct Case {
    std::string_view bytes, standard, url;
  };
  const Case cases[] = {
      {"", "", ""},
      {"f", "Zg==", "Zg"},
      {"fo", "Zm8=", "Zm8"},
      {"foo", "Zm9v", "Zm9v"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
      {"\xfb\xff\xfe"sv, "+//+", "-__-"},
      {"\0\0"sv, "AAA=", "AAA"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.standard);
    EXPECT_EQ(base64(c.bytes), c.standard);
    EXPECT_EQ(base64url(c.bytes), c.url);
    EXPECT_EQ(base64_decode(c.standard).value(), c.bytes);
    EXPECT_EQ(base64url_decode(c.url).value(), c.bytes);
  }
}

TEST(Base64, RefusesWhatNoEncoderWrites) {
  for (const auto text :
       {"Zg", "Zg=", "Zg===", "Z===", "====", "Zh==", "Zm9=", "Zm 9", "Zm9v\n", "Zm9-"}) {
    EXPECT_FALSE(base64_decode(text)) << text;
  }
  for (const auto text : {"Zg==", "Z", "Zh", "Zm9+", "Zm/v"}) {
    EXPECT_FALSE(base64url_decode(text)) << text;
  }
}

TEST(ConstantTimeEqual, ComparesContentAndLength) {
  EXPECT_TRUE(constant_time_equal("secret", "secret"));
  EXPECT_FALSE(constant_time_equal("secret", "secreT"));
  EXPECT_FALSE(constant_time_equal("secret", "secrets"));
  EXPECT_TRUE(constant_time_equal("", ""));
}

TEST(RandomBytes, DifferEachTime) {
  EXPECT_EQ(random_bytes(32).size(), 32u);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

}  // namespace
}  // namespace keelson::pki
