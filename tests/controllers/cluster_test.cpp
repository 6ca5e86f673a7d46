// SPDX-License-Identifier: Apache-2.0
// Namespaces, ownership, nodes: the controllers that keep a cluster tidy.
#include "api/coordination/v1.h"
#include "controllers/fixture.h"
#include "controllers/garbage_collector/controller.h"
#include "controllers/namespace.h"
#include "controllers/node_ipam.h"
#include "controllers/node_lifecycle.h"
#include "controllers/pod_gc.h"
#include "controllers/service_account.h"

namespace keelson::controllers {
namespace {

using core::v1::ConfigMap;
using core::v1::Namespace;
using core::v1::Node;

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

class NodeTest : public ControllerTest {
 protected:
  void add_node(const std::string& name) {
    Node node;
    node.metadata.name = name;
    node.status.conditions.push_back({.type = "Ready",
                                      .status = "True",
                                      .lastHeartbeatTime = api::Time(executor.now()),
                                      .reason = "KubeletReady"});
    api.add(node);
  }
  void beat(const std::string& name) {
    api.change<Node>({"", name}, [this](Node& node) {
      node.status.conditions[0].status = "True";
      node.status.conditions[0].lastHeartbeatTime = api::Time(executor.now());
    });
  }
  // Lets time pass, with heartbeats of these nodes.
  void pass(Duration duration, const std::vector<std::string>& alive) {
    for (Duration passed{}; passed < duration; passed += 10s) {
      for (const auto& name : alive) beat(name);
      executor.advance(10s);
    }
  }
  std::string ready(const std::string& name) {
    return api.must_get<Node>({"", name}).status.conditions.at(0).status;
  }
  std::vector<std::string> taints(const std::string& name) {
    std::vector<std::string> out;
    for (const auto& taint : api.must_get<Node>({"", name}).spec.taints)
      out.push_back(taint.key + ":" + taint.effect);
    return out;
  }
  void add_pod(const std::string& name, const std::string& node,
               std::optional<std::int64_t> tolerated_seconds) {
    Pod pod = make_pod(name);
    pod.spec.nodeName = node;
    pod.status.phase = core::v1::PodPhase::Running;
    set_condition(pod, "Ready", "True", executor.now());
    pod.spec.tolerations.push_back({.key = "node.kubernetes.io/unreachable",
                                    .operator_ = "Exists",
                                    .effect = "NoExecute",
                                    .tolerationSeconds = tolerated_seconds});
    api.add(pod);
  }
  void start_lifecycle() {
    start({[](ControllerContext& context) { return make_node_lifecycle_controller(context); },
           make_taint_eviction_controller});
  }
  bool is_leaving(const std::string& name) {
    const auto pod = api.peek<Pod>(key(name));
    return !pod || pod->metadata.deletionTimestamp;
  }
};

TEST_F(NodeTest, ASilentNodeIsMarkedTaintedAndEmptied) {
  add_node("alive");
  add_node("silent");
  add_pod("moved", "silent", 300);
  add_pod("stays", "silent", std::nullopt);
  add_pod("elsewhere", "alive", 300);
  start_lifecycle();

  pass(40s, {"alive"});
  EXPECT_EQ(ready("silent"), "True");
  pass(30s, {"alive"});
  EXPECT_EQ(ready("silent"), "Unknown");
  EXPECT_EQ(ready("alive"), "True");
  EXPECT_EQ(taints("silent"),
            (std::vector<std::string>{"node.kubernetes.io/unreachable:NoSchedule",
                                      "node.kubernetes.io/unreachable:NoExecute"}));
  EXPECT_FALSE(is_ready(api.must_get<Pod>(key("moved"))));

  pass(280s, {"alive"});
  EXPECT_FALSE(is_leaving("moved"));
  pass(40s, {"alive"});
  EXPECT_TRUE(is_leaving("moved"));
  EXPECT_FALSE(is_leaving("stays"));
  EXPECT_FALSE(is_leaving("elsewhere"));
  EXPECT_NE(find_condition(api.must_get<Pod>(key("moved")), "DisruptionTarget"), nullptr);
}

TEST_F(NodeTest, ANodeThatIsBackLosesItsTaintsAndKeepsItsPods) {
  add_node("node");
  add_pod("web", "node", 300);
  start_lifecycle();
  pass(120s, {});
  ASSERT_EQ(taints("node").size(), 2u);

  pass(400s, {"node"});
  EXPECT_TRUE(taints("node").empty());
  EXPECT_FALSE(is_leaving("web"));
}

TEST_F(NodeTest, LeavesTaintsOfOthersAlone) {
  add_node("node");
  api.change<Node>({"", "node"}, [](Node& node) {
    node.spec.taints.push_back({.key = "dedicated", .effect = "NoSchedule"});
    node.spec.unschedulable = true;
  });
  start_lifecycle();
  EXPECT_EQ(taints("node"),
            (std::vector<std::string>{"dedicated:NoSchedule",
                                      "node.kubernetes.io/unschedulable:NoSchedule"}));
}

TEST_F(NodeTest, EvictsAtOnceWhatDoesNotTolerate) {
  add_node("node");
  Pod pod = make_pod("web");
  pod.spec.nodeName = "node";
  pod.status.phase = core::v1::PodPhase::Running;
  api.add(pod);
  start_lifecycle();
  api.change<Node>({"", "node"}, [](Node& node) {
    node.spec.taints.push_back({.key = "drain", .effect = "NoExecute"});
  });
  settle();
  EXPECT_TRUE(is_leaving("web"));
}

TEST_F(NodeTest, PodGcRemovesPodsOfLostNodesAndTheFinishedBeyondTheLimit) {
  add_node("node");
  for (int i = 0; i < 5; ++i) {
    Pod pod = make_pod("done-" + std::to_string(i));
    pod.spec.nodeName = "node";
    pod.status.phase = core::v1::PodPhase::Succeeded;
    api.add(pod);
    executor.advance(1s);
  }
  Pod homeless = make_pod("homeless");
  homeless.spec.nodeName = "gone";
  homeless.status.phase = core::v1::PodPhase::Running;
  api.add(homeless);
  Pod fine = make_pod("fine");
  fine.spec.nodeName = "node";
  api.add(fine);
  start([](ControllerContext& context) {
    return make_pod_gc_controller(context, {.finished_max = 2});
  });

  executor.advance(25s);
  EXPECT_EQ(api.peek<Pod>(key("done-2")), nullptr);
  EXPECT_NE(api.peek<Pod>(key("done-3")), nullptr);
  EXPECT_NE(api.peek<Pod>(key("homeless")), nullptr);
  executor.advance(60s);
  EXPECT_EQ(api.peek<Pod>(key("homeless")), nullptr);
  EXPECT_NE(api.peek<Pod>(key("fine")), nullptr);
}

TEST_F(NodeTest, GivesEachNodeABlockOfItsOwn) {
  Node old;
  old.metadata.name = "old";
  old.spec.podCIDR = "10.42.0.0/24";
  old.spec.podCIDRs = {"10.42.0.0/24"};
  api.add(old);
  start([](ControllerContext& context) {
    return make_node_ipam_controller(context, *CidrBlocks::make("10.42.0.0/22", 24));
  });
  add_node("a");
  add_node("b");
  settle();
  std::set<std::string> blocks;
  for (const auto& node : api.all<Node>()) blocks.insert(node->spec.podCIDR);
  EXPECT_EQ(blocks, (std::set<std::string>{"10.42.0.0/24", "10.42.1.0/24", "10.42.2.0/24"}));

  // A block comes back with the end of its node.
  api.erase<Node>({"", "old"});
  add_node("c");
  add_node("d");
  settle();
  EXPECT_EQ(api.must_get<Node>({"", "c"}).spec.podCIDRs.size(), 1u);
  EXPECT_EQ(api.must_get<Node>({"", "d"}).spec.podCIDRs.size(), 1u);
}

TEST(CidrBlocks, AreCutFromTheClusterAndGivenOnce) {
  struct Case {
    std::string_view cidr;
    int bits;
    std::vector<std::string> blocks;
  };
  const Case cases[] = {
      {"10.42.0.0/23", 24, {"10.42.0.0/24", "10.42.1.0/24"}},
      {"10.42.7.9/31", 32, {"10.42.7.8/32", "10.42.7.9/32"}},
      {"10.0.0.0/24", 24, {"10.0.0.0/24"}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.cidr);
    auto blocks = CidrBlocks::make(c.cidr, c.bits);
    ASSERT_TRUE(blocks.has_value());
    for (const auto& expected : c.blocks) EXPECT_EQ(blocks->allocate(), expected);
    EXPECT_EQ(blocks->allocate(), std::nullopt);
    EXPECT_FALSE(blocks->occupy(c.blocks[0]));
    blocks->release(c.blocks[0]);
    EXPECT_TRUE(blocks->occupy(c.blocks[0]));
    EXPECT_FALSE(blocks->occupy("192.0.2.0/24"));
  }
  for (const auto& [cidr, bits] :
       {std::pair("10.42.0.0", 24), std::pair("10.42.0.0/16", 8), std::pair("10.0.0.0/8", 25),
        std::pair("fd00::/64", 80), std::pair("10.0.0.0/33", 33)})
    EXPECT_FALSE(CidrBlocks::make(cidr, bits).has_value()) << cidr;
}

}  // namespace
}  // namespace keelson::controllers
