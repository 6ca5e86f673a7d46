// SPDX-License-Identifier: Apache-2.0
#include "api/yaml_flow.h"

#include <gtest/gtest.h>

#include "api/yaml.h"

namespace keelson::api {
namespace {

// Three brackets are one too many, where they are brackets.
bool finds(std::string_view text) { return !check_yaml_flow(text, 2); }

TEST(YamlFlow, FindsFlowCollectionsWhereverOneMayStand) {
  for (const std::string_view text : {
           "[[[",
           "  {a: [{b",
           "--- [[[",
           "a: 1\n---\nb: [[[",
           "a: b\n...\n[[[",
           "a: [1, [2, [3",
           "a:\n  b:\n    [[[",
           "- [[[",
           "- - ? [[[",
           "- a: 1\n  b: [[[",
           "- a\n- [[[",
           "a: b\n  c\nd: [[[",
           "a: |\n b [\nc: [[[",
           "a: |\n\n   b\n  c\nd: >-\n  e\nf: [[[",
           "- |\n a\n- [[[",
           "? a\n: [[[",
           "'it''s': [[[",
           "\"a\\\"\": [[[",
           "\"a\n  b\" : [[[",
           "&x a: &y !!seq [[[",
           "[a]: [[[",
           "# a comment\r[[[",
           "%YAML 1.1\n---\n# a comment\xE2\x80\xA8[[[",
           "a: it's\nb: [[[",
           "a:b: [[[",
           "a: # why\n  [[[",
           "[a'b, [c\"d, [",
           "[it's\n'so, [[",
           "{'a':'b', c: {d: {",
           "{a: 'b]', c: [ # ]]\n[",
           "[&x 'a]', [!t \"b]\", [",
           "[[], [], [[]]]",
       }) {
    EXPECT_TRUE(finds(text)) << text;
  }
}

TEST(YamlFlow, LeavesBracketsInTextAlone) {
  for (const std::string_view text : {
           "",
           "a: b [[[",
           "a[[[: b",
           "- b\n  [[[",
           "a: b\n  [[[\n  [[[",
           "a: b # [[[",
           "# [[[\na: b",
           "a: \"[[[\"",
           "a: 'it''s [[['",
           "a: \"\\\" [[[\"",
           "a: \"b\n  [[[\n  c\"",
           "a: |\n  [[[\n  {{{\nb: c",
           "a: >2-\n   [[[\n\n  [[[",
           "- a: |\n    [[[",
           "- |\n [[[\n- b",
           "|\n[[[",
           "--- |\n[[[\n---\na",
           "a:\n- b: |+\n    [[[\n\n    [[[\n- c",
           "[\"[[[\", '[[[', a # [[[\n]",
           "{a: [1], b: [2], c: {d: e}}",
           "[[], [], []]",
           "*a : [b]",
           "# a comment\xE2\x80\xA8[[[",
       }) {
    EXPECT_FALSE(finds(text)) << text;
  }
}

TEST(YamlFlow, SaysHowMuchIsTooMuch) {
  std::string wide = "a: 1\nb: [";
  for (int i = 0; i < 100'000; ++i) wide += "1,";
  const auto refused = parse_yaml(wide + "1]");
  ASSERT_FALSE(refused);
  EXPECT_EQ(
      refused.error().message(),
      "error converting YAML to JSON: yaml: line 2: more than 200000 tokens in a flow collection; "
      "use block style, or JSON alone");

  std::string block = "a: |\n  " + wide.substr(5) + "1]\nb: \"" + wide.substr(5) + "\"\n";
  EXPECT_TRUE(parse_yaml(block));
  // As one JSON object it is read without the YAML parser.
  const auto json = parse_yaml(R"({"a": 1.0, "b": [)" + wide.substr(9) + "1.5]}");
  ASSERT_TRUE(json) << json.error().message();
  EXPECT_TRUE(json->at("a").is_int64());
  EXPECT_EQ(json->at("b").get_array().size(), 100'001);
}

TEST(YamlFlow, DuplicateKeysOfJsonAreFoundAllTheSame) {
  std::vector<std::string> duplicates;
  const auto read = parse_yaml("{\"a\": 1,\n \"a\": 2}", {.duplicates = &duplicates});
  ASSERT_TRUE(read);
  EXPECT_EQ(to_json(*read), R"({"a":2})");
  EXPECT_EQ(duplicates, (std::vector<std::string>{"line 2: key \"a\" already set in map"}));
}

}  // namespace
}  // namespace keelson::api
