// SPDX-License-Identifier: Apache-2.0
#include "api/patch/json_patch.h"

#include <gtest/gtest.h>

#include "api/codec/json.h"

namespace keelson::api {
namespace {

Document json(std::string_view text) { return *parse_json(text); }

// The patched document as text, or the message of its cause, or of its status.
std::string patched(std::string_view document, std::string_view patch) {
  const auto result = apply_json_patch(json(document), json(patch));
  if (result) return to_json(*result);
  const auto& causes = result.error().details().causes;
  return causes.empty() ? result.error().message() : causes.front().message;
}

TEST(JsonPatch, AppliesEveryOperation) {
  struct Case {
    std::string_view document, patch, expected;
  };
  const Case cases[] = {
      // RFC 6902, appendix A.
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux"}])",
       R"({"foo":"bar","baz":"qux"})"},
      {R"({"foo":["bar","baz"]})", R"([{"op":"add","path":"/foo/1","value":"qux"}])",
       R"({"foo":["bar","qux","baz"]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"remove","path":"/baz"}])", R"({"foo":"bar"})"},
      {R"({"foo":["bar","qux","baz"]})", R"([{"op":"remove","path":"/foo/1"}])",
       R"({"foo":["bar","baz"]})"},
      {R"({"baz":"qux","foo":"bar"})", R"([{"op":"replace","path":"/baz","value":"boo"}])",
       R"({"baz":"boo","foo":"bar"})"},
      {R"({"foo":{"bar":"baz","waldo":"fred"},"qux":{"corge":"grault"}})",
       R"([{"op":"move","from":"/foo/waldo","path":"/qux/thud"}])",
       R"({"foo":{"bar":"baz"},"qux":{"corge":"grault","thud":"fred"}})"},
      {R"({"foo":["all","grass","cows","eat"]})",
       R"([{"op":"move","from":"/foo/1","path":"/foo/3"}])",
       R"({"foo":["all","cows","eat","grass"]})"},
      {R"({"baz":"qux","foo":["a",2,"c"]})",
       R"([{"op":"test","path":"/baz","value":"qux"},{"op":"test","path":"/foo/1","value":2}])",
       R"({"baz":"qux","foo":["a",2,"c"]})"},
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/child","value":{"grandchild":{}}}])",
       R"({"foo":"bar","child":{"grandchild":{}}})"},
      {R"({"foo":"bar"})", R"([{"op":"add","path":"/baz","value":"qux","xyz":123}])",
       R"({"foo":"bar","baz":"qux"})"},
      {R"({"/":9,"~1":10})", R"([{"op":"test","path":"/~01","value":10}])", R"({"/":9,"~1":10})"},
      {R"({"foo":["bar"]})", R"([{"op":"add","path":"/foo/-","value":["abc","def"]}])",
       R"({"foo":["bar",["abc","def"]]})"},
      // Escapes, the empty name, copies.
      {R"({"metadata":{"labels":{}}})",
       R"([{"op":"add","path":"/metadata/labels/app.kubernetes.io~1name","value":"web"}])",
       R"({"metadata":{"labels":{"app.kubernetes.io/name":"web"}}})"},
      {R"({"a":1})", R"([{"op":"add","path":"/","value":2}])", R"({"a":1,"":2})"},
      {R"({"a":{"b":1}})",
       R"([{"op":"copy","from":"/a","path":"/c"},{"op":"replace","path":"/a/b","value":2}])",
       R"({"a":{"b":2},"c":{"b":1}})"},
      {R"({"a":1})", R"([{"op":"replace","path":"","value":{"b":2}}])", R"({"b":2})"},
      {R"({"a":1})", R"([{"op":"test","path":"","value":{"a":1}}])", R"({"a":1})"},
      {R"({"a":1})", "[]", R"({"a":1})"},
      // Upstream's leniency.
      {R"({"a":1})", R"([{"op":"replace","path":"/b","value":2}])", R"({"a":1,"b":2})"},
      {R"({"a":1})", R"([{"op":"test","path":"/b","value":null}])", R"({"a":1})"},
      {R"({"a":[1,2,3]})", R"([{"op":"remove","path":"/a/-1"}])", R"({"a":[1,2]})"},
      {R"({"a":[1,2]})", R"([{"op":"add","path":"/a/-1","value":3}])", R"({"a":[1,2,3]})"},
  };
  for (const Case& c : cases) EXPECT_EQ(patched(c.document, c.patch), c.expected) << c.patch;
}

TEST(JsonPatch, SaysWhyAnOperationDoesNotApply) {
  struct Case {
    std::string_view patch, message;
  };
  const Case cases[] = {
      {R"([{"op":"test","path":"/a","value":2}])", "testing value /a failed: test failed"},
      {R"([{"op":"test","path":"/a","value":1.0}])", "testing value /a failed: test failed"},
      {R"([{"op":"test","path":"/x/y","value":2}])",
       "test operation does not apply: is missing path: /x/y: missing value"},
      {R"([{"op":"remove","path":"/b"}])",
       "error in remove for path: '/b': Unable to remove nonexistent key: b: missing value"},
      {R"([{"op":"remove","path":"/x/y"}])",
       "remove operation does not apply: doc is missing path: \"/x/y\": missing value"},
      {R"([{"op":"add","path":"/x/y","value":1}])",
       "add operation does not apply: doc is missing path: \"/x/y\": missing value"},
      {R"([{"op":"add","path":"a","value":1}])",
       "add operation does not apply: doc is missing path: \"a\": missing value"},
      {R"([{"op":"add","path":"/a/b","value":1}])",
       "add operation does not apply: doc is missing path: \"/a/b\": missing value"},
      {R"([{"op":"add","path":"/l/3","value":1}])",
       "error in add for path: '/l/3': Unable to access invalid index: 3: invalid index "
       "referenced"},
      {R"([{"op":"add","path":"/l/x","value":1}])",
       "error in add for path: '/l/x': value was not a proper array index: 'x': strconv.Atoi: "
       "parsing \"x\": invalid syntax"},
      {R"([{"op":"replace","path":"/l/2","value":1}])",
       "replace operation does not apply: doc is missing key: /l/2: missing value"},
      {R"([{"op":"move","from":"/b","path":"/c"}])",
       "error in move for path: 'b': Unable to remove nonexistent key: b: missing value"},
      {R"([{"op":"move","from":"/o","path":"/o/p"}])",
       "move operation does not apply: doc is missing destination path: /o/p: missing value"},
      {R"([{"op":"copy","from":"/x/y","path":"/c"}])",
       "copy operation does not apply: doc is missing from path: /x/y: missing value"},
      {R"([{"op":"add","value":1}])",
       "add operation failed to decode path: operation missing path field: missing value"},
      {R"([{"op":"spin","path":"/a"}])", "Unexpected kind: spin"},
      {R"([{"path":"/a"}])", "Unexpected kind: unknown"},
      {R"({"op":"add"})", "json: cannot unmarshal object into Go value of type jsonpatch.Patch"},
      {R"([1])", "json: cannot unmarshal number into Go value of type jsonpatch.Operation"},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(patched(R"({"a":1,"l":[1,2],"o":{}})", c.patch), c.message) << c.patch;
  }
}

TEST(JsonPatch, AnswersAsTheServerDoes) {
  const auto failed = apply_json_patch(json("{}"), json(R"([{"op":"remove","path":"/a"}])"));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code(), 422);
  EXPECT_EQ(failed.error().message(),
            "the server rejected our request due to an error in our request");
  EXPECT_EQ(apply_json_patch(json("{}"), json("1")).error().code(), 400);
}

TEST(JsonPatch, BoundsOperationsCopiesAndDepth) {
  boost::json::array operations;
  for (std::size_t i = 0; i <= kJsonPatchOperationsMax; ++i) {
    operations.push_back(json(R"({"op":"test","path":"/a","value":null})"));
  }
  const auto too_many = apply_json_patch(json("{}"), operations);
  ASSERT_FALSE(too_many);
  EXPECT_EQ(too_many.error().code(), 413);
  EXPECT_EQ(too_many.error().message(),
            "The allowed maximum operations in a JSON patch is 10000, got 10001");
  operations.pop_back();
  EXPECT_TRUE(apply_json_patch(json("{}"), operations));

  boost::json::array doubling, nesting;
  std::string path = "/a";
  for (int i = 0; i < 40; ++i) {
    doubling.push_back(json(R"({"op":"copy","from":"/a","path":"/a/-"})"));
    nesting.push_back(boost::json::object{{"op", "copy"}, {"from", "/o"}, {"path", "/o/p"}});
  }
  const auto too_big = apply_json_patch(json(R"({"a":["0123456789"]})"), doubling);
  ASSERT_FALSE(too_big);
  EXPECT_NE(too_big.error().details().causes.front().message.find("exceeding the limit 3145728"),
            std::string::npos);
  EXPECT_TRUE(apply_json_patch(json(R"({"o":{}})"), nesting));

  boost::json::array deepening;
  for (int i = 0; i < 2 * kJsonDepthMax; ++i) {
    deepening.push_back(
        boost::json::object{{"op", "add"}, {"path", path}, {"value", boost::json::object()}});
    path += "/a";
  }
  const auto too_deep = apply_json_patch(json("{}"), deepening);
  ASSERT_FALSE(too_deep);
  EXPECT_NE(too_deep.error().details().causes.front().message.find("nested too deep"),
            std::string::npos);
}

}  // namespace
}  // namespace keelson::api
