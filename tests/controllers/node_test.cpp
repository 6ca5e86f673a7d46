// SPDX-License-Identifier: Apache-2.0
// Nodes that fall silent, what becomes of their pods, and what nodes are given.
#include "api/coordination/v1.h"
#include "controllers/fixture.h"
#include "controllers/node_ipam.h"
#include "controllers/node_lifecycle/controller.h"
#include "controllers/node_lifecycle/health.h"
#include "controllers/node_lifecycle/taints.h"
#include "controllers/pod_gc.h"
#include "controllers/taint_eviction.h"

namespace keelson::controllers {
namespace {

using core::v1::Node;

namespace disruption {

using namespace node_lifecycle;

TEST(ZoneState, FollowsTheShareOfUnreadyNodes) {
  struct Case {
    int ready, unready;
    ZoneState state;
    double rate;
  };
  const Case cases[] = {
      {10, 0, ZoneState::Normal, 0.1},
      {0, 1, ZoneState::FullDisruption, 0.1},
      {0, 60, ZoneState::FullDisruption, 0.1},
      // Two are not enough, whatever their share.
      {1, 2, ZoneState::Normal, 0.1},
      {2, 3, ZoneState::PartialDisruption, 0},
      {9, 11, ZoneState::PartialDisruption, 0},
      {10, 12, ZoneState::Normal, 0.1},  // 54.5 %
      {22, 28, ZoneState::PartialDisruption, 0},
      {22, 29, ZoneState::PartialDisruption, 0.01},  // More than 50 nodes.
      {46, 54, ZoneState::Normal, 0.1},
      {45, 55, ZoneState::PartialDisruption, 0.01},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::to_string(c.ready) + " ready, " + std::to_string(c.unready) + " not");
    EXPECT_EQ(zone_state({c.ready, c.unready}, {}), c.state);
    EXPECT_EQ(eviction_rate(c.state, c.ready + c.unready, {}), c.rate);
  }
}

TEST(Disruption, StopsEvictionOnlyWhenEveryZoneIsLost) {
  using enum ZoneState;
  using States = std::map<std::string, ZoneState>;
  using Rates = std::map<std::string, double>;
  struct Case {
    std::string_view name;
    States before;
    std::map<std::string, ZoneHealth> now;
    States states;
    Rates rates;
    bool all_lost = false, recovered = false;
  };
  const ZoneHealth well{5, 0}, worse{2, 3}, lost{0, 5};
  const Case cases[] = {
      {"no node at all", {}, {}, {}, {}},
      {"as before", {{"a", Normal}}, {{"a", well}}, {{"a", Normal}}, {}},
      {"first seen", {}, {{"a", well}}, {{"a", Normal}}, {{"a", 0.1}}},
      {"one zone suffers",
       {{"a", Normal}, {"b", Normal}},
       {{"a", well}, {"b", worse}},
       {{"a", Normal}, {"b", PartialDisruption}},
       {{"b", 0}}},
      {"one zone is lost: its pods are wanted elsewhere",
       {{"a", Normal}, {"b", PartialDisruption}},
       {{"a", well}, {"b", lost}},
       {{"a", Normal}, {"b", FullDisruption}},
       {{"b", 0.1}}},
      {"all are lost",
       {{"a", Normal}, {"b", FullDisruption}},
       {{"a", lost}, {"b", lost}},
       {{"a", FullDisruption}, {"b", FullDisruption}},
       {{"a", 0}, {"b", 0}},
       true},
      {"lost at the first look", {}, {{"a", lost}}, {{"a", FullDisruption}}, {{"a", 0}}, true},
      {"still all lost", {{"a", FullDisruption}}, {{"a", lost}}, {{"a", FullDisruption}}, {}},
      {"one is back",
       {{"a", FullDisruption}, {"b", FullDisruption}},
       {{"a", worse}, {"b", lost}},
       {{"a", PartialDisruption}, {"b", FullDisruption}},
       {{"a", 0}, {"b", 0.1}},
       false,
       true},
      {"a zone that is no more does not count",
       {{"a", Normal}, {"b", FullDisruption}},
       {{"b", lost}},
       {{"b", FullDisruption}},
       {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto plan = plan_disruption(c.before, c.now, {});
    EXPECT_EQ(plan.states, c.states);
    EXPECT_EQ(plan.rates, c.rates);
    EXPECT_EQ(plan.all_lost, c.all_lost);
    EXPECT_EQ(plan.recovered, c.recovered);
  }
}

TEST(EvictionQueue, LetsNodesGoInOrderAndAtItsPace) {
  EvictionQueue queue(0.1);
  EXPECT_EQ(queue.next(), std::nullopt);
  for (const char* node : {"a", "b", "c", "d", "b"}) queue.add(node);
  EXPECT_EQ(queue.take(100s), "a");
  EXPECT_EQ(queue.take(109s), std::nullopt);
  EXPECT_EQ(queue.next(), 110s);
  EXPECT_EQ(queue.take(110s), "b");
  queue.remove("c");
  EXPECT_EQ(queue.take(120s), "d");
  EXPECT_EQ(queue.take(200s), std::nullopt);
}

TEST(EvictionQueue, AChangeOfPaceGivesNothingAway) {
  EvictionQueue queue(0.1);
  for (const char* node : {"a", "b", "c", "d"}) queue.add(node);
  ASSERT_EQ(queue.take(0s), "a");
  queue.set_rate(0.01, 1s);
  EXPECT_EQ(queue.next(), 101s);
  queue.set_rate(0, 2s);
  EXPECT_EQ(queue.next(), std::nullopt);
  EXPECT_EQ(queue.take(1h), std::nullopt);
  queue.set_rate(0.1, 1h);
  EXPECT_EQ(queue.take(1h), std::nullopt);
  EXPECT_EQ(queue.take(1h + 10s), "b");
}

TEST(ZoneOf, ReadsRegionAndZoneInBothNames) {
  const auto zone = [](std::map<std::string, std::string, std::less<>> labels) {
    Node node;
    node.metadata.labels = std::move(labels);
    return zone_of(node);
  };
  EXPECT_EQ(zone({}), "");
  EXPECT_EQ(zone({{"topology.kubernetes.io/zone", "z"}}),
            zone({{"failure-domain.beta.kubernetes.io/zone", "z"}}));
  EXPECT_NE(zone({{"topology.kubernetes.io/zone", "x"}}),
            zone({{"topology.kubernetes.io/region", "x"}}));
}

}  // namespace disruption

TEST(ToleratedTime, IsTheShortestOfTheTaintsAndCountsFromTaintAndPod) {
  const Wall now{10'000s};
  struct Case {
    std::string_view name;
    std::vector<std::pair<std::string, std::optional<std::int64_t>>> tolerations;
    Duration tainted_for, placed_for;
    std::optional<Duration> left;
  };
  const Case cases[] = {
      {"nothing tolerated", {}, 5s, 1h, 0s},
      {"one of two tolerated", {{"a", 60}}, 5s, 1h, 0s},
      {"for ever", {{"a", {}}, {"b", {}}}, 5s, 1h, std::nullopt},
      {"the shortest", {{"a", 60}, {"b", 20}}, 5s, 1h, 15s},
      {"one for ever", {{"a", {}}, {"b", 20}}, 5s, 1h, 15s},
      {"the first that matches", {{"a", 60}, {"a", 10}, {"b", {}}}, 5s, 1h, 55s},
      {"not at all", {{"a", -3}, {"b", {}}}, 5s, 1h, 0s},
      {"over", {{"a", 60}, {"b", 60}}, 61s, 1h, 0s},
      {"a new pod on a node that has been tainted for long", {{"a", 60}, {"b", 60}}, 1h, 10s, 50s},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Pod pod = make_pod("web");
    set_condition(pod, "PodScheduled", "True", now - c.placed_for);
    for (const auto& [key, seconds] : c.tolerations)
      pod.spec.tolerations.push_back(
          {.key = key, .operator_ = "Exists", .effect = "NoExecute", .tolerationSeconds = seconds});
    std::vector<core::v1::Taint> taints;
    for (const char* key : {"a", "b"})
      taints.push_back(
          {.key = key, .effect = "NoExecute", .timeAdded = api::Time(now - c.tainted_for)});
    taints.push_back({.key = "c", .effect = "NoSchedule"});
    EXPECT_EQ(tolerated_time(pod, taints, now), c.left);
  }
}

class NodeTest : public ControllerTest {
 protected:
  void add_node(const std::string& name, const std::string& zone = {}) {
    Node node;
    node.metadata.name = name;
    if (!zone.empty()) node.metadata.labels["topology.kubernetes.io/zone"] = zone;
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
  add_node("other");
  add_pod("web", "node", 300);
  start_lifecycle();
  pass(120s, {"other"});
  ASSERT_EQ(taints("node").size(), 2u);

  pass(400s, {"node", "other"});
  EXPECT_TRUE(taints("node").empty());
  EXPECT_FALSE(is_leaving("web"));
  EXPECT_TRUE(has_event("web", "TaintManagerEviction: Cancelling deletion of Pod default/web"));
}

TEST_F(NodeTest, TellsOfNodesThatComeAndGo) {
  add_node("node");
  start_lifecycle();
  EXPECT_TRUE(
      has_event("node", "RegisteredNode: Node node event: Registered Node node in Controller"));
  api.erase<Node>({"", "node"});
  executor.advance(10s);
  EXPECT_TRUE(
      has_event("node", "RemovingNode: Node node event: Removing Node node from Controller"));
}

TEST_F(NodeTest, SaysOfSilentNodesWhatUpstreamSays) {
  add_node("silent");
  Node mute;
  mute.metadata.name = "mute";
  api.add(mute);
  start_lifecycle();
  pass(120s, {});
  const auto condition = [this](const std::string& node, std::string_view type) {
    const auto* found = node_lifecycle::find_condition(api.must_get<Node>({"", node}), type);
    return found ? found->status + " " + found->reason + ": " + found->message : "none";
  };
  const std::string stopped = "Unknown NodeStatusUnknown: Kubelet stopped posting node status.";
  const std::string never = "Unknown NodeStatusNeverUpdated: Kubelet never posted node status.";
  EXPECT_EQ(condition("silent", "Ready"), stopped);
  EXPECT_EQ(condition("silent", "MemoryPressure"), never);
  for (const char* type : {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"})
    EXPECT_EQ(condition("mute", type), never) << type;
  EXPECT_EQ(condition("mute", "NetworkUnavailable"), "none");
  EXPECT_TRUE(has_event("silent", "NodeNotReady: Node silent status is now: NodeNotReady"));
}

TEST_F(NodeTest, ALeaseIsASignOfLife) {
  add_node("node");
  start_lifecycle();
  coordination::v1::Lease lease;
  lease.metadata.name = "node";
  lease.metadata.namespace_ = "kube-node-lease";
  lease.spec.renewTime = api::MicroTime(executor.now());
  api.add(lease);
  for (int i = 0; i < 12; ++i) {
    executor.advance(10s);
    api.change<coordination::v1::Lease>({"kube-node-lease", "node"}, [this](auto& next) {
      next.spec.renewTime = api::MicroTime(executor.now());
    });
  }
  EXPECT_EQ(ready("node"), "True");
  // Touched, but not renewed.
  for (int i = 0; i < 12; ++i) {
    executor.advance(10s);
    api.change<coordination::v1::Lease>({"kube-node-lease", "node"}, [i](auto& next) {
      next.metadata.labels["touched"] = std::to_string(i);
    });
  }
  EXPECT_EQ(ready("node"), "Unknown");
}

TEST_F(NodeTest, EvictsFromOneNodeOfAZoneEveryTenSeconds) {
  std::vector<std::string> alive;
  for (int i = 0; i < 12; ++i) {
    const std::string name = "node-" + std::to_string(i);
    add_node(name, "a");
    if (i >= 4) alive.push_back(name);
  }
  start_lifecycle();
  const auto evicting = [this] {
    int count = 0;
    for (const auto& node : api.all<Node>()) count += node_lifecycle::has_eviction_taint(*node);
    return count;
  };
  pass(60s, alive);
  // All four are closed to new pods at once.
  for (int i = 0; i < 4; ++i) EXPECT_FALSE(taints("node-" + std::to_string(i)).empty());
  EXPECT_EQ(evicting(), 1);
  for (int expected = 2; expected <= 4; ++expected) {
    pass(10s, alive);
    EXPECT_EQ(evicting(), expected);
  }
}

TEST_F(NodeTest, StopsEvictionInASmallZoneThatIsMostlySilent) {
  std::vector<std::string> alive;
  for (int i = 0; i < 5; ++i) {
    add_node("a-" + std::to_string(i), "a");
    add_node("b-" + std::to_string(i), "b");
    if (i >= 3) alive.push_back("a-" + std::to_string(i));  // 3 of 5 are silent: 60 %.
    if (i >= 1) alive.push_back("b-" + std::to_string(i));  // 1 of 5.
  }
  start_lifecycle();
  pass(5min, alive);
  int in_a = 0;
  for (int i = 0; i < 3; ++i)
    in_a += node_lifecycle::has_eviction_taint(api.must_get<Node>({"", "a-" + std::to_string(i)}));
  EXPECT_EQ(in_a, 0);
  EXPECT_TRUE(node_lifecycle::has_eviction_taint(api.must_get<Node>({"", "b-0"})));
}

TEST_F(NodeTest, TakesEvictionBackWhenEveryNodeIsSilent) {
  for (const char* name : {"a", "b", "c"}) add_node(name);
  add_pod("web", "a", 300);
  start_lifecycle();
  pass(100s, {"b", "c"});
  ASSERT_TRUE(node_lifecycle::has_eviction_taint(api.must_get<Node>({"", "a"})));

  pass(10min, {});
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_EQ(taints(name),
              (std::vector<std::string>{"node.kubernetes.io/unreachable:NoSchedule"}));
  }
  EXPECT_FALSE(is_leaving("web"));

  // One is back: the others have the time that a silent node has before they are emptied.
  pass(20s, {"b"});
  EXPECT_TRUE(taints("b").empty());
  pass(100s, {"b"});
  EXPECT_TRUE(node_lifecycle::has_eviction_taint(api.must_get<Node>({"", "a"})));
  EXPECT_TRUE(node_lifecycle::has_eviction_taint(api.must_get<Node>({"", "c"})));
}

TEST_F(NodeTest, ANodeThatSaysItIsNotReadyIsTaintedSo) {
  add_node("sick");
  add_node("well");
  start_lifecycle();
  api.change<Node>({"", "sick"}, [](Node& node) { node.status.conditions[0].status = "False"; });
  pass(20s, {"well"});
  EXPECT_EQ(taints("sick"), (std::vector<std::string>{"node.kubernetes.io/not-ready:NoSchedule",
                                                      "node.kubernetes.io/not-ready:NoExecute"}));
  // Silence swaps one for the other at once.
  pass(60s, {"well"});
  EXPECT_EQ(taints("sick"), (std::vector<std::string>{"node.kubernetes.io/unreachable:NoSchedule",
                                                      "node.kubernetes.io/unreachable:NoExecute"}));
}

TEST_F(NodeTest, MarksPodsThatAreSeenOnASilentNodeLater) {
  add_node("silent");
  add_node("other");
  start_lifecycle();
  pass(80s, {"other"});
  add_pod("late", "silent", 300);
  pass(10s, {"other"});
  EXPECT_FALSE(is_ready(api.must_get<Pod>(key("late"))));
  EXPECT_TRUE(has_event("late", "NodeNotReady: Node is not ready"));
}

TEST_F(NodeTest, KeepsLabelsOfOldNamesInStep) {
  Node node;
  node.metadata.name = "node";
  node.metadata.labels = {{"kubernetes.io/os", "linux"},
                          {"kubernetes.io/arch", "arm64"},
                          {"beta.kubernetes.io/arch", "amd64"}};
  api.add(node);
  start_lifecycle();
  const auto& labels = api.must_get<Node>({"", "node"}).metadata.labels;
  EXPECT_EQ(labels.at("beta.kubernetes.io/os"), "linux");
  EXPECT_EQ(labels.at("beta.kubernetes.io/arch"), "arm64");
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

TEST_F(NodeTest, PodGcTakesEvictedPodsFirstAndNoneWithoutALimit) {
  for (const std::string name : {"old", "evicted", "new"}) {
    Pod pod = make_pod(name);
    pod.spec.nodeName = "node";
    pod.status.phase = core::v1::PodPhase::Failed;
    if (name == "evicted") pod.status.reason = "Evicted";
    api.add(pod);
    executor.advance(1s);
  }
  add_node("node");
  start({[](ControllerContext& context) {
           return make_pod_gc_controller(context, {.finished_max = 2});
         },
         [](ControllerContext& context) {
           return make_pod_gc_controller(context, {.finished_max = 0});
         }});
  executor.advance(1min);
  EXPECT_EQ(api.peek<Pod>(key("evicted")), nullptr);
  EXPECT_NE(api.peek<Pod>(key("old")), nullptr);
  EXPECT_NE(api.peek<Pod>(key("new")), nullptr);
}

TEST_F(NodeTest, PodGcEndsPodsThatNoKubeletWillEnd) {
  add_node("dead");
  add_node("fine");
  api.change<Node>({"", "dead"}, [](Node& node) {
    node.status.conditions[0].status = "Unknown";
    node.spec.taints.push_back({.key = "node.kubernetes.io/out-of-service",
                                .value = "nodeshutdown",
                                .effect = "NoExecute"});
  });
  struct Case {
    std::string name, node;
    bool deleting, ends;
  };
  const Case cases[] = {{"on-dead-node", "dead", true, true},
                        {"on-fine-node", "fine", true, false},
                        {"wanted", "dead", false, false},
                        {"never-placed", "", true, true},
                        {"waiting", "", false, false}};
  for (const auto& c : cases) {
    Pod pod = make_pod(c.name);
    pod.spec.nodeName = c.node;
    // As of a Job: it wants to count the pod before it goes.
    pod.metadata.finalizers = {"test/hold"};
    if (c.deleting) pod.metadata.deletionTimestamp = api::Time(executor.now());
    api.add(pod);
  }
  start([](ControllerContext& context) { return make_pod_gc_controller(context); });
  executor.advance(30s);
  for (const auto& c : cases) {
    EXPECT_EQ(api.must_get<Pod>(key(c.name)).status.phase, c.ends ? "Failed" : "Pending") << c.name;
  }
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

TEST_F(NodeTest, GivesTheBlockOfALostNodeOutAgainAfterTheWatchesBroke) {
  add_node("a");
  start([](ControllerContext& context) {
    return make_node_ipam_controller(context, *CidrBlocks::make("10.42.0.0/23", 24));
  });
  ASSERT_EQ(api.must_get<Node>({"", "a"}).spec.podCIDR, "10.42.0.0/24");

  // Gone and back before anybody has looked: one change of the node, as far as the copy tells.
  api.erase<Node>({"", "a"});
  add_node("a");
  api.compact();
  api.end_watches(Status::expired("too old resource version"));
  executor.advance(10s);
  add_node("b");
  settle();
  std::set<std::string> blocks;
  for (const auto& node : api.all<Node>()) blocks.insert(node->spec.podCIDR);
  EXPECT_EQ(blocks, (std::set<std::string>{"10.42.0.0/24", "10.42.1.0/24"}));
}

TEST_F(NodeTest, KeepsABlockForTheNodeItWasOfferedTo) {
  start([](ControllerContext& context) {
    return make_node_ipam_controller(context, *CidrBlocks::make("10.42.0.0/22", 24));
  });
  api.fail_next(1, {.verb = "patch", .resource = "nodes", .name = "a"},
                Status::unavailable("the answer was lost"));
  add_node("a");
  add_node("b");
  settle();
  EXPECT_EQ(api.must_get<Node>({"", "a"}).spec.podCIDR, "10.42.0.0/24");
  EXPECT_EQ(api.must_get<Node>({"", "b"}).spec.podCIDR, "10.42.1.0/24");

  // Lost before it took what it was offered: the block is free again.
  api.fail_next(1000, {.verb = "patch", .resource = "nodes", .name = "c"},
                Status::unavailable("no"));
  add_node("c");
  settle();
  api.erase<Node>({"", "c"});
  settle();
  add_node("d");
  settle();
  EXPECT_EQ(api.must_get<Node>({"", "d"}).spec.podCIDR, "10.42.2.0/24");
}

TEST_F(NodeTest, KeepsToWhatIsGivenOutWhenItStartsAgain) {
  for (const std::string name : {"a", "b", "c"}) {
    Node node;
    node.metadata.name = name;
    if (name != "b") {
      node.spec.podCIDR = name == "a" ? "10.42.0.0/24" : "10.42.1.0/24";
      node.spec.podCIDRs = {node.spec.podCIDR};
    }
    api.add(node);
  }
  start([](ControllerContext& context) {
    return make_node_ipam_controller(context, *CidrBlocks::make("10.42.0.0/22", 24));
  });
  EXPECT_EQ(api.must_get<Node>({"", "b"}).spec.podCIDR, "10.42.2.0/24");
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
