// SPDX-License-Identifier: Apache-2.0
#include "api/ip.h"

#include <gtest/gtest.h>

namespace keelson::api {
namespace {

TEST(IpAddress, ReadsAndPrintsTheCanonicalForm) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"10.0.0.1", "10.0.0.1"},
      {"255.255.255.255", "255.255.255.255"},
      {"::", "::"},
      {"::1", "::1"},
      {"1::", "1::"},
      {"2001:DB8::FFFF", "2001:db8::ffff"},
      {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},
      {"2001:0db8:0000:0001:0001:0001:0001:0001", "2001:db8:0:1:1:1:1:1"},
      {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
      {"::1.2.3.4", "::102:304"},
      {"64:ff9b::1.2.3.4", "64:ff9b::102:304"},
      {"::ffff:1.2.3.4", "1.2.3.4"},
      {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
  };
  for (const auto& [text, canonical] : cases) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(address->text(), canonical);
    EXPECT_EQ(IpAddress::parse(address->text()), address);
  }
}

TEST(IpAddress, RefusesTheRest) {
  for (const std::string_view text : {"",
                                      "1",
                                      "1.2.3",
                                      "1.2.3.4.5",
                                      "1.2.3.256",
                                      "1.2.3.",
                                      ".1.2.3",
                                      "1.2.3.-4",
                                      "1.2.3.a",
                                      "01.2.3.4",
                                      " 1.2.3.4",
                                      ":",
                                      ":::",
                                      "1:",
                                      ":1",
                                      "1:2:3:4:5:6:7",
                                      "1:2:3:4:5:6:7:8:9",
                                      "1::2::3",
                                      "12345::",
                                      "g::",
                                      "::1%eth0",
                                      "1:2:3:4:5:6:7:1.2.3.4",
                                      "1.2.3.4::",
                                      "1:2:3:4:5:6:7::8",
                                      "::1.2.3",
                                      "::1:2:3:4:5:6:7:8",
                                      "1:::2"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
  EXPECT_EQ(IpAddress::parse("010.002.003.004", true)->text(), "10.2.3.4");
}

TEST(IpAddress, KnowsItsFamily) {
  EXPECT_TRUE(IpAddress::parse("1.2.3.4")->is_v4());
  EXPECT_TRUE(IpAddress::parse("::ffff:1.2.3.4")->is_v4());
  EXPECT_TRUE(IpAddress::parse("::1")->is_v6());
  EXPECT_EQ(IpAddress::v4(0x0A000001), *IpAddress::parse("10.0.0.1"));
  EXPECT_EQ(IpAddress::parse("10.0.0.1")->v4_value(), 0x0A000001u);
  EXPECT_LT(*IpAddress::parse("10.0.0.9"), *IpAddress::parse("10.0.0.10"));
}

TEST(IpPrefix, HasANetwork) {
  const auto prefix = IpPrefix::parse("10.1.2.3/20");
  ASSERT_TRUE(prefix);
  EXPECT_EQ(prefix->network().text(), "10.1.0.0");
  EXPECT_EQ(prefix->text(), "10.1.2.3/20");
  EXPECT_TRUE(prefix->contains(*IpAddress::parse("10.1.15.255")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("10.1.16.0")));
  EXPECT_FALSE(prefix->contains(*IpAddress::parse("::1")));
  EXPECT_TRUE(IpPrefix::parse("::/0")->contains(*IpAddress::parse("2001:db8::1")));
  EXPECT_EQ(IpPrefix::parse("2001:db8::1/64")->network().text(), "2001:db8::");
  for (const std::string_view text :
       {"10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "/8", "10.0.0.0/08"}) {
    EXPECT_FALSE(IpPrefix::parse(text)) << text;
  }
}

TEST(IpValidation, SaysWhatUpstreamSays) {
  using Family = IpRules::Family;
  struct Case {
    std::string_view value;
    IpRules rules;
    std::string_view expected;
  };
  const Case addresses[] = {
      {"1.2.3.4", {}, ""},
      {"x", {}, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"},
      {"01.2.3.4", {}, "must not have leading 0s"},
      {"01.2.3.4", {.legacy = true}, ""},
      {"::ffff:1.2.3.4", {}, "must not be an IPv4-mapped IPv6 address"},
      {"::ffff:1.2.3.4", {.legacy = true}, ""},
      {"2001:DB8::1", {}, ""},
      {"2001:DB8::1", {.canonical = true}, "must be in canonical form (\"2001:db8::1\")"},
      {"::1", {.family = Family::V4}, "must be an IPv4 address"},
      {"1.2.3.4", {.family = Family::V6}, "must be an IPv6 address"},
  };
  for (const Case& c : addresses) {
    const auto errors = validate_ip("ip", c.value, c.rules);
    EXPECT_EQ(errors.empty() ? "" : errors[0].detail, c.expected) << c.value;
  }
  const Case prefixes[] = {
      {"10.0.0.0/8", {}, ""},
      {"10.0.0.0", {}, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"},
      {"10.0.0.0/08", {}, "must not have leading 0s in IP or prefix length"},
      {"10.0.0.0/08", {.legacy = true}, ""},
      {"10.0.0.1/8", {}, "must not have bits set beyond the prefix length"},
      {"10.0.0.1/8", {.legacy = true}, ""},
      {"10.0.0.1/8", {.interface_address = true}, ""},
      {"::ffff:1.2.3.0/120", {}, "must not have an IPv4-mapped IPv6 address"},
      {"2001:DB8::/64", {.canonical = true}, "must be in canonical form (\"2001:db8::/64\")"},
      {"::/0", {.family = Family::V4}, "must be an IPv4 CIDR"},
  };
  for (const Case& c : prefixes) {
    const auto errors = validate_cidr("cidr", c.value, c.rules);
    EXPECT_EQ(errors.empty() ? "" : errors[0].detail, c.expected) << c.value;
  }
}

}  // namespace
}  // namespace keelson::api
