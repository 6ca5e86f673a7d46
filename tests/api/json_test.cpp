// SPDX-License-Identifier: Apache-2.0
#include "api/codec/json.h"

#include <gtest/gtest.h>

#include "api/apiextensions/v1.h"
#include "api/apps/v1.h"
#include "api/core/v1.h"
#include "api/meta/v1.h"
#include "api/rbac/v1.h"

namespace keelson::api {
namespace {

std::string parse_error(std::string_view text) {
  auto parsed = parse_json(text);
  return parsed ? "no error" : parsed.error().message();
}

TEST(ParseJson, ReadsAllOfJson) {
  struct Case {
    std::string_view in, out;
  };
  const Case cases[] = {
      {" null ", "null"},
      {"true", "true"},
      {"false", "false"},
      {"0", "0"},
      {"-1", "-1"},
      {"9223372036854775807", "9223372036854775807"},
      {"18446744073709551615", "18446744073709551615"},
      {"-9223372036854775808", "-9223372036854775808"},
      {"1.5", "1.5"},
      {"1.0", "1"},
      {"1e3", "1000"},
      {"1e21", "1e+21"},
      {"1e-7", "1e-7"},
      {"0.000001", "0.000001"},
      {"123456789012345680000", "123456789012345680000"},
      {R"("a\n\"\\\/\u00e9\ud83d\ude00")", "\"a\\n\\\"\\\\/\u00e9\U0001F600\""},
      {R"("\u0001")", R"("\u0001")"},
      {R"("\ud800x")", "\"\uFFFDx\""},
      {"[]", "[]"},
      {"[1, [2], {}]", "[1,[2],{}]"},
      {R"({ "b" : 1 , "a" : {} })", R"({"b":1,"a":{}})"},
      {R"({"":0})", R"({"":0})"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    auto parsed = parse_json(c.in);
    ASSERT_TRUE(parsed.has_value()) << parsed.error().message();
    EXPECT_EQ(to_json(*parsed), c.out);
  }
}

TEST(ParseJson, RefusesWhatIsNoJson) {
  struct Case {
    std::string_view in, message;
  };
  const Case cases[] = {
      {"", "unexpected end of JSON input"},
      {"{", "unexpected end of JSON input"},
      {"[1,", "unexpected end of JSON input"},
      {"\"a", "unexpected end of JSON input"},
      {"tru", "unexpected end of JSON input"},
      {"x", "invalid character 'x' looking for beginning of value"},
      {"'a'", "invalid character '\\'' looking for beginning of value"},
      {"trux", "invalid character 'x' in literal true (expecting 'e')"},
      {"01", "invalid character '1' after top-level value"},
      {"-x", "invalid character 'x' in numeric literal"},
      {"1.x", "invalid character 'x' after decimal point in numeric literal"},
      {"1ex", "invalid character 'x' in exponent of numeric literal"},
      {"{} {}", "invalid character '{' after top-level value"},
      {"{a:1}", "invalid character 'a' looking for beginning of object key string"},
      {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
      {"{\"a\" 1}", "invalid character '1' after object key"},
      {"{\"a\":1 \"b\"}", "invalid character '\"' after object key:value pair"},
      {"[1,]", "invalid character ']' looking for beginning of value"},
      {"[1 2]", "invalid character '2' after array element"},
      {"\"\n\"", "invalid character '\\n' in string literal"},
      {"\"\\x\"", "invalid character 'x' in string escape code"},
      {"\"\\u00g0\"", "invalid character 'g' in \\u hexadecimal character escape"},
      {"\"\xff\"", "invalid UTF-8 in string literal"},
      {"\"\xed\xa0\x80\"", "invalid UTF-8 in string literal"},
      {"\"\xc0\x80\"", "invalid UTF-8 in string literal"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    EXPECT_EQ(parse_error(c.in), c.message);
  }
}

TEST(ParseJson, HoldsItsLimits) {
  const std::string deepest = std::string(kJsonDepthMax, '[') + std::string(kJsonDepthMax, ']');
  EXPECT_TRUE(parse_json(deepest).has_value());
  EXPECT_EQ(parse_error("[" + deepest + "]"), "exceeded max depth");
  EXPECT_EQ(parse_error(std::string(1'000'000, '[')), "exceeded max depth");

  EXPECT_TRUE(parse_json("[1,2]", {.size_max = 5}).has_value());
  const auto too_large = parse_json("[1, 2]", {.size_max = 5});
  ASSERT_FALSE(too_large.has_value());
  EXPECT_TRUE(too_large.error().is(Reason::RequestEntityTooLarge));
}

TEST(ParseJson, FindsDuplicateMembers) {
  ParseFindings findings;
  const auto parsed = parse_json(
      R"({"a":1,"a":2,"spec":{"list":[{"x":1},{"x":1,"x":{"y":1}}],"list2":[]}})", {}, &findings);

  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(findings.duplicates, (std::vector<std::string>{"a", "spec.list[1].x"}));
  EXPECT_EQ(to_json(*parsed), R"({"a":2,"spec":{"list":[{"x":1},{"x":{"y":1}}],"list2":[]}})");
}

TEST(EncodeJson, WritesAsUpstreamDoes) {
  apps::v1::Deployment deployment;
  deployment.metadata.name = "web";
  deployment.spec.replicas = 0;
  deployment.spec.template_.spec.containers.push_back({.name = "c"});

  EXPECT_EQ(encode_json(deployment),
            R"({"kind":"Deployment","apiVersion":"apps/v1","metadata":{"name":"web"},)"
            R"("spec":{"replicas":0,"selector":null,"template":{"metadata":{},)"
            R"("spec":{"containers":[{"name":"c","resources":{}}]}},"strategy":{}},"status":{}})");
}

TEST(EncodeJson, ShowsUnsetTimesAsNullUnlessTheyAreOmitted) {
  core::v1::Event event;
  event.metadata.name = "e";

  const std::string text = encode_json(event);

  EXPECT_EQ(text.find("creationTimestamp"), std::string::npos);
  EXPECT_NE(text.find(R"("firstTimestamp":null)"), std::string::npos);
}

TEST(EncodeJson, WritesEmptyItemsAsAList) {
  EXPECT_EQ(encode_json(core::v1::PodList{}),
            R"({"kind":"PodList","apiVersion":"v1","metadata":{},"items":[]})");
}

TEST(DecodeJson, IgnoresWhatItDoesNotKnow) {
  const auto pod = decode_json<core::v1::Pod>(
      R"({"kind":"Pod","apiVersion":"v1","future":[{"a":1}],"metadata":{"labels":{"a":"b"},
          "creationTimestamp":null},"spec":{"Containers":[],"hostNetwork":true}})");

  ASSERT_TRUE(pod.has_value()) << pod.error().message();
  EXPECT_EQ(pod->metadata.labels.at("a"), "b");
  EXPECT_TRUE(pod->spec.hostNetwork);
  EXPECT_FALSE(pod->metadata.creationTimestamp.is_set());
}

TEST(DecodeJson, KeepsRawValues) {
  const auto revision = decode_json<apps::v1::ControllerRevision>(
      R"({"data": {"b" : [1, "x y"], "a": 18446744073709551615}, "revision": 3})");

  ASSERT_TRUE(revision.has_value());
  EXPECT_EQ(revision->data.text, R"({"b":[1,"x y"],"a":18446744073709551615})");
}

// Each message from a decoder of structs, and the same from normalize().
TEST(DecodeJson, SpeaksGo) {
  struct Case {
    std::string_view in, message;
  };
  const Case cases[] = {
      {R"({"spec":{"replicas":"3"}})",
       "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type "
       "int32"},
      {R"({"spec":{"replicas":3000000000}})",
       "json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas "
       "of "
       "type int32"},
      {R"({"spec":{"replicas":1.5}})",
       "json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of "
       "type "
       "int32"},
      {R"({"spec":{"template":{"spec":{"containers":{}}}}})",
       "json: cannot unmarshal object into Go struct field PodSpec.spec.template.spec.containers "
       "of "
       "type []v1.Container"},
      {R"({"spec":{"template":{"spec":{"containers":[{"env":[{"name":1}]}]}}}})",
       "json: cannot unmarshal number into Go struct field "
       "EnvVar.spec.template.spec.containers.env.name "
       "of type string"},
      {R"({"metadata":{"labels":{"a":1}}})",
       "json: cannot unmarshal number into Go struct field ObjectMeta.metadata.labels of type "
       "string"},
      {R"({"metadata":{"labels":["a"]}})",
       "json: cannot unmarshal array into Go struct field ObjectMeta.metadata.labels of type "
       "map[string]string"},
      {R"({"spec":"x"})",
       "json: cannot unmarshal string into Go struct field Deployment.spec of type "
       "v1.DeploymentSpec"},
      {R"({"spec":{"paused":"yes"}})",
       "json: cannot unmarshal string into Go struct field DeploymentSpec.spec.paused of type "
       "bool"},
      {R"({"spec":{"strategy":{"type":false}}})",
       "json: cannot unmarshal bool into Go struct field DeploymentStrategy.spec.strategy.type of "
       "type "
       "v1.DeploymentStrategyType"},
      {R"({"spec":{"strategy":{"rollingUpdate":{"maxSurge":true}}}})",
       "json: cannot unmarshal bool into Go struct field "
       "RollingUpdateDeployment.spec.strategy.rollingUpdate.maxSurge of type int32"},
      {R"({"metadata":{"creationTimestamp":"now"}})",
       R"(parsing time "now" as "2006-01-02T15:04:05Z07:00": cannot parse "now" as "2006")"},
      {R"([])", "json: cannot unmarshal array into Go value of type v1.Deployment"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.in);
    const auto decoded = decode_json<apps::v1::Deployment>(c.in);
    ASSERT_FALSE(decoded.has_value());
    EXPECT_EQ(decoded.error().message(), c.message);

    Document document = parse_json(c.in).value();
    EXPECT_EQ(decode<apps::v1::Deployment>(document).error().message(), c.message);
    EXPECT_EQ(normalize(document, type_of<apps::v1::Deployment>()).error().message(), c.message);
  }
}

std::string normalized(std::string_view text, const Type& type) {
  Document document = parse_json(text).value();
  const auto findings = normalize(document, type);
  if (!findings) return findings.error().message();
  std::string result = to_json(document);
  // A second time changes nothing.
  EXPECT_TRUE(normalize(document, type).has_value());
  EXPECT_EQ(to_json(document), result);
  return result;
}

TEST(Normalize, WritesWhatUpstreamWouldWriteBack) {
  EXPECT_EQ(normalized(R"({"status":null,"spec":{"containers":[{"image":"i","name":"c","resources":
          {"limits":{"memory":"1.5Gi","cpu":1}},"ports":[],"stdin":false,"env":null}],
          "nodeName":"","priority":0},"metadata":{"labels":{"b":"2","a":null},"name":"p",
          "creationTimestamp":null,"finalizers":[]},"apiVersion":"v1","kind":"Pod"})",
                       type_of<core::v1::Pod>()),
            R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","labels":{"a":"","b":"2"}},)"
            R"("spec":{"containers":[{"name":"c","image":"i","resources":{"limits":)"
            R"({"cpu":"1","memory":"1536Mi"}}}],"priority":0},"status":{}})");
}

TEST(Normalize, TellsAbsentFromEmpty) {
  const Type& role = type_of<rbac::v1::Role>();
  EXPECT_EQ(normalized(R"({"metadata":{"name":"r"}})", role),
            R"({"metadata":{"name":"r"},"rules":null})");
  EXPECT_EQ(normalized(R"({"metadata":{"name":"r"},"rules":[]})", role),
            R"({"metadata":{"name":"r"},"rules":[]})");
}

TEST(Normalize, CollectsAndDropsUnknownFieldsInTheirOrder) {
  Document document =
      parse_json(
          R"({"zzz":1,"metadata":{"nam":"x"},"spec":{"Replicas":1,"template":{"spec":{"containers":
         [{"name":"a"},{"name":"b","imge":"x"}]}}},"kind":"Deployment","foo":{}})")
          .value();

  const auto findings = normalize(document, type_of<apps::v1::Deployment>());

  ASSERT_TRUE(findings.has_value());
  EXPECT_EQ(findings->unknown,
            (std::vector<std::string>{"zzz", "metadata.nam", "spec.Replicas",
                                      "spec.template.spec.containers[1].imge", "foo"}));
  EXPECT_EQ(to_json(document).find("zzz"), std::string::npos);
  EXPECT_EQ(to_json(document).find("imge"), std::string::npos);
}

TEST(Normalize, ReadsSchemasInAllTheirForms) {
  EXPECT_EQ(normalized(R"({"properties":{"a":{"items":{"type":"string","title":""},
                           "additionalProperties":false}},"dependencies":{"d":["x"]}})",
                       type_of<apiextensions::v1::JSONSchemaProps>()),
            R"({"properties":{"a":{"items":{"type":"string"},"additionalProperties":false}},)"
            R"("dependencies":{"d":["x"]}})");
  EXPECT_EQ(normalized(R"({"items":{"type":3}})", type_of<apiextensions::v1::JSONSchemaProps>()),
            "json: cannot unmarshal number into Go struct field JSONSchemaProps.items.type of type "
            "string");
}

TEST(Normalize, RefusesBadQuantities) {
  EXPECT_EQ(normalized(R"({"spec":{"containers":[{"resources":{"limits":{"cpu":"1x"}}}]}})",
                       type_of<core::v1::Pod>()),
            "quantities must match the regular expression "
            "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'");
}

TEST(Documents, AreReachedByPath) {
  Document document = parse_json(R"({"a":{"b":"x"},"n":null})").value();
  EXPECT_EQ(string_at(document, {"a", "b"}), "x");
  EXPECT_EQ(string_at(document, {"a", "c"}), "");
  EXPECT_EQ(find_at(document, {"a", "b", "c"}), nullptr);
  object_at(document, {"n", "m"})["k"] = 1;
  EXPECT_EQ(to_json(document), R"({"a":{"b":"x"},"n":{"m":{"k":1}}})");
}

}  // namespace
}  // namespace keelson::api
