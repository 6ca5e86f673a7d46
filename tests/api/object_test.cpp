// SPDX-License-Identifier: Apache-2.0
#include "api/object.h"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "api/core/v1.h"

namespace keelson::api {
namespace {

const std::string kStored =
    R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"a","namespace":"n","uid":"u-1",)"
    R"("labels":{"z":"1","b":"x\"y"}},"data":{"k":"v"}})";

TEST(Object, KnowsWhatStandsInItsMetadata) {
  const auto object = Object::from_stored(kStored, 42);

  ASSERT_TRUE(object.has_value());
  EXPECT_EQ((*object)->api_version(), "v1");
  EXPECT_EQ((*object)->kind(), "ConfigMap");
  EXPECT_EQ((*object)->key().text(), "n/a");
  EXPECT_EQ((*object)->uid(), "u-1");
  EXPECT_EQ((*object)->resource_version(), 42);
  EXPECT_FALSE((*object)->is_deleting());
  EXPECT_EQ((*object)->labels().front().first, "b");
  EXPECT_EQ(*(*object)->find_label("b"), "x\"y");
  EXPECT_EQ((*object)->find_label("c"), nullptr);
}

TEST(Object, SplicesItsVersionInAndOut) {
  struct Case {
    std::string name, stored, json;
  };
  const Case cases[] = {
      {"behind the uid", R"({"metadata":{"name":"a","uid":"u","generation":1}})",
       R"({"metadata":{"name":"a","uid":"u","resourceVersion":"7","generation":1}})"},
      {"uid last", R"({"metadata":{"name":"a","uid":"u"}})",
       R"({"metadata":{"name":"a","uid":"u","resourceVersion":"7"}})"},
      {"no uid", R"({"metadata":{"name":"a"}})",
       R"({"metadata":{"resourceVersion":"7","name":"a"}})"},
      {"empty", R"({"metadata":{}})", R"({"metadata":{"resourceVersion":"7"}})"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto object = Object::from_stored(c.stored, 7);
    ASSERT_TRUE(object.has_value());
    EXPECT_EQ((*object)->json(), c.json);
    EXPECT_EQ((*object)->stored(), c.stored);
    const auto later = Object::from_stored((*object)->json(), 8);
    EXPECT_EQ((*later)->resource_version(), 8);
    EXPECT_EQ((*later)->stored(), c.stored);
  }
}

TEST(Object, RefusesWhatIsNoObject) {
  for (const std::string text :
       {"", "null", "[]", "{", R"({"a":1)", R"({"a":1,})", R"({"a":})", R"({"a" 1})", R"({} x)",
        R"({"metadata":{"name":5}})", R"({"metadata":{"name":"a)", "{\"a\":\"\\u12\"",
        R"({"metadata":{"labels":{"a":1}}})", R"({"a":[1,2})"}) {
    SCOPED_TRACE(text);
    EXPECT_FALSE(Object::from_json(text).has_value());
  }
  EXPECT_FALSE(Object::from_json(std::string(100'000, '[')).has_value());
  EXPECT_FALSE(
      Object::from_json("{\"a\":" + std::string(5'000, '[') + std::string(5'000, ']') + "}")
          .has_value());
}

TEST(Object, TakesAnyWellFormedJson) {
  const auto object = Object::from_json(
      " { \"x\" : [ 1, -2.5e3, true, null, {\"y\":\"\\u00e9\\ud83d\\ude00\"} ] ,\n"
      "\"metadata\" : { \"name\" : \"caf\\u00e9\", \"labels\": null, \"resourceVersion\":\"12\" ,"
      "\"deletionTimestamp\":\"2024-01-01T00:00:00Z\"} } ");

  ASSERT_TRUE(object.has_value());
  EXPECT_EQ((*object)->name(), "caf\xc3\xa9");
  EXPECT_EQ((*object)->resource_version(), 12);
  EXPECT_TRUE((*object)->is_deleting());
}

TEST(Object, DecodesOnceForEverybody) {
  const auto object = *Object::from_stored(kStored, 1);
  std::vector<std::thread> threads;
  std::vector<const core::v1::ConfigMap*> seen(8);
  for (auto& place : seen) {
    threads.emplace_back([&object, &place] { place = &object->as<core::v1::ConfigMap>(); });
  }
  for (auto& thread : threads) thread.join();

  for (const auto* value : seen) EXPECT_EQ(value, seen.front());
  EXPECT_EQ(seen.front()->data.at("k"), "v");
  const auto shared = share<core::v1::ConfigMap>(object);
  EXPECT_EQ(shared.get(), seen.front());
}

}  // namespace
}  // namespace keelson::api
