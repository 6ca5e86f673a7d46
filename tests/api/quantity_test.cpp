// SPDX-License-Identifier: Apache-2.0
#include "api/quantity.h"

#include <gtest/gtest.h>

namespace keelson::api {
namespace {

TEST(Quantity, WritesTheCanonicalForm) {
  struct Case {
    std::string_view in, out;
  };
  // clang-format off
  const Case cases[] = {
      {"0", "0"}, {"0n", "0"}, {"0Ki", "0"}, {"-0", "0"}, {"00", "0"}, {"0.0", "0"},
      {"1", "1"}, {"+1", "1"}, {"-1", "-1"}, {"007", "7"}, {".5", "500m"}, {"1.", "1"},
      {"100m", "100m"}, {"1000m", "1"}, {"1500m", "1500m"}, {"0.1", "100m"}, {"0.001", "1m"},
      {"1n", "1n"}, {"1u", "1u"}, {"1000n", "1u"}, {"1k", "1k"}, {"1000", "1k"}, {"1024", "1024"},
      {"1500", "1500"}, {"1000000", "1M"}, {"1G", "1G"}, {"1T", "1T"}, {"1P", "1P"}, {"1E", "1E"},
      {"100E", "100E"}, {"1Ki", "1Ki"}, {"1024Ki", "1Mi"}, {"1.5Gi", "1536Mi"}, {"0.5Gi", "512Mi"},
      {"1Ei", "1Ei"}, {"8Ti", "8Ti"}, {"0.5Ki", "512"}, {"0.25Ki", "256"}, {"1023Mi", "1023Mi"},
      {"1e3", "1e3"}, {"1E3", "1e3"}, {"1e-3", "1e-3"}, {"12e1", "120"}, {"1e0", "1"},
      {"1e+3", "1e3"}, {"5e9", "5e9"}, {"100e3", "100e3"},
      {"0.1Ki", "102400m"}, {"0.0001Ki", "102400u"}, {"1.1Ki", "1126400m"}, {"62.5Ki", "64k"},
      {"123456789.123456789", "123456789123456789n"},
  };
  // clang-format on
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    const auto quantity = Quantity::parse(c.in);
    ASSERT_TRUE(quantity.has_value()) << quantity.error().message();
    EXPECT_EQ(quantity->text(), c.out);
    EXPECT_EQ(Quantity::of(quantity->text()), *quantity);
    EXPECT_EQ(Quantity::of(quantity->text()).text(), c.out);
  }
}

TEST(Quantity, RoundsWhatIsFinerThanNanoAwayFromZero) {
  EXPECT_EQ(Quantity::of("0.1n").text(), "1n");
  EXPECT_EQ(Quantity::of("-0.1n").text(), "-1n");
  EXPECT_EQ(Quantity::of("1.0000000001").text(), "1000000001n");
  EXPECT_EQ(Quantity::of("1e-12").text(), "1e-9");
}

TEST(Quantity, CapsBinaryAmounts) {
  EXPECT_EQ(Quantity::of("9Ei").value(), INT64_MAX);
  EXPECT_EQ(Quantity::of("100Ei"), Quantity::from_value(INT64_MAX));
  EXPECT_EQ(Quantity::of("-100Ei").value(), -INT64_MAX);
  EXPECT_EQ(Quantity::of("100E").value(), INT64_MAX);
  EXPECT_EQ(Quantity::of("1e1000").value(), INT64_MAX);
}

TEST(Quantity, RefusesWhatItCannotRead) {
  const std::string_view format[] = {"",    "-",     "+",      "abc",   " 1",
                                     "1 ",  "1.1.M", "1+1.0M", "0.1am", "1m.",
                                     "--1", "1Kib",  "1e3x",   "0x10",  "1,5"};
  const std::string_view suffix[] = {"1i",      "1mi",    "1ki", "1KI",   "1Km", "1e",
                                     "-3.01e-", "-3.01i", "1EE", "1e+-3", "1K",  "1g"};
  for (const auto text : format) {
    SCOPED_TRACE(text);
    const auto quantity = Quantity::parse(text);
    ASSERT_FALSE(quantity.has_value());
    EXPECT_EQ(quantity.error().message(),
              "quantities must match the regular expression "
              "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
    EXPECT_TRUE(quantity.error().is(Reason::BadRequest));
  }
  for (const auto text : suffix) {
    SCOPED_TRACE(text);
    const auto quantity = Quantity::parse(text);
    ASSERT_FALSE(quantity.has_value());
    EXPECT_TRUE(quantity.error().message() == "unable to parse quantity's suffix" ||
                quantity.error().message().starts_with("quantities must match"));
  }
  EXPECT_EQ(Quantity::parse("1mi").error().message(), "unable to parse quantity's suffix");
}

TEST(Quantity, RoundsUpWhenAskedForCoarserUnits) {
  EXPECT_EQ(Quantity::of("1500m").value(), 2);
  EXPECT_EQ(Quantity::of("1m").value(), 1);
  EXPECT_EQ(Quantity::of("-1500m").value(), -2);
  EXPECT_EQ(Quantity::of("2").value(), 2);
  EXPECT_EQ(Quantity::of("1u").milli_value(), 1);
  EXPECT_EQ(Quantity::of("250m").milli_value(), 250);
  EXPECT_EQ(Quantity::of("1Gi").milli_value(), 1073741824000);
  EXPECT_EQ(Quantity::of("10E").milli_value(), INT64_MAX);
  EXPECT_DOUBLE_EQ(Quantity::of("2.5").as_double(), 2.5);
}

TEST(Quantity, AddsAndComparesByAmount) {
  EXPECT_EQ(Quantity::of("1") + Quantity::of("500m"), Quantity::of("1.5"));
  EXPECT_EQ((Quantity::of("1Gi") + Quantity::of("1Gi")).text(), "2Gi");
  EXPECT_EQ((Quantity::of("1Gi") - Quantity::of("512Mi")).text(), "512Mi");
  EXPECT_EQ((Quantity() + Quantity::of("1Ki")).text(), "1Ki");
  EXPECT_EQ((Quantity::of("1") - Quantity::of("2")).text(), "-1");
  EXPECT_EQ((-Quantity::of("1Ki")).text(), "-1Ki");
  EXPECT_EQ(Quantity::of("1024"), Quantity::of("1Ki"));
  EXPECT_LT(Quantity::of("1k"), Quantity::of("1Ki"));
  EXPECT_GT(Quantity::of("1"), Quantity::of("999m"));
  EXPECT_EQ(Quantity::from_milli(250).text(), "250m");
  EXPECT_EQ(Quantity::from_value(2048, Quantity::Format::BinarySi).text(), "2Ki");
  EXPECT_TRUE(Quantity().is_zero());
  EXPECT_EQ(Quantity::of("-3").sign(), -1);
}

}  // namespace
}  // namespace keelson::api
