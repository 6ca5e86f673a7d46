// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cluster.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

const std::string kMaps = "/api/v1/namespaces/default/configmaps";
using Told = std::vector<std::string>;

// "ADDED a", "BOOKMARK", ...
Told told(Streaming& watch) {
  Told out;
  for (const auto& event : watch.events()) {
    std::string text(api::string_at(event, {"type"}));
    const auto name = api::string_at(event, {"object", "metadata", "name"});
    if (!name.empty()) text.append(" ").append(name);
    out.push_back(std::move(text));
  }
  return out;
}

std::string version_of(const Answer& answer) {
  return std::string(answer.text({"metadata", "resourceVersion"}));
}

TEST(Watch, BeginsWithTheStateWhenNoVersionIsGiven) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);

  auto watch = cluster.watch(kMaps + "?watch=true");
  EXPECT_EQ(told(watch), (Told{"ADDED a"}));
  ASSERT_EQ(cluster.post(kMaps, config_map("b")).code, 201);
  ASSERT_EQ(cluster.patch(kMaps + "/a", R"({"data":{"k":"2"}})").code, 200);
  ASSERT_EQ(cluster.remove(kMaps + "/b").code, 200);

  EXPECT_EQ(told(watch), (Told{"ADDED b", "MODIFIED a", "DELETED b"}));
}

TEST(Watch, ResumesBehindTheVersionItIsGiven) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  const auto second = cluster.post(kMaps, config_map("b"));
  ASSERT_EQ(cluster.post(kMaps, config_map("c")).code, 201);

  auto watch = cluster.watch(kMaps + "?watch=true&resourceVersion=" + version_of(second));

  EXPECT_EQ(told(watch), (Told{"ADDED c"}));
}

TEST(Watch, OfADeletedObjectTellsItsLastStateAtTheVersionOfTheDeletion) {
  TestCluster cluster;
  const auto created = cluster.post(kMaps, config_map("a"));
  auto watch = cluster.watch(kMaps + "?watch=true&resourceVersion=" + version_of(created));
  ASSERT_EQ(cluster.remove(kMaps + "/a").code, 200);

  const auto events = watch.events();

  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(api::string_at(events[0], {"object", "data", "k"}), "v");
  EXPECT_EQ(
      std::stoll(std::string(api::string_at(events[0], {"object", "metadata", "resourceVersion"}))),
      std::stoll(version_of(created)) + 1);
}

TEST(Watch, TellsWhatEntersAndLeavesItsSelection) {
  TestCluster cluster;
  auto watch = cluster.watch(kMaps + "?watch=true&labelSelector=app%3Dweb");
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  EXPECT_EQ(told(watch), Told{});

  ASSERT_EQ(cluster.patch(kMaps + "/a", R"({"metadata":{"labels":{"app":"web"}}})").code, 200);
  ASSERT_EQ(cluster.patch(kMaps + "/a", R"({"data":{"k":"2"}})").code, 200);
  ASSERT_EQ(cluster.patch(kMaps + "/a", R"({"metadata":{"labels":{"app":"db"}}})").code, 200);
  ASSERT_EQ(cluster.remove(kMaps + "/a").code, 200);

  EXPECT_EQ(told(watch), (Told{"ADDED a", "MODIFIED a", "DELETED a"}));
}

TEST(Watch, HearsOnlyOfItsOwnNamespaceNameOrNode) {
  TestCluster cluster;
  const std::string pods = "/api/v1/namespaces/default/pods";
  const auto pod = [](const std::string& name) {
    return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
           R"("},"spec":{"containers":[{"name":"c","image":"i"}]}})";
  };
  auto elsewhere = cluster.watch("/api/v1/namespaces/kube-system/pods?watch=true");
  auto named = cluster.watch(pods + "?watch=true&fieldSelector=metadata.name%3Dp2");
  auto node = cluster.watch("/api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Dn1");
  for (const std::string name : {"p1", "p2"}) ASSERT_EQ(cluster.post(pods, pod(name)).code, 201);
  const auto bound = cluster.post(
      pods + "/p1/binding",
      R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"p1"},"target":{"kind":"Node","name":"n1"}})");
  ASSERT_EQ(bound.code, 201) << bound.body;

  EXPECT_EQ(told(elsewhere), Told{});
  EXPECT_EQ(told(named), (Told{"ADDED p2"}));
  EXPECT_EQ(told(node), (Told{"ADDED p1"}));
}

TEST(Watch, SendsTheInitialStateAndSaysWhereItEnds) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);

  auto watch = cluster.watch(
      kMaps +
      "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true");
  const auto events = watch.events();
  ASSERT_EQ(events.size(), 2u);
  EXPECT_EQ(api::string_at(events[0], {"type"}), "ADDED");
  EXPECT_EQ(api::string_at(events[1], {"type"}), "BOOKMARK");
  EXPECT_EQ(
      api::string_at(events[1], {"object", "metadata", "annotations", "k8s.io/initial-events-end"}),
      "true");
  const std::string version(api::string_at(events[1], {"object", "metadata", "resourceVersion"}));
  EXPECT_EQ(version, cluster.get(kMaps).text({"metadata", "resourceVersion"}));

  ASSERT_EQ(cluster.post(kMaps, config_map("b")).code, 201);
  EXPECT_EQ(told(watch), (Told{"ADDED b"}));
}

TEST(Watch, SendsBookmarksToThoseWhoWantThem) {
  TestCluster cluster;
  const std::string version(cluster.get(kMaps).text({"metadata", "resourceVersion"}));
  auto with = cluster.watch(kMaps + "?watch=1&allowWatchBookmarks=true&resourceVersion=" + version);
  auto without = cluster.watch(kMaps + "?watch=1&resourceVersion=" + version);
  ASSERT_EQ(cluster.post("/api/v1/namespaces/kube-system/configmaps", config_map("x")).code, 201);

  cluster.executor.advance(61s);

  const auto events = with.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(api::string_at(events[0], {"type"}), "BOOKMARK");
  EXPECT_EQ(api::string_at(events[0], {"object", "kind"}), "ConfigMap");
  EXPECT_EQ(api::string_at(events[0], {"object", "metadata", "resourceVersion"}),
            cluster.get(kMaps).text({"metadata", "resourceVersion"}));
  EXPECT_EQ(told(without), Told{});
}

TEST(Watch, EndsInGoodOrderAfterItsTime) {
  TestCluster cluster;
  const std::string version(cluster.get(kMaps).text({"metadata", "resourceVersion"}));
  auto watch = cluster.watch(
      kMaps + "?watch=1&timeoutSeconds=5&allowWatchBookmarks=true&resourceVersion=" + version);

  cluster.executor.advance(4s);
  EXPECT_FALSE(watch.exchange->finished);
  cluster.executor.advance(2s);

  EXPECT_TRUE(watch.exchange->finished);
  EXPECT_EQ(told(watch), (Told{"BOOKMARK"}));
}

TEST(Watch, EndsWhenThePeerGoes) {
  TestCluster cluster;
  auto watch = cluster.watch(kMaps + "?watch=1");
  ASSERT_FALSE(watch.exchange->handled);

  watch.exchange->close();
  cluster.executor.run_ready();

  EXPECT_TRUE(watch.exchange->handled);
}

TEST(Watch, SaysThatAVersionIsTooOld) {
  TestCluster cluster;
  // Version 1 is before anything that this server knows of.
  cluster.server->caches().find(*api::find_builtin("", "v1", "configmaps"))->replace({}, 100);
  auto late = cluster.watch(kMaps + "?watch=1&resourceVersion=1");

  EXPECT_EQ(late.exchange->response.status, 200);
  const auto events = late.events();
  ASSERT_EQ(events.size(), 1u);
  EXPECT_EQ(api::string_at(events[0], {"type"}), "ERROR");
  EXPECT_EQ(api::string_at(events[0], {"object", "reason"}), "Expired");
  EXPECT_EQ(api::string_at(events[0], {"object", "message"}), "too old resource version: 1 (100)");
  EXPECT_TRUE(late.exchange->finished);
}

TEST(Watch, EncodesAnEventOnceForAllWatchers) {
  TestCluster cluster;
  std::vector<Streaming> watches;
  for (int i = 0; i < 10; ++i) watches.push_back(cluster.watch(kMaps + "?watch=1"));

  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);

  for (const auto& watch : watches) {
    ASSERT_EQ(watch.exchange->chunks.size(), 1u);
    EXPECT_EQ(watch.exchange->chunks[0].get(), watches[0].exchange->chunks[0].get());
  }
}

TEST(WatchQueue, EndsAWatcherThatFallsTooFarBehind) {
  WatchQueue queue;
  std::size_t taken = 0;
  while (queue.push({nullptr, 1})) ++taken;

  EXPECT_EQ(taken, WatchQueue::kLimit);
  EXPECT_TRUE(queue.has_ended());
}

}  // namespace
}  // namespace keelson::apiserver
