// SPDX-License-Identifier: Apache-2.0
#include "api/time.h"

#include <gtest/gtest.h>

#include "api/scalars.h"

namespace keelson::api {
namespace {

using namespace std::chrono_literals;

TEST(Time, ReadsRfc3339AndWritesUtc) {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"2006-01-02T15:04:05Z", "2006-01-02T15:04:05Z"},
      {"2006-01-02T15:04:05+02:00", "2006-01-02T13:04:05Z"},
      {"2006-01-02T00:04:05+02:30", "2006-01-01T21:34:05Z"},
      {"2006-01-02T15:04:05-07:00", "2006-01-02T22:04:05Z"},
      {"2006-01-02T15:04:05.999999999Z", "2006-01-02T15:04:05Z"},
      {"1969-12-31T23:59:59.5Z", "1969-12-31T23:59:59Z"},
      {"9999-12-31T23:59:59Z", "9999-12-31T23:59:59Z"},
      {"2024-02-29T00:00:00Z", "2024-02-29T00:00:00Z"},
      {"0001-01-01T00:00:00Z", ""},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    const auto time = Time::parse(c.in);
    ASSERT_TRUE(time.has_value()) << time.error().message();
    EXPECT_EQ(time->text(), c.out);
  }
}

TEST(Time, SaysWhatDoesNotFit) {
  struct Case {
    std::string_view in, message;
  };
  const Case cases[] = {
      {"", R"(parsing time "" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "2006")"},
      {"foo", R"(parsing time "foo" as "2006-01-02T15:04:05Z07:00": cannot parse "foo" as "2006")"},
      {"2006-01-02",
       R"(parsing time "2006-01-02" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "T")"},
      {"2006-01-02T15:04:05",
       R"(parsing time "2006-01-02T15:04:05" as "2006-01-02T15:04:05Z07:00": cannot parse "" as "Z07:00")"},
      {"2006-13-02T15:04:05Z", R"(parsing time "2006-13-02T15:04:05Z": month out of range)"},
      {"2006-02-30T15:04:05Z", R"(parsing time "2006-02-30T15:04:05Z": day out of range)"},
      {"2006-01-02T25:04:05Z", R"(parsing time "2006-01-02T25:04:05Z": hour out of range)"},
      {"2006-01-02T15:04:05Zx", R"(parsing time "2006-01-02T15:04:05Zx": extra text: "x")"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    const auto time = Time::parse(c.in);
    ASSERT_FALSE(time.has_value());
    EXPECT_EQ(time.error().message(), c.message);
  }
}

TEST(MicroTime, HasSixDigitsOfFraction) {
  const auto time = MicroTime::parse("2006-01-02T15:04:05.000123+01:00");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->text(), "2006-01-02T14:04:05.000123Z");
  EXPECT_FALSE(MicroTime::parse("2006-01-02T15:04:05Z").has_value());
  EXPECT_FALSE(MicroTime::parse("2006-01-02T15:04:05.123Z").has_value());
  EXPECT_EQ(MicroTime(std::chrono::sys_time<std::chrono::nanoseconds>(1234567ns)).text(),
            "1970-01-01T00:00:00.001234Z");
}

TEST(Time, ComparesWithUnsetFirst) {
  const Time unset;
  const Time epoch{std::chrono::sys_seconds{}};
  EXPECT_LT(unset, epoch);
  EXPECT_NE(unset, epoch);
  EXPECT_LT(epoch, Time(std::chrono::sys_seconds(1s)));
  EXPECT_FALSE(unset);
  EXPECT_EQ(unset.text(), "");
}

TEST(Rfc3339, KeepsNanoseconds) {
  const auto time = parse_rfc3339("1970-01-01T00:00:01.000000002Z");
  ASSERT_TRUE(time.has_value());
  EXPECT_EQ(time->time_since_epoch(), 1'000'000'002ns);
  EXPECT_FALSE(parse_rfc3339("9999-01-01T00:00:00Z").has_value());
  EXPECT_FALSE(parse_rfc3339("yesterday").has_value());
}

TEST(Duration, ReadsAndWritesGoNotation) {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {"0", "0s"},          {"1s", "1s"},
      {"1h2m3s", "1h2m3s"}, {"90s", "1m30s"},
      {"500ms", "500ms"},   {"1.5s", "1.5s"},
      {"1.5h", "1h30m0s"},  {"-2m", "-2m0s"},
      {"1us", "1\u00b5s"},  {"1\u00b5s", "1\u00b5s"},
      {"1500us", "1.5ms"},  {"10ns", "10ns"},
      {"+5s", "5s"},        {"2540400h10m10s", "2540400h10m10s"},
      {".5s", "500ms"},     {"100h", "100h0m0s"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    const auto duration = Duration::parse(c.in);
    ASSERT_TRUE(duration.has_value()) << duration.error().message();
    EXPECT_EQ(duration->text(), c.out);
  }
}

TEST(Duration, RefusesWhatGoRefuses) {
  struct Case {
    std::string_view in, message;
  };
  const Case cases[] = {
      {"", R"(time: invalid duration "")"},
      {"3", R"(time: missing unit in duration "3")"},
      {"1x", R"(time: unknown unit "x" in duration "1x")"},
      {"s", R"(time: invalid duration "s")"},
      {"9223372036854775808ns", R"(time: invalid duration "9223372036854775808ns")"},
      {"3000000h", R"(time: invalid duration "3000000h")"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    const auto duration = Duration::parse(c.in);
    ASSERT_FALSE(duration.has_value());
    EXPECT_EQ(duration.error().message(), c.message);
  }
}

TEST(IntOrString, ScalesPercentages) {
  EXPECT_EQ(scaled_value(IntOrString(3), 10, true).value(), 3);
  EXPECT_EQ(scaled_value(IntOrString("25%"), 10, true).value(), 3);
  EXPECT_EQ(scaled_value(IntOrString("25%"), 10, false).value(), 2);
  EXPECT_EQ(scaled_value(IntOrString("100%"), 7, false).value(), 7);
  EXPECT_EQ(scaled_value(IntOrString("many"), 7, false).error().message(),
            "invalid value for IntOrString: invalid type: string is not a percentage");
  EXPECT_EQ(IntOrString(80).text(), "80");
  EXPECT_EQ(IntOrString("http").text(), "http");
}

}  // namespace
}  // namespace keelson::api
