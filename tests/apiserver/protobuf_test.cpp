// SPDX-License-Identifier: Apache-2.0
#include "api/codec/protobuf.h"

#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";
const std::string kProtobuf = "application/vnd.kubernetes.protobuf";

std::string protobuf(std::string_view json) {
  const auto document = api::parse_json(json);
  CHECK(document.has_value());
  auto bytes = api::encode_protobuf(*document);
  CHECK(bytes.has_value());
  return *std::move(bytes);
}

// Null if it is none.
api::Document decoded(std::string_view bytes) {
  return api::decode_protobuf(bytes).value_or(api::Document());
}

Answer get_as(TestCluster& cluster, const std::string& target, const std::string& accept) {
  return cluster.request("GET", target, {}, {{"Accept", accept}});
}

TEST(ProtobufFront, CreatesAndReadsObjects) {
  TestCluster cluster;

  const auto created = cluster.request("POST", kMaps, protobuf(config_map("a")),
                                       {{"Content-Type", kProtobuf}, {"Accept", kProtobuf}});

  ASSERT_EQ(created.code, 201) << created.body;
  EXPECT_EQ(created.headers.get("Content-Type"), kProtobuf);
  const auto object = decoded(created.body);
  EXPECT_EQ(api::string_at(object, {"kind"}), "ConfigMap");
  EXPECT_EQ(api::string_at(object, {"data", "k"}), "v");
  EXPECT_EQ(api::string_at(object, {"metadata", "uid"}).size(), 36u);
  EXPECT_EQ(get_as(cluster, kMaps + "/a", kProtobuf).body, created.body);

  const auto json = cluster.get(kMaps + "/a");
  EXPECT_EQ(json.text({"data", "k"}), "v");
  EXPECT_EQ(json.text({"metadata", "uid"}), api::string_at(object, {"metadata", "uid"}));
}

TEST(ProtobufFront, ReadsLists) {
  TestCluster cluster;
  cluster.post(kMaps, config_map("a"));
  cluster.post(kMaps, config_map("b"));

  const auto list = get_as(cluster, kMaps, kProtobuf);

  ASSERT_EQ(list.code, 200);
  const auto object = decoded(list.body);
  EXPECT_EQ(api::string_at(object, {"kind"}), "ConfigMapList");
  ASSERT_EQ(object.at("items").as_array().size(), 2u);
  EXPECT_EQ(api::string_at(object.at("items").as_array()[1], {"metadata", "name"}), "b");
}

TEST(ProtobufFront, DeletesWithOptions) {
  TestCluster cluster;
  cluster.post(kMaps, config_map("a"));
  const std::string options = protobuf(
      R"({"apiVersion":"v1","kind":"DeleteOptions","preconditions":{"uid":"not the one"}})");

  const auto refused = cluster.request("DELETE", kMaps + "/a", options,
                                       {{"Content-Type", kProtobuf}, {"Accept", kProtobuf}});
  const auto removed = cluster.request("DELETE", kMaps + "/a",
                                       protobuf(R"({"apiVersion":"v1","kind":"DeleteOptions"})"),
                                       {{"Content-Type", kProtobuf}, {"Accept", kProtobuf}});

  EXPECT_EQ(refused.code, 409);
  EXPECT_EQ(api::string_at(decoded(refused.body), {"reason"}), "Conflict");
  EXPECT_EQ(removed.code, 200);
  EXPECT_EQ(api::string_at(decoded(removed.body), {"status"}), "Success");
  EXPECT_EQ(cluster.get(kMaps + "/a").code, 404);
}

TEST(ProtobufFront, AnswersInTheFormThatIsPreferred) {
  TestCluster cluster;
  cluster.post(kMaps, config_map("a"));
  const std::string partial = ";as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
  const std::string table = ";as=Table;g=meta.k8s.io;v=v1";
  struct Case {
    std::string name, accept, type, kind;
    int code = 200;
  };
  const Case cases[] = {
      {"the only one", kProtobuf, kProtobuf, "ConfigMap"},
      {"the first", kProtobuf + ",application/json", kProtobuf, "ConfigMap"},
      {"the second", "application/json," + kProtobuf, "application/json", "ConfigMap"},
      {"the better", "application/json;q=0.5," + kProtobuf, kProtobuf, "ConfigMap"},
      {"any", "*/*", "application/json", "ConfigMap"},
      {"metadata", kProtobuf + partial, kProtobuf, "PartialObjectMetadata"},
      {"a table, which has no such form", kProtobuf + table + ",application/json" + table,
       "application/json", "Table"},
      {"a table only", kProtobuf + table, "application/json", "Status", 406},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const auto answer = get_as(cluster, kMaps + "/a", c.accept);
    EXPECT_EQ(answer.code, c.code);
    EXPECT_EQ(answer.headers.get("Content-Type"), c.type);
    const auto object = c.type == kProtobuf ? decoded(answer.body) : answer.json;
    EXPECT_EQ(api::string_at(object, {"kind"}), c.kind);
  }
}

TEST(ProtobufFront, TellsErrorsInTheFormOfTheAnswer) {
  TestCluster cluster;

  const auto missing = get_as(cluster, kMaps + "/none", kProtobuf + ",application/json");
  const auto broken = cluster.request("POST", kMaps, "k8s", {{"Content-Type", kProtobuf}});

  EXPECT_EQ(missing.code, 404);
  EXPECT_EQ(missing.headers.get("Content-Type"), kProtobuf);
  const auto status = decoded(missing.body);
  EXPECT_EQ(api::string_at(status, {"message"}), "configmaps \"none\" not found");
  EXPECT_EQ(status.at("code"), api::Document(404));
  EXPECT_EQ(broken.code, 400);
  EXPECT_EQ(broken.text({"message"}),
            "the object provided is unrecognized (must be of type ConfigMap): provided data does "
            "not appear to be a protobuf message, expected prefix [107 56 115 0] (6b3873)");
}

TEST(ProtobufFront, WatchesInFramesWithTheirLength) {
  TestCluster cluster;
  auto watching = cluster.watch(kMaps + "?watch=1", {{"Accept", kProtobuf}});
  cluster.post(kMaps, config_map("a"));
  cluster.remove(kMaps + "/a");
  cluster.executor.run_ready();

  const auto& response = watching.exchange->response;
  EXPECT_EQ(response.headers.get("Content-Type"), kProtobuf + ";stream=watch");
  std::string_view rest = response.body;
  for (const std::string_view type : {"ADDED", "DELETED"}) {
    SCOPED_TRACE(type);
    ASSERT_GE(rest.size(), 4u);
    std::size_t size = 0;
    for (const char byte : rest.substr(0, 4)) size = size << 8 | static_cast<unsigned char>(byte);
    rest.remove_prefix(4);
    ASSERT_GE(rest.size(), size);
    const std::string_view event = rest.substr(0, size);
    rest.remove_prefix(size);
    EXPECT_EQ(event.substr(2, type.size()), type);
    const auto object = decoded(event.substr(event.find(api::kProtobufMagic)));
    EXPECT_EQ(api::string_at(object, {"metadata", "name"}), "a");
  }
  EXPECT_TRUE(rest.empty());
}

}  // namespace
}  // namespace keelson::apiserver
