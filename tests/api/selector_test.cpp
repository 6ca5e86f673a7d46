// SPDX-License-Identifier: Apache-2.0
#include "api/selector.h"

#include <gtest/gtest.h>

#include "api/meta/v1.h"

namespace keelson::api {
namespace {

using Labels = std::map<std::string, std::string, std::less<>>;

std::string parsed(std::string_view text) {
  const auto selector = LabelSelector::parse(text);
  return selector ? selector->text() : "error: " + selector.error().message();
}

TEST(LabelSelector, ParsesToTheCanonicalText) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {" \t ", ""},
      {"a=b", "a=b"},
      {"a==b", "a==b"},
      {"a = b , c != d", "a=b,c!=d"},
      {"x=a,y=b,z=c", "x=a,y=b,z=c"},
      {"z=c,a=b", "a=b,z=c"},
      {"x=,z= ", "x=,z="},
      {"x= ,y=1", "x=,y=1"},
      {"!x", "!x"},
      {"! x , y", "!x,y"},
      {"x>1", "x>1"},
      {"x > 1,y<7", "x>1,y<7"},
      {"a in (c,b,b)", "a in (b,c)"},
      {"a notin ( b )", "a notin (b)"},
      {"a in ()", "a in ()"},
      {"a in (,)", "a in ()"},
      {"a in (,b)", "a in (,b)"},
      {"a in (b,)", "a in (,b)"},
      {"a in (b,,c)", "a in (,b,c)"},
      {"in in (in,notin)", "in in (in,notin)"},
      {"notin=in", "notin=in"},
      {"example.com/a in (b)", "example.com/a in (b)"},
      {"a,b", "a,b"},
  };
  for (const auto& [text, canonical] : cases) EXPECT_EQ(parsed(text), canonical) << text;
}

TEST(LabelSelector, RefusesInUpstreamsWords) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a=b,", "found '', expected: identifier after ','"},
      {",a", "found ',', expected: !, identifier, or 'end of string'"},
      {"=a", "found '=', expected: !, identifier, or 'end of string'"},
      {"a b", "unable to parse requirement: found 'b', expected: in, notin, =, ==, !=, gt, lt"},
      {"!", "unable to parse requirement: found '', expected: identifier"},
      {"!a=b", "found '=', expected: ',' or 'end of string'"},
      {"a=b=c", "found '=', expected: ',' or 'end of string'"},
      {"a==!b", "unable to parse requirement: found '!', expected: identifier"},
      {"a in b", "unable to parse requirement: found 'b' expected: '('"},
      {"a in", "unable to parse requirement: found '' expected: '('"},
      {"a in (", "unable to parse requirement: found '', expected: ',', ')' or identifier"},
      {"a in (b", "unable to parse requirement: found '', expected: ',' or ')'"},
      {"a in (b,", "unable to parse requirement: found '', expected: ',', or identifier"},
      {"a in (b c)", "unable to parse requirement: found 'c', expected: ',' or ')'"},
      {"a in (b))", "found ')', expected: ',' or 'end of string'"},
      {"x>a",
       "unable to parse requirement: values[0]: Invalid value: \"a\": for 'Gt', 'Lt' operators, "
       "the value must be an integer"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_EQ(parsed(text), "error: " + std::string(message)) << text;
  }
  EXPECT_TRUE(parsed("-a").starts_with(
      "error: unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist"));
  EXPECT_TRUE(parsed("a=-b").starts_with(
      "error: unable to parse requirement: values[0][a]: Invalid value: \"-b\": a valid label "
      "must be"));
  EXPECT_FALSE(LabelSelector::parse(std::string_view("a\0b", 3)));
}

TEST(LabelSelector, MatchesLabels) {
  struct Case {
    std::string_view selector;
    Labels labels;
    bool matches;
  };
  const Case cases[] = {
      {"", {}, true},
      {"", {{"x", "y"}}, true},
      {"x=y", {{"x", "y"}}, true},
      {"x=y", {{"x", "z"}}, false},
      {"x=y", {}, false},
      {"x=", {}, false},
      {"x!=y", {}, true},
      {"x!=y", {{"x", "y"}}, false},
      {"x", {{"x", ""}}, true},
      {"x", {}, false},
      {"!x", {}, true},
      {"!x", {{"x", ""}}, false},
      {"x in (a,b)", {{"x", "b"}}, true},
      {"x in (a,b)", {}, false},
      {"x notin (a,b)", {}, true},
      {"x notin (a,b)", {{"x", "a"}}, false},
      {"x notin (a,b)", {{"x", "c"}}, true},
      {"x>1", {{"x", "2"}}, true},
      {"x>1", {{"x", "1"}}, false},
      {"x<7", {{"x", "-2"}}, true},
      {"x<7", {{"x", "a"}}, false},
      {"x>1", {}, false},
      {"x=a,y!=b", {{"x", "a"}, {"y", "b"}}, false},
  };
  for (const Case& c : cases) {
    const auto selector = LabelSelector::parse(c.selector);
    ASSERT_TRUE(selector) << c.selector;
    EXPECT_EQ(selector->matches(c.labels), c.matches) << c.selector;
    const std::vector<std::pair<std::string, std::string>> sorted(c.labels.begin(), c.labels.end());
    EXPECT_EQ(selector->matches(sorted), c.matches) << c.selector;
  }
}

TEST(LabelSelector, ComesFromTheApiType) {
  meta::v1::LabelSelector selector;
  selector.matchLabels = {{"b", "1"}};
  selector.matchExpressions = {{.key = "a", .operator_ = "In", .values = {"y", "x"}},
                               {.key = "c", .operator_ = "DoesNotExist", .values = {}}};

  const auto from = LabelSelector::from(selector);

  ASSERT_TRUE(from);
  EXPECT_EQ(from->text(), "a in (x,y),b=1,!c");
  EXPECT_TRUE(from->matches(Labels{{"a", "x"}, {"b", "1"}}));
  EXPECT_EQ(format_label_selector(&selector), "a in (x,y),b=1,!c");
}

TEST(LabelSelector, NullSelectsNothingAndEmptyEverything) {
  const meta::v1::LabelSelector empty;
  const meta::v1::LabelSelector* none = nullptr;
  EXPECT_TRUE(LabelSelector::from(none)->selects_nothing());
  EXPECT_FALSE(LabelSelector::from(none)->matches(Labels{}));
  EXPECT_TRUE(LabelSelector::from(empty)->selects_everything());
  EXPECT_EQ(format_label_selector(&empty), "<none>");
  EXPECT_EQ(LabelSelector::from_set({{"b", "2"}, {"a", "1"}}).text(), "a=1,b=2");
}

TEST(LabelSelector, RefusesWhatTheApiTypeMayNotSay) {
  meta::v1::LabelSelector selector;
  selector.matchExpressions = {{.key = "a", .operator_ = "Near", .values = {}}};
  EXPECT_EQ(LabelSelector::from(selector).error().message(),
            "\"Near\" is not a valid label selector operator");
  selector.matchExpressions = {{.key = "a", .operator_ = "In", .values = {}}};
  EXPECT_EQ(LabelSelector::from(selector).error().message(),
            "values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty");
  EXPECT_EQ(format_label_selector(&selector), "<error>");
}

TEST(LabelSelector, ValidationNamesTheFields) {
  meta::v1::LabelSelector selector;
  selector.matchLabels = {{"a", "-"}};
  selector.matchExpressions = {{.key = "a", .operator_ = "In", .values = {}},
                               {.key = "a", .operator_ = "Exists", .values = {"b"}},
                               {.key = "a", .operator_ = "Near", .values = {}}};

  const FieldErrors errors = validate_label_selector(selector, "spec.selector");

  ASSERT_EQ(errors.size(), 4u);
  EXPECT_EQ(errors[0].field, "spec.selector.matchLabels");
  EXPECT_EQ(errors[1].text(),
            "spec.selector.matchExpressions[0].values: Required value: must be specified when "
            "`operator` is 'In' or 'NotIn'");
  EXPECT_EQ(errors[2].text(),
            "spec.selector.matchExpressions[1].values: Forbidden: may not be specified when "
            "`operator` is 'Exists' or 'DoesNotExist'");
  EXPECT_EQ(errors[3].text(),
            "spec.selector.matchExpressions[2].operator: Invalid value: \"Near\": not a valid "
            "selector operator");
}

TEST(LabelSelector, TellsTheExactValue) {
  EXPECT_EQ(LabelSelector::parse("a=b")->find_exact("a"), "b");
  EXPECT_EQ(LabelSelector::parse("a in (b)")->find_exact("a"), "b");
  EXPECT_EQ(LabelSelector::parse("a in (b,c)")->find_exact("a"), std::nullopt);
  EXPECT_EQ(LabelSelector::parse("a!=b")->find_exact("a"), std::nullopt);
  EXPECT_EQ(LabelSelector::parse("a=b")->find_exact("b"), std::nullopt);
}

TEST(FieldSelector, ParsesAndPrints) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", ""},
      {",,", ""},
      {"a=b", "a=b"},
      {"a==b", "a=b"},
      {"z!=b,a=c", "a=c,z!=b"},
      {"a=", "a="},
      {R"(a=b\,c\=d\\e)", R"(a=b\,c\=d\\e)"},
      {"a=b!", "a=b!"},
  };
  for (const auto& [text, canonical] : cases) {
    const auto selector = FieldSelector::parse(text);
    ASSERT_TRUE(selector) << text;
    EXPECT_EQ(selector->text(), canonical);
  }
  EXPECT_EQ(FieldSelector::parse(R"(a=b\,c\=d\\e)")->requirements()[0].value, "b,c=d\\e");
}

TEST(FieldSelector, RefusesInUpstreamsWords) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"a", "invalid selector: 'a'; can't understand 'a'"},
      {"b=c,a", "invalid selector: 'b=c,a'; can't understand 'a'"},
      {"a=b=c", "invalid field selector: unescaped character in value: 61"},
      {R"(a=\b)", R"(invalid field selector: invalid escape sequence: \b)"},
      {"a=b\\", "invalid field selector: invalid escape sequence: \\"},
  };
  for (const auto& [text, message] : cases) {
    const auto selector = FieldSelector::parse(text);
    ASSERT_FALSE(selector) << text;
    EXPECT_EQ(selector.error().message(), message);
  }
}

TEST(FieldSelector, MatchesFields) {
  const auto value_of = [](std::string_view field) -> std::string_view {
    return field == "metadata.name" ? "web" : "";
  };
  EXPECT_TRUE(FieldSelector::parse("metadata.name=web")->matches(value_of));
  EXPECT_FALSE(FieldSelector::parse("metadata.name!=web")->matches(value_of));
  EXPECT_TRUE(FieldSelector::parse("status.phase!=Running")->matches(value_of));
  EXPECT_TRUE(FieldSelector::parse("status.phase=")->matches(value_of));
  EXPECT_TRUE(FieldSelector::parse("")->matches(value_of));
  EXPECT_EQ(FieldSelector::parse("metadata.name=web")->find_exact("metadata.name"), "web");
  EXPECT_EQ(FieldSelector::parse("metadata.name!=web")->find_exact("metadata.name"), std::nullopt);
}

}  // namespace
}  // namespace keelson::api
