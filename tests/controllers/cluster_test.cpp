// SPDX-License-Identifier: Apache-2.0
// Namespaces and ownership: the controllers that keep a cluster tidy.
#include "controllers/fixture.h"
#include "controllers/garbage_collector/controller.h"
#include "controllers/namespace.h"
#include "controllers/service_account.h"

namespace keelson::controllers {
namespace {

using core::v1::ConfigMap;
using core::v1::Namespace;

ConfigMap make_map(const std::string& name, const std::string& namespace_ = "default") {
  ConfigMap map;
  map.metadata.name = name;
  map.metadata.namespace_ = namespace_;
  return map;
}

meta::v1::OwnerReference owned_by(const std::shared_ptr<const ConfigMap>& owner,
                                  bool blocks = true) {
  return {.apiVersion = "v1",
          .kind = "ConfigMap",
          .name = owner->metadata.name,
          .uid = owner->metadata.uid,
          .blockOwnerDeletion = blocks};
}

class GarbageCollectorTest : public ControllerTest {
 protected:
  std::shared_ptr<const ConfigMap> add(const std::string& name,
                                       std::vector<meta::v1::OwnerReference> owners = {},
                                       const std::string& namespace_ = "default") {
    ConfigMap map = make_map(name, namespace_);
    map.metadata.ownerReferences = std::move(owners);
    return api.add(map);
  }
  bool exists(const std::string& name, const std::string& namespace_ = "default") {
    return api.peek<ConfigMap>({namespace_, name}) != nullptr;
  }
  void erase(const std::string& name, client::Propagation propagation) {
    api.erase<ConfigMap>(key(name), {.propagation = propagation});
    settle();
  }
};

TEST_F(GarbageCollectorTest, BackgroundDeletionTakesDependentsAlongAllTheWayDown) {
  const auto top = add("top");
  const auto middle = add("middle", {owned_by(top)});
  add("bottom", {owned_by(middle)});
  add("other");
  start(make_garbage_collector);
  EXPECT_TRUE(exists("bottom"));

  erase("top", client::Propagation::Background);
  EXPECT_FALSE(exists("middle"));
  EXPECT_FALSE(exists("bottom"));
  EXPECT_TRUE(exists("other"));
}

TEST_F(GarbageCollectorTest, ForegroundDeletionRemovesTheOwnerLast) {
  const auto top = add("top");
  ConfigMap held = make_map("held");
  held.metadata.ownerReferences = {owned_by(top)};
  held.metadata.finalizers = {"test/hold"};
  api.add(held);
  add("free", {owned_by(top)});
  start(make_garbage_collector);

  erase("top", client::Propagation::Foreground);
  EXPECT_FALSE(exists("free"));
  EXPECT_TRUE(exists("held"));
  EXPECT_TRUE(exists("top"));

  api.change<ConfigMap>(key("held"), [](ConfigMap& map) { map.metadata.finalizers.clear(); });
  // The store of the test removes an object only by an update of its own.
  if (exists("held")) api.erase<ConfigMap>(key("held"));
  settle();
  EXPECT_FALSE(exists("held"));
  EXPECT_FALSE(exists("top"));
}

TEST_F(GarbageCollectorTest, ForegroundDeletionDoesNotWaitForThoseThatDoNotBlock) {
  const auto top = add("top");
  ConfigMap held = make_map("held");
  held.metadata.ownerReferences = {owned_by(top, false)};
  held.metadata.finalizers = {"test/hold"};
  api.add(held);
  start(make_garbage_collector);

  erase("top", client::Propagation::Foreground);
  EXPECT_FALSE(exists("top"));
}

TEST_F(GarbageCollectorTest, OrphaningLeavesDependentsWithoutTheirOwner) {
  const auto top = add("top");
  add("child", {owned_by(top)});
  start(make_garbage_collector);

  erase("top", client::Propagation::Orphan);
  EXPECT_FALSE(exists("top"));
  ASSERT_TRUE(exists("child"));
  EXPECT_TRUE(api.must_get<ConfigMap>(key("child")).metadata.ownerReferences.empty());
}

TEST_F(GarbageCollectorTest, RemovesWhatIsBornWithAnOwnerThatIsGone) {
  start(make_garbage_collector);
  ConfigMap map = make_map("late");
  map.metadata.ownerReferences = {
      {.apiVersion = "v1", .kind = "ConfigMap", .name = "gone", .uid = "uid-gone"}};
  api.add(map);
  settle();
  EXPECT_FALSE(exists("late"));
}

TEST_F(GarbageCollectorTest, KeepsWhatGetsAnotherOwnerWhileItLooks) {
  const auto first = add("first"), second = add("second");
  add("child", {owned_by(first)});
  start(make_garbage_collector);

  // Between the look at the owner and the deletion, both of which let other work run first.
  spawn(executor, [](client::FakeApi* server, meta::v1::OwnerReference owner) -> Task<void> {
    while (server->calls({.verb = "get"}) == 0) co_await yield_now();
    server->change<ConfigMap>(
        key("child"), [&](ConfigMap& map) { map.metadata.ownerReferences.push_back(owner); });
  }(&api, owned_by(second)));
  api.erase<ConfigMap>(key("first"));
  settle();

  ASSERT_TRUE(exists("child"));
  const auto& left = api.must_get<ConfigMap>(key("child")).metadata.ownerReferences;
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].name, "second");
}

TEST_F(GarbageCollectorTest, KeepsWhatAnotherOwnerStillHolds) {
  const auto first = add("first"), second = add("second");
  add("child", {owned_by(first), owned_by(second)});
  start(make_garbage_collector);

  erase("first", client::Propagation::Background);
  ASSERT_TRUE(exists("child"));
  const auto& left = api.must_get<ConfigMap>(key("child")).metadata.ownerReferences;
  ASSERT_EQ(left.size(), 1u);
  EXPECT_EQ(left[0].name, "second");

  erase("second", client::Propagation::Background);
  EXPECT_FALSE(exists("child"));
}

TEST_F(GarbageCollectorTest, TakesAnOwnerInAnotherNamespaceForNone) {
  const auto owner = add("owner");
  add("stray", {owned_by(owner)}, "elsewhere");
  start(make_garbage_collector);
  EXPECT_FALSE(exists("stray", "elsewhere"));
  EXPECT_TRUE(exists("owner"));
  EXPECT_TRUE(has_event("stray",
                        "OwnerRefInvalidNamespace: ownerRef [v1/ConfigMap, namespace: "
                        "elsewhere, name: owner, uid: " +
                            owner->metadata.uid + "] does not exist in namespace \"elsewhere\""));
}

TEST_F(GarbageCollectorTest, NeverDeletesAnObjectOfTheClusterForAnOwnerInANamespace) {
  const auto owner = add("owner");
  core::v1::PersistentVolume volume;
  volume.metadata.name = "volume";
  volume.metadata.ownerReferences = {
      owned_by(owner),
      {.apiVersion = "v1", .kind = "ConfigMap", .name = "gone", .uid = "uid-gone"}};
  api.add(volume);
  start(make_garbage_collector);
  executor.advance(1min);
  EXPECT_NE(api.peek<core::v1::PersistentVolume>({"", "volume"}), nullptr);
}

TEST_F(GarbageCollectorTest, BelievesAnOwnerOnlyByKindNameAndUid) {
  const auto owner = add("owner");
  meta::v1::OwnerReference wrong = owned_by(owner);
  wrong.name = "other";
  add("named-wrong", {wrong});
  wrong = owned_by(owner);
  wrong.kind = "Secret";
  add("kind-wrong", {wrong});
  start(make_garbage_collector);
  EXPECT_FALSE(exists("named-wrong"));
  EXPECT_FALSE(exists("kind-wrong"));
}

TEST_F(GarbageCollectorTest, LeavesDependentsOfUnknownKindsAlone) {
  ConfigMap map = make_map("child");
  map.metadata.ownerReferences = {
      {.apiVersion = "example.com/v1", .kind = "Widget", .name = "w", .uid = "uid-w"}};
  api.add(map);
  start(make_garbage_collector);
  executor.advance(1min);
  EXPECT_TRUE(exists("child"));
}

class NamespaceTest : public ControllerTest {
 protected:
  void add_namespace(const std::string& name) {
    Namespace space;
    space.metadata.name = name;
    space.spec.finalizers = {"kubernetes"};
    space.status.phase = "Active";
    api.add(space);
  }
  // As the server does: the namespace's own finalizer keeps it.
  void begin_deletion(const std::string& name) {
    api.change<Namespace>({"", name}, [this](Namespace& space) {
      space.metadata.deletionTimestamp = api::Time(executor.now());
    });
    settle();
  }
};

TEST_F(NamespaceTest, EmptiesADeletedNamespaceAndGivesItFree) {
  add_namespace("team");
  add_namespace("default");
  for (int i = 0; i < 3; ++i) api.add(make_map("map-" + std::to_string(i), "team"));
  api.add(make_map("kept"));
  start(make_namespace_controller);

  begin_deletion("team");
  executor.advance(10s);
  EXPECT_TRUE(api.all<ConfigMap>("team").empty());
  EXPECT_EQ(api.all<ConfigMap>("default").size(), 1u);
  const auto left = api.peek<Namespace>({"", "team"});
  EXPECT_TRUE(!left || left->spec.finalizers.empty());
}

TEST_F(NamespaceTest, SaysWhatIsLeftAndWaitsForIt) {
  add_namespace("team");
  ConfigMap held = make_map("held", "team");
  held.metadata.finalizers = {"test/hold"};
  api.add(held);
  start(make_namespace_controller);

  begin_deletion("team");
  executor.advance(10s);
  const auto& space = api.must_get<Namespace>({"", "team"});
  EXPECT_EQ(space.status.phase, "Terminating");
  EXPECT_EQ(space.spec.finalizers.size(), 1u);
  const auto condition = [&](std::string_view type) {
    for (const auto& each : space.status.conditions) {
      if (each.type == type) return each.message;
    }
    return std::string();
  };
  EXPECT_EQ(condition("NamespaceContentRemaining"),
            "Some resources are remaining: configmaps. has 1 resource instances");
  EXPECT_EQ(condition("NamespaceFinalizersRemaining"),
            "Some content in the namespace has finalizers remaining: test/hold in 1 resource "
            "instances");
}

TEST_F(NamespaceTest, WaitsForThePodsBeforeItTakesWhatTheyRelyOn) {
  add_namespace("team");
  api.add(make_map("config", "team"));
  Pod pod = make_pod("web");
  pod.metadata.namespace_ = "team";
  pod.spec.nodeName = "node";
  api.add(pod);
  start(make_namespace_controller);

  begin_deletion("team");
  executor.advance(20s);
  ASSERT_NE(api.peek<Pod>({"team", "web"}), nullptr);
  EXPECT_TRUE(api.must_get<Pod>({"team", "web"}).metadata.deletionTimestamp.has_value());
  EXPECT_NE(api.peek<ConfigMap>({"team", "config"}), nullptr);

  // Goes on at once when the last pod has ended.
  end_deleted_pods();
  EXPECT_EQ(api.peek<ConfigMap>({"team", "config"}), nullptr);
  const auto left = api.peek<Namespace>({"", "team"});
  EXPECT_TRUE(!left || left->spec.finalizers.empty());
}

TEST_F(NamespaceTest, CountsWhatCannotBeDeletedAndGoesOnWithTheRest) {
  add_namespace("team");
  api.add(make_map("config", "team"));
  start(make_namespace_controller);
  for (const std::string resource : {"secrets", "services"})
    api.fail_next(1000, {.verb = "list", .resource = resource},
                  Status::unavailable("no " + resource));
  api.change<Namespace>({"", "team"}, [this](Namespace& space) {
    space.metadata.deletionTimestamp = api::Time(executor.now());
  });
  settle();
  const auto& space = api.must_get<Namespace>({"", "team"});
  EXPECT_EQ(space.spec.finalizers.size(), 1u);
  std::string message;
  for (const auto& condition : space.status.conditions) {
    if (condition.type == "NamespaceDeletionContentFailure") message = condition.message;
  }
  EXPECT_EQ(message, "Failed to delete all resource types, 2 remaining: no secrets, no services");
  EXPECT_EQ(api.peek<ConfigMap>({"team", "config"}), nullptr);
}

TEST_F(NamespaceTest, EveryNamespaceHasItsAccountAndItsTrust) {
  add_namespace("team");
  start({make_service_account_controller,
         [](ControllerContext& context) { return make_root_ca_controller(context, "PEM"); }});
  ASSERT_NE(api.peek<core::v1::ServiceAccount>({"team", "default"}), nullptr);
  EXPECT_EQ(api.must_get<ConfigMap>({"team", "kube-root-ca.crt"}).data.at("ca.crt"), "PEM");

  api.erase<core::v1::ServiceAccount>({"team", "default"});
  api.change<ConfigMap>({"team", "kube-root-ca.crt"},
                        [](ConfigMap& map) { map.data["ca.crt"] = "other"; });
  settle();
  EXPECT_NE(api.peek<core::v1::ServiceAccount>({"team", "default"}), nullptr);
  EXPECT_EQ(api.must_get<ConfigMap>({"team", "kube-root-ca.crt"}).data.at("ca.crt"), "PEM");
}

}  // namespace
}  // namespace keelson::controllers
