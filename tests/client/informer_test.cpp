// SPDX-License-Identifier: Apache-2.0
#include "client/informer.h"

#include <gtest/gtest.h>

#include "api/core/v1.h"
#include "base/virtual_executor.h"
#include "client/fake_api.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;
using core::v1::ConfigMap;
using core::v1::Pod;

ConfigMap config(std::string name, std::string value = "1") {
  ConfigMap map;
  map.metadata.namespace_ = "default";
  map.metadata.name = std::move(name);
  map.data["value"] = std::move(value);
  return map;
}

class InformerTest : public testing::Test {
 protected:
  ~InformerTest() override {
    spawn(executor, [](InformerSet* set) -> Task<void> { co_await set->stop(); }(&informers));
    executor.run_ready();
  }

  // Every change as text: "+a", "~a=2", "-a".
  void log_changes(Informer& informer) {
    informer.add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (!now) return changes.push_back("-" + before->name());
      const auto& data = now->as<ConfigMap>().data;
      if (!before) return changes.push_back("+" + now->name());
      changes.push_back("~" + now->name() + "=" + data.at("value"));
    });
  }
  void set_value(const std::string& name, const std::string& value) {
    api.change<ConfigMap>({"default", name}, [&](ConfigMap& map) { map.data["value"] = value; });
  }
  std::vector<std::string> names(Informer& informer) {
    std::vector<std::string> found;
    for (const auto& object : informer.list()) found.push_back(object->name());
    return found;
  }

  VirtualExecutor executor;
  FakeApi api{executor};
  InformerSet informers{api, executor};
  std::vector<std::string> changes;
};

using Texts = std::vector<std::string>;

TEST_F(InformerTest, TellsTheStateAndThenEveryChange) {
  api.add(config("a"));
  api.add(config("b"));
  Informer& maps = informers.of<ConfigMap>();
  log_changes(maps);
  EXPECT_FALSE(maps.has_synced());

  informers.start();
  executor.run_ready();
  EXPECT_TRUE(maps.has_synced());
  EXPECT_EQ(changes, (Texts{"+a", "+b"}));

  set_value("a", "2");
  api.erase<ConfigMap>({"default", "b"});
  api.add(config("c"));
  executor.run_ready();

  EXPECT_EQ(changes, (Texts{"+a", "+b", "~a=2", "-b", "+c"}));
  EXPECT_EQ(names(maps), (Texts{"a", "c"}));
  EXPECT_EQ(maps.find<ConfigMap>({"default", "a"})->data.at("value"), "2");
  EXPECT_EQ(maps.find<ConfigMap>({"default", "b"}), nullptr);
}

TEST_F(InformerTest, ListsInPagesWhereTheServerHasNoStreamingLists) {
  api.allow_streaming_lists(false);
  for (int i = 0; i < 1201; ++i) api.add(config("map-" + std::to_string(i)));
  Informer& maps = informers.of<ConfigMap>();

  informers.start();
  executor.run_ready();

  EXPECT_EQ(maps.size(), 1201u);
  EXPECT_EQ(api.calls({.verb = "list"}), 3);
  api.add(config("later"));
  executor.run_ready();
  EXPECT_EQ(maps.size(), 1202u);
}

TEST_F(InformerTest, ResumesAnEndedWatchWithoutListingAgain) {
  api.add(config("a"));
  Informer& maps = informers.of<ConfigMap>();
  log_changes(maps);
  informers.start();
  executor.advance(5s);

  api.end_watches();
  set_value("a", "2");
  executor.advance(5s);
  api.end_watches(Status::unavailable("connection reset"));
  set_value("a", "3");
  executor.advance(5s);

  EXPECT_EQ(changes, (Texts{"+a", "~a=2", "~a=3"}));
  EXPECT_EQ(api.calls({.verb = "watch"}), 3);
}

TEST_F(InformerTest, FindsTheDifferenceAfterItsVersionExpired) {
  api.add(config("gone"));
  api.add(config("same"));
  api.add(config("new-value"));
  Informer& maps = informers.of<ConfigMap>();
  log_changes(maps);
  informers.start();
  executor.advance(5s);
  changes.clear();

  api.end_watches();
  api.erase<ConfigMap>({"default", "gone"});
  set_value("new-value", "2");
  api.add(config("added"));
  api.compact();
  executor.advance(5s);

  EXPECT_EQ(changes, (Texts{"-gone", "+added", "~new-value=2"}));
  EXPECT_EQ(names(maps), (Texts{"added", "new-value", "same"}));
}

TEST_F(InformerTest, BacksOffWhileTheServerFailsAndThenSyncs) {
  api.add(config("a"));
  Informer& maps = informers.of<ConfigMap>();
  api.fail_next(1000, {.verb = "watch"}, Status::unavailable("connection refused"));
  informers.start();

  // 0.8 s doubling to 30 s, each up to twice as long: some 6 to 10 attempts in two minutes.
  executor.advance(2min);

  EXPECT_GE(api.calls({.verb = "watch"}), 6);
  EXPECT_LE(api.calls({.verb = "watch"}), 10);
  EXPECT_FALSE(maps.has_synced());
  api.heal();
  executor.advance(1min);
  EXPECT_TRUE(maps.has_synced());
  EXPECT_EQ(maps.size(), 1u);
}

TEST_F(InformerTest, WatchesThatEndAtOnceDoNotSpin) {
  informers.of<ConfigMap>();
  informers.start();
  executor.advance(1s);
  const int before = api.calls({.verb = "watch"});

  for (int i = 0; i < 100; ++i) {
    api.end_watches();
    executor.advance(10ms);
  }

  EXPECT_LE(api.calls({.verb = "watch"}) - before, 3);
}

TEST_F(InformerTest, KeepsIndexesInStep) {
  Informer& maps = informers.of<ConfigMap>();
  maps.add_index("value", [](const api::Object& object) {
    return Texts{object.as<ConfigMap>().data.at("value")};
  });
  api.add(config("a", "red"));
  api.add(config("b", "red"));
  informers.start();
  executor.run_ready();
  EXPECT_EQ(maps.by_index("value", "red").size(), 2u);

  set_value("a", "blue");
  executor.run_ready();
  ASSERT_EQ(maps.by_index("value", "red").size(), 1u);
  EXPECT_EQ(maps.by_index("value", "red")[0]->name(), "b");
  EXPECT_EQ(maps.by_index("value", "blue").size(), 1u);

  api.erase<ConfigMap>({"default", "b"});
  executor.run_ready();
  EXPECT_TRUE(maps.by_index("value", "red").empty());
}

TEST_F(InformerTest, ListsOneNamespaceAlone) {
  for (const auto of_namespace : {"a", "b", "ba"}) {
    ConfigMap map = config("same");
    map.metadata.namespace_ = of_namespace;
    api.add(map);
  }
  Informer& maps = informers.of<ConfigMap>();
  informers.start();
  executor.run_ready();

  ASSERT_EQ(maps.list("b").size(), 1u);
  EXPECT_EQ(maps.list("b")[0]->namespace_(), "b");
  EXPECT_EQ(maps.list().size(), 3u);
  EXPECT_TRUE(maps.list("c").empty());
}

TEST_F(InformerTest, SelectedObjectsComeAndGoWithTheirField) {
  Pod pod;
  pod.metadata.namespace_ = "default";
  pod.metadata.name = "web";
  api.add(pod);
  Informer& mine = informers.selected(api::resource_of<Pod>(), {}, "spec.nodeName=node-1");
  informers.start();
  executor.run_ready();
  EXPECT_EQ(mine.size(), 0u);

  api.change<Pod>({"default", "web"}, [](Pod& changed) { changed.spec.nodeName = "node-1"; });
  executor.run_ready();
  EXPECT_EQ(mine.size(), 1u);

  api.change<Pod>({"default", "web"}, [](Pod& changed) { changed.spec.nodeName = "node-2"; });
  executor.run_ready();
  EXPECT_EQ(mine.size(), 0u);
}

TEST_F(InformerTest, LateHandlersAndLateInformersCatchUp) {
  api.add(config("a"));
  informers.start();
  Informer& maps = informers.of<ConfigMap>();
  executor.run_ready();
  ASSERT_TRUE(maps.has_synced());

  log_changes(maps);

  EXPECT_EQ(changes, Texts{"+a"});
  EXPECT_EQ(&informers.of<ConfigMap>(), &maps);
}

}  // namespace
}  // namespace keelson::client
