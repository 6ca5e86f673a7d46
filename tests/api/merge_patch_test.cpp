// SPDX-License-Identifier: Apache-2.0
#include "api/patch/merge_patch.h"

#include <gtest/gtest.h>

#include "api/codec/json.h"

namespace keelson::api {
namespace {

TEST(MergePatch, MergesObjectsAndReplacesTheRest) {
  struct Case {
    std::string_view document, patch, expected;
  };
  const Case cases[] = {
      // RFC 7386, appendix A, as far as it is about objects.
      {R"({"a":"b"})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"b"})", R"({"b":"c"})", R"({"a":"b","b":"c"})"},
      {R"({"a":"b"})", R"({"a":null})", R"({})"},
      {R"({"a":"b","b":"c"})", R"({"a":null})", R"({"b":"c"})"},
      {R"({"a":["b"]})", R"({"a":"c"})", R"({"a":"c"})"},
      {R"({"a":"c"})", R"({"a":["b"]})", R"({"a":["b"]})"},
      {R"({"a":{"b":"c"}})", R"({"a":{"b":"d","c":null}})", R"({"a":{"b":"d"}})"},
      {R"({"a":[{"b":"c"}]})", R"({"a":[1]})", R"({"a":[1]})"},
      {R"({"e":null})", R"({"a":1})", R"({"e":null,"a":1})"},
      {R"({})", R"({"a":{"bb":{"ccc":null}}})", R"({"a":{"bb":{}}})"},
      {R"({"a":1})", R"({})", R"({"a":1})"},
      // Null inside a new list's objects removes, but stays as an element.
      {R"({})", R"({"a":[{"b":null,"c":1},null]})", R"({"a":[{"c":1},null]})"},
      {R"({"a":{"b":{"c":1,"d":2}}})", R"({"a":{"b":{"c":null}}})", R"({"a":{"b":{"d":2}}})"},
  };
  for (const Case& c : cases) {
    const auto result = apply_merge_patch(*parse_json(c.document), *parse_json(c.patch));
    ASSERT_TRUE(result) << c.patch;
    EXPECT_EQ(to_json(*result), c.expected) << c.patch;
  }
}

TEST(MergePatch, RefusesWhatIsNoObject) {
  for (const std::string_view patch : {"[]", "1", "null", "\"a\""}) {
    const auto result = apply_merge_patch(*parse_json("{}"), *parse_json(patch));
    ASSERT_FALSE(result) << patch;
    EXPECT_EQ(result.error().code(), 400);
    EXPECT_EQ(result.error().message(), "Invalid JSON Patch");
  }
}

TEST(MergePatch, TakesManyNullsInLinearTime) {
  boost::json::object nulls, full;
  for (int i = 0; i < 200'000; ++i) {
    nulls.emplace("key" + std::to_string(i), nullptr);
    full.emplace("key" + std::to_string(i), i);
  }
  const auto emptied = apply_merge_patch(full, nulls);
  ASSERT_TRUE(emptied);
  EXPECT_EQ(to_json(*emptied), "{}");
  const auto nested = apply_merge_patch(*parse_json("{}"), boost::json::object{{"a", nulls}});
  ASSERT_TRUE(nested);
  EXPECT_EQ(to_json(*nested), R"({"a":{}})");
}

}  // namespace
}  // namespace keelson::api
