// SPDX-License-Identifier: Apache-2.0
#include "api/names.h"

#include <gtest/gtest.h>

#include "api/quote.h"

namespace keelson::api {
namespace {

using Validator = Messages (*)(std::string_view);

struct Case {
  const char* name;
  Validator validate;
  std::vector<std::string> good, bad;
};

std::string repeated(std::string_view text, std::size_t times) {
  std::string all;
  for (std::size_t i = 0; i < times; ++i) all += text;
  return all;
}

TEST(Names, AcceptAndRefuseAsUpstreamDoes) {
  const Case cases[] = {
      {"DNS-1123 label",
       validate_dns1123_label,
       {"a", "ab", "a1", "a-1", "1", "0-a", "a--1--2--b", std::string(63, 'a')},
       {"", "A", "aBc", "-", "a-", "-a", "a.b", "_", "a_b", " a", "a b", std::string(64, 'a')}},
      {"DNS-1123 subdomain",
       validate_dns1123_subdomain,
       {"a", "a.b", "0.1.2", "a-1.b--2.c", repeated("a.", 126) + "a"},
       {"", ".", "a.", ".a", "a..b", "A.b", "a.-b", "a-.b", "a_b", "a b.c",
        repeated("a.", 127) + "a"}},
      {"DNS-1123 subdomain with underscores",
       validate_dns1123_subdomain_with_underscore,
       {"_a", "a_b._c", "a.b"},
       {"", "__a", "a_", "A"}},
      {"DNS-1035 label",
       validate_dns1035_label,
       {"a", "a-1", "abc123", std::string(63, 'a')},
       {"", "0", "1a", "-a", "a-", "A", "a.b", std::string(64, 'a')}},
      {"wildcard",
       validate_wildcard_dns1123_subdomain,
       {"*.a", "*.example.com"},
       {"", "*", "*.", "a.b", "*a.b", "*.*.a", "*.A"}},
      {"qualified name",
       validate_qualified_name,
       {"simple", "now-with-dashes", "1-starts-with-num", "1234", "simple/simple", "1.2.3.4/5678",
        "Uppercase_Is.OK-123", "example.com/Name", "requests.storage-foo", std::string(63, 'a'),
        repeated("a.", 126) + "a/" + std::string(63, 'b')},
       {"", "nospecialchars%^=@", "cantendwithadash-", "-cantstartwithadash-", "only/one/slash",
        "Example.com/Name", "example.com/", "/simple", "a b", ".", std::string(64, 'a'),
        repeated("a.", 127) + "a/b"}},
      {"label value",
       validate_label_value,
       {"", "a", "A-b_c.d", "1", std::string(63, 'v')},
       {"-a", "a-", ".", "a b", "a/b", "ä", std::string(64, 'v')}},
      {"condition reason",
       validate_condition_reason,
       {"A", "MyReason", "A,b:c_", "a1"},
       {"", "1a", "_a", "a:", "a-b"}},
      {"relaxed environment variable",
       validate_relaxed_env_var_name,
       {"1a", "a b", "!", "~", ".."},
       {"", "a=b", "a\tb", "\x7f", "ä"}},
      {"ConfigMap key",
       validate_config_map_key,
       {"a", "A.b-c_d", ".a", "good"},
       {"", ".", "..", "..bad", "b*d", "a/b", std::string(254, 'a')}},
      {"HTTP header", validate_http_header_name, {"X-Header-1"}, {"", "X Header", "a:b", "a_b"}},
      {"percent", validate_percent, {"0%", "1%", "150%"}, {"", "%", "1", "a%", "-1%", "1.5%"}},
      {"port name",
       validate_port_name,
       {"telnet", "re-mail-ck", "pop3", "a", "a-1", "1-a", "a1"},
       {"", "longerthan15char", "A", "1", "12", "-a", "a-", "a--b", "a_b", "a.b"}},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    for (const std::string& value : c.good) {
      EXPECT_EQ(c.validate(value), Messages()) << quoted(value);
    }
    for (const std::string& value : c.bad) {
      EXPECT_NE(c.validate(value), Messages()) << quoted(value);
    }
  }
}

TEST(Names, ExplainInUpstreamsWords) {
  struct Row {
    Messages actual, expected;
  };
  const Row rows[] = {
      {validate_dns1123_label("Bad"),
       {"a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and "
        "must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex "
        "used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')"}},
      {validate_dns1123_label("a.b"), {"must not contain dots"}},
      {validate_dns1123_label(std::string(64, 'a')), {"must be no more than 63 characters"}},
      {validate_dns1123_subdomain("Web_1"),
       {"a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex "
        "used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"}},
      {validate_dns1035_label("1a"),
       {"a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an "
        "alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or "
        "'abc-123', regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')"}},
      {validate_qualified_name("/a b"),
       {"prefix part must be non-empty",
        "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and "
        "end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
        "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"}},
      {validate_qualified_name("a/b/c"),
       {"a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must "
        "start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or "
        "'123-abc', "
        "regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional "
        "DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"}},
      {validate_label_value("a b"),
       {"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or "
        "'.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or "
        "'my_value',  or '12345', regex used for validation is "
        "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')"}},
      {validate_port_name("-"),
       {"must contain at least one letter (a-z)", "must not begin or end with a hyphen"}},
      {validate_port_number(0), {"must be between 1 and 65535, inclusive"}},
      {validate_port_number(65536), {"must be between 1 and 65535, inclusive"}},
      {validate_port_number(65535), {}},
      {validate_user_id(-1), {"must be between 0 and 4294967295, inclusive"}},
      {validate_config_map_key(".."), {"must not be '..'"}},
      {validate_config_map_key("..a"), {"must not start with '..'"}},
  };
  for (const Row& row : rows) EXPECT_EQ(row.actual, row.expected);
}

TEST(Names, ObjectNamesMayEndInADashWhenCharactersFollow) {
  EXPECT_EQ(name_is_dns_subdomain("web-", true), Messages());
  EXPECT_NE(name_is_dns_subdomain("web-", false), Messages());
  EXPECT_EQ(name_is_dns_label("web-", true), Messages());
  EXPECT_EQ(name_is_dns1035_label("web-", true), Messages());
  EXPECT_NE(name_is_dns_subdomain("-", true), Messages());
}

TEST(Names, PathSegmentsExcludeWhatAUrlWouldMisread) {
  EXPECT_EQ(name_is_path_segment("system:node:a", false), Messages());
  EXPECT_EQ(name_is_path_segment(".", false), Messages({"may not be '.'"}));
  EXPECT_EQ(name_is_path_segment(".", true), Messages());
  EXPECT_EQ(name_is_path_segment("a/b%", false),
            Messages({"may not contain '/'", "may not contain '%'"}));
}

TEST(Names, DomainsNeedEnoughSegments) {
  const FieldPath path("spec");
  EXPECT_EQ(validate_fully_qualified_domain_name(path, "").text(), "spec: Required value");
  EXPECT_TRUE(validate_fully_qualified_domain_name(path, "a.b.").empty());
  EXPECT_FALSE(validate_fully_qualified_domain_name(path, "a").empty());
  EXPECT_FALSE(validate_fully_qualified_domain_name(path, "a." + std::string(64, 'b')).empty());
  EXPECT_TRUE(validate_domain_prefixed_path(path, "a.b/c/d").empty());
  EXPECT_FALSE(validate_domain_prefixed_path(path, "a.b/").empty());
  EXPECT_FALSE(validate_domain_prefixed_path(path, "a.b/c d").empty());
}

}  // namespace
}  // namespace keelson::api
