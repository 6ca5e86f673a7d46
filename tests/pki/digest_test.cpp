// SPDX-License-Identifier: Apache-2.0
#include "pki/digest.h"

#include <gtest/gtest.h>

namespace keelson::pki {
namespace {

TEST(Digest, MatchesThePublishedVector) {
  // FIPS 180-4's "abc".
  EXPECT_EQ(hex(sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

TEST(RandomBytes, DifferEachTime) {
  EXPECT_EQ(random_bytes(32).size(), 32u);
  EXPECT_NE(random_bytes(32), random_bytes(32));
}

}  // namespace
}  // namespace keelson::pki
