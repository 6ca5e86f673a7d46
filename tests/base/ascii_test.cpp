// SPDX-License-Identifier: Apache-2.0
#include "base/ascii.h"

#include <gtest/gtest.h>

namespace keelson {
namespace {

TEST(Ascii, ChangesTheCaseOfAsciiLettersOnly) {
  EXPECT_EQ(lower_case("AZaz[@`{09"), "azaz[@`{09");
  EXPECT_EQ(lower_case("\xc3\x84"), "\xc3\x84");
}

TEST(Ascii, ComparesWithoutCase) {
  EXPECT_TRUE(equal_ignoring_case("Keep-Alive", "keep-aliVE"));
  EXPECT_FALSE(equal_ignoring_case("keep", "keep-alive"));
  EXPECT_FALSE(equal_ignoring_case("[", "{"));
}

}  // namespace
}  // namespace keelson
