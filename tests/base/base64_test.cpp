// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <gtest/gtest.h>

namespace keelson {
namespace {

using namespace std::string_view_literals;

TEST(Base64, MatchesRfc4648) {
  struct Case {
    std::string_view bytes, standard, url;
  };
  const Case cases[] = {
      {"", "", ""},
      {"f", "Zg==", "Zg"},
      {"fo", "Zm8=", "Zm8"},
      {"foo", "Zm9v", "Zm9v"},
      {"foob", "Zm9vYg==", "Zm9vYg"},
      {"foobar", "Zm9vYmFy", "Zm9vYmFy"},
      {"\xff\xfe\xfd"sv, "//79", "__79"},
      {"\xfb\xff\xfe"sv, "+//+", "-__-"},
      {"\0\0"sv, "AAA=", "AAA"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.standard);
    EXPECT_EQ(base64_encode(c.bytes), c.standard);
    EXPECT_EQ(base64url_encode(c.bytes), c.url);
    EXPECT_EQ(base64_decode(c.standard).value(), c.bytes);
    EXPECT_EQ(base64url_decode(c.url).value(), c.bytes);
  }
}

TEST(Base64, AcceptsWhatGoAccepts) {
  EXPECT_EQ(base64_decode("Zm9v\nYmFy\r\n").value(), "foobar");
  EXPECT_EQ(base64_decode("\nZ\r\ng=\n=\n").value(), "f");
  EXPECT_EQ(base64_decode("Zh==").value(), "f");
  EXPECT_EQ(base64_decode("Zm9=").value(), "fo");
}

TEST(Base64, RefusesWhatGoRefuses) {
  for (const std::string_view bad : {"Z", "Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zm8=x",
                                     "Zm9v=", "Zm-v", "Zm 9", "Zg==Zg=="}) {
    SCOPED_TRACE(bad);
    EXPECT_FALSE(base64_decode(bad).has_value());
  }
  EXPECT_EQ(base64_decode("ab*d").error().message(), "illegal base64 data at input byte 2");
}

TEST(Base64, HasOneTextOnlyInUrls) {
  for (const std::string_view bad : {"Zg==", "Z", "Zh", "Zm9", "Zm9+", "Zm/v", "Zm9v\n"}) {
    SCOPED_TRACE(bad);
    EXPECT_FALSE(base64url_decode(bad).has_value());
  }
}

}  // namespace
}  // namespace keelson
