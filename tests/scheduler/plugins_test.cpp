// SPDX-License-Identifier: Apache-2.0
#include "scheduler/plugins/plugins.h"

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "scheduler/builders.h"
#include "scheduler/profile.h"

namespace keelson::scheduler {
namespace {

using core::v1::Taint;
using core::v1::Toleration;

// One plugin alone, on nodes and pods of the test's.
class PluginTest : public testing::Test {
 protected:
  void use(std::unique_ptr<Plugin> plugin) { profile.add(std::move(plugin)); }
  void add(Node node) { cache.set_node(std::make_shared<const Node>(std::move(node))); }
  void add(Pod pod) { cache.set_pod(info_of(std::move(pod))); }

  // "ok", or the reasons; "!" before them when preemption does not help.
  std::string filter(const Pod& pod, const std::string& node) {
    const PodInfoPtr info = info_of(pod);
    CycleState state;
    Diagnosis diagnosis;
    const auto allowed = profile.run_pre_filter(state, *info, cache.nodes(), diagnosis);
    if (allowed.code != Code::Success) return "pre-filter: " + allowed.message;
    Reasons reasons;
    int refused_by = 0;
    const Code code = profile.run_filter(state, *info, *cache.find_node(node), reasons, refused_by);
    if (code == Code::Success) return "ok";
    std::string text = code == Code::UnschedulableAndUnresolvable ? "!" : "";
    for (const auto reason : reasons.texts()) {
      if (text.size() > 1) text += ", ";
      text += reason;
    }
    return text;
  }

  // Normalized scores of all nodes by name; empty if the plugin skips the pod.
  std::map<std::string, std::int64_t> score(const Pod& pod) {
    const PodInfoPtr info = info_of(pod);
    CycleState state;
    Diagnosis diagnosis;
    profile.run_pre_filter(state, *info, cache.nodes(), diagnosis);
    profile.run_pre_score(state, *info, cache.nodes());
    const auto& scorer = profile.scorers().at(0);
    std::map<std::string, std::int64_t> out;
    if (state.skip_score & scorer.bit) return out;
    std::vector<std::int64_t> scores;
    for (const NodeInfo* node : cache.nodes()) {
      scores.push_back(scorer.plugin->score(state, *info, *node));
    }
    scorer.plugin->normalize(state, *info, cache.nodes(), scores);
    for (std::size_t i = 0; i < scores.size(); ++i) out[cache.nodes()[i]->name()] = scores[i];
    return out;
  }

  // Whether the event may help the pod.
  bool hint(const Pod& pod, const ClusterEvent& event) {
    for (const auto& registration : profile.plugins()[0]->events()) {
      if (registration.resource != event.resource) continue;
      if (!(registration.actions & event.actions)) continue;
      if (!registration.hint || registration.hint(*info_of(pod), event)) return true;
    }
    return false;
  }
  static ClusterEvent node_event(ActionMask actions, std::optional<Node> before,
                                 std::optional<Node> now) {
    ClusterEvent event;
    event.actions = actions;
    if (before) event.node_before = std::make_shared<const Node>(*before);
    if (now) event.node_now = std::make_shared<const Node>(*now);
    return event;
  }
  static ClusterEvent pod_event(ActionMask actions, std::optional<Pod> before,
                                std::optional<Pod> now) {
    ClusterEvent event;
    event.resource = EventResource::AssignedPod;
    event.actions = actions;
    if (before) event.pod_before = info_of(*before);
    if (now) event.pod_now = info_of(*now);
    return event;
  }

  VirtualExecutor clock;
  Cache cache{clock};
  Profile profile{"default-scheduler"};
};

using Scores = std::map<std::string, std::int64_t>;

// --- NodeName, NodeUnschedulable
// -------------------------------------------------------------------

TEST_F(PluginTest, NodeNameAcceptsOnlyTheRequestedNode) {
  use(make_node_name());
  add(make_node("worker-1"));

  EXPECT_EQ(filter(make_pod("web"), "worker-1"), "ok");
  EXPECT_EQ(filter(on_node(make_pod("web"), "worker-1"), "worker-1"), "ok");
  EXPECT_EQ(filter(on_node(make_pod("web"), "worker-2"), "worker-1"),
            "!node(s) didn't match the requested node name");

  const Pod pinned = on_node(make_pod("web"), "worker-2");
  EXPECT_TRUE(hint(pinned, node_event(kAdd, {}, make_node("worker-2"))));
  EXPECT_FALSE(hint(pinned, node_event(kAdd, {}, make_node("worker-3"))));
}

TEST_F(PluginTest, NodeUnschedulableKeepsPodsOffCordonedNodes) {
  use(make_node_unschedulable());
  Node cordoned = make_node("worker-1");
  cordoned.spec.unschedulable = true;
  add(cordoned);
  Pod tolerant = make_pod("agent");
  tolerant.spec.tolerations = {{.key = "node.kubernetes.io/unschedulable", .operator_ = "Exists"}};

  EXPECT_EQ(filter(make_pod("web"), "worker-1"), "!node(s) were unschedulable");
  EXPECT_EQ(filter(tolerant, "worker-1"), "ok");
  EXPECT_TRUE(hint(make_pod("web"), node_event(kUpdateNodeTaint, cordoned, make_node("worker-1"))));
  EXPECT_FALSE(hint(make_pod("web"), node_event(kUpdateNodeTaint, cordoned, cordoned)));
}

// --- TaintToleration
// -------------------------------------------------------------------------------

Node tainted(std::string name, std::vector<Taint> taints) {
  Node node = make_node(std::move(name));
  node.spec.taints = std::move(taints);
  return node;
}

TEST_F(PluginTest, TaintTolerationFiltersByHardTaints) {
  use(make_taint_toleration());
  add(tainted("gpu", {{.key = "dedicated", .value = "gpu", .effect = "NoSchedule"}}));
  add(tainted("soft", {{.key = "dedicated", .value = "gpu", .effect = "PreferNoSchedule"}}));
  add(tainted("dying", {{.key = "unreachable", .value = "", .effect = "NoExecute"}}));
  Pod tolerant = make_pod("trainer");
  tolerant.spec.tolerations = {{.key = "dedicated", .operator_ = "Equal", .value = "gpu"}};

  EXPECT_EQ(filter(make_pod("web"), "gpu"), "!node(s) had untolerated taint(s)");
  EXPECT_EQ(filter(make_pod("web"), "dying"), "!node(s) had untolerated taint(s)");
  EXPECT_EQ(filter(make_pod("web"), "soft"), "ok");
  EXPECT_EQ(filter(tolerant, "gpu"), "ok");
}

TEST_F(PluginTest, TaintTolerationScoresBySoftTaints) {
  use(make_taint_toleration());
  const Taint a{.key = "a", .value = "", .effect = "PreferNoSchedule"};
  const Taint b{.key = "b", .value = "", .effect = "PreferNoSchedule"};
  add(tainted("none", {}));
  add(tainted("one", {a}));
  add(tainted("two", {a, b}));

  EXPECT_EQ(score(make_pod("web")), (Scores{{"none", 100}, {"one", 50}, {"two", 0}}));
}

TEST_F(PluginTest, TaintTolerationWaitsForATaintToGo) {
  use(make_taint_toleration());
  const Taint taint{.key = "a", .value = "", .effect = "NoSchedule"};
  const Node before = tainted("n", {taint}), after = tainted("n", {});

  EXPECT_TRUE(hint(make_pod("web"), node_event(kUpdateNodeTaint, before, after)));
  EXPECT_FALSE(hint(make_pod("web"), node_event(kUpdateNodeTaint, after, before)));
  EXPECT_FALSE(hint(make_pod("web"), node_event(kUpdateNodeTaint, after, after)));
  EXPECT_FALSE(hint(make_pod("web"), node_event(kUpdateNodeLabel, before, after)));
}

// --- NodeAffinity
// ----------------------------------------------------------------------------------

Pod requiring(Pod pod, std::vector<core::v1::NodeSelectorTerm> terms) {
  pod.spec.affinity.ensure()
      .nodeAffinity.ensure()
      .requiredDuringSchedulingIgnoredDuringExecution.ensure()
      .nodeSelectorTerms = std::move(terms);
  return pod;
}

TEST_F(PluginTest, NodeAffinityFiltersBySelectorAndTerms) {
  use(make_node_affinity());
  add(in_zone(make_node("a"), "zone-a"));
  add(in_zone(make_node("b"), "zone-b"));
  Pod selecting = make_pod("web");
  selecting.spec.nodeSelector = {{"topology.kubernetes.io/zone", "zone-a"}};
  const Pod either = requiring(
      make_pod("web"),
      {{.matchExpressions = {{"topology.kubernetes.io/zone", "In", {"zone-b"}}}, .matchFields = {}},
       {.matchExpressions = {{"disk", "Exists", {}}}, .matchFields = {}}});
  constexpr auto kRefused = "!node(s) didn't match Pod's node affinity/selector";

  EXPECT_EQ(filter(make_pod("web"), "a"), "ok");
  EXPECT_EQ(filter(selecting, "a"), "ok");
  EXPECT_EQ(filter(selecting, "b"), kRefused);
  EXPECT_EQ(filter(either, "a"), kRefused);
  EXPECT_EQ(filter(either, "b"), "ok");
}

TEST_F(PluginTest, NodeAffinityLooksOnlyAtTheNodesThatAreNamed) {
  use(make_node_affinity());
  add(make_node("a"));
  const auto allowed = [&](const Pod& pod) {
    CycleState state;
    Diagnosis diagnosis;
    return profile.run_pre_filter(state, *info_of(pod), cache.nodes(), diagnosis);
  };
  const auto named = [](std::vector<std::string> names) {
    return core::v1::NodeSelectorTerm{.matchExpressions = {},
                                      .matchFields = {{"metadata.name", "In", std::move(names)}}};
  };
  const core::v1::NodeSelectorTerm any{.matchExpressions = {{"x", "Exists", {}}},
                                       .matchFields = {}};
  core::v1::NodeSelectorTerm conflict = named({"a"});
  conflict.matchFields.push_back({"metadata.name", "In", {"b"}});

  EXPECT_EQ(allowed(requiring(make_pod("web"), {named({"b"}), named({"a"})})).node_names,
            (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(allowed(requiring(make_pod("web"), {named({"b"}), any})).node_names, std::nullopt);
  EXPECT_EQ(allowed(requiring(make_pod("web"), {conflict})).message, "pod affinity terms conflict");
  EXPECT_EQ(allowed(make_pod("web")).node_names, std::nullopt);
}

TEST_F(PluginTest, NodeAffinityScoresByTheWeightsThatMatch) {
  use(make_node_affinity());
  add(in_zone(make_node("a"), "zone-a"));
  add(in_zone(make_node("b"), "zone-b"));
  add(make_node("c"));
  Pod pod = make_pod("web");
  auto& preferred = pod.spec.affinity.ensure()
                        .nodeAffinity.ensure()
                        .preferredDuringSchedulingIgnoredDuringExecution;
  preferred.push_back(
      {.weight = 30, .preference = {{{"topology.kubernetes.io/zone", "Exists", {}}}, {}}});
  preferred.push_back(
      {.weight = 30, .preference = {{{"topology.kubernetes.io/zone", "In", {"zone-a"}}}, {}}});

  EXPECT_EQ(score(pod), (Scores{{"a", 100}, {"b", 50}, {"c", 0}}));
  EXPECT_EQ(score(make_pod("plain")), Scores{});
}

// --- NodePorts
// -------------------------------------------------------------------------------------

TEST_F(PluginTest, NodePortsGivesEachPortOnce) {
  use(make_node_ports());
  add(make_node("n"));
  add(on_node(with_host_port(make_pod("first"), 80), "n"));
  add(on_node(with_host_port(make_pod("second"), 81, "TCP", "10.0.0.1"), "n"));
  struct Case {
    std::string_view name;
    Pod pod;
    bool fits;
  };
  const Case cases[] = {
      {"no port", make_pod("p"), true},
      {"the same port", with_host_port(make_pod("p"), 80), false},
      {"another port", with_host_port(make_pod("p"), 8080), true},
      {"another protocol", with_host_port(make_pod("p"), 80, "UDP"), true},
      {"one address of all", with_host_port(make_pod("p"), 80, "TCP", "127.0.0.1"), false},
      {"another address", with_host_port(make_pod("p"), 81, "TCP", "127.0.0.1"), true},
      {"the same address", with_host_port(make_pod("p"), 81, "TCP", "10.0.0.1"), false},
      {"all addresses", with_host_port(make_pod("p"), 81), false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(filter(c.pod, "n"),
              c.fits ? "ok" : "node(s) didn't have free ports for the requested pod ports");
  }

  const Pod waiting = with_host_port(make_pod("p"), 80);
  EXPECT_TRUE(hint(waiting, pod_event(kDelete, with_host_port(make_pod("o"), 80), {})));
  EXPECT_FALSE(hint(waiting, pod_event(kDelete, with_host_port(make_pod("o"), 90), {})));
}

// --- NodeResourcesFit
// ------------------------------------------------------------------------------

TEST_F(PluginTest, FitCountsWhatAllPodsRequest) {
  use(make_node_resources_fit());
  add(make_node("n", "4", "8Gi", "3"));
  add(on_node(make_pod("first", "3", "4Gi"), "n"));
  struct Case {
    std::string_view name;
    Pod pod;
    std::string_view expected;
  };
  Pod with_init = make_pod("p", "500m");
  with_init.spec.initContainers = {make_pod("x", "2").spec.containers[0]};
  Pod with_overhead = make_pod("p", "1");
  with_overhead.spec.overhead = amounts("100m", "");
  const Case cases[] = {
      {"nothing", make_pod("p"), "ok"},
      {"exactly what is left", make_pod("p", "1", "4Gi"), "ok"},
      {"too much cpu", make_pod("p", "1001m"), "Insufficient cpu"},
      {"too much of both", make_pod("p", "2", "5Gi"), "Insufficient cpu, Insufficient memory"},
      {"more than the node has", make_pod("p", "5"), "!Insufficient cpu"},
      {"a larger init container", with_init, "Insufficient cpu"},
      {"overhead", with_overhead, "Insufficient cpu"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    EXPECT_EQ(filter(c.pod, "n"), c.expected);
  }

  add(on_node(make_pod("second"), "n"));
  add(on_node(make_pod("third"), "n"));
  EXPECT_EQ(filter(make_pod("p"), "n"), "Too many pods");
}

TEST_F(PluginTest, FitAddsUpTheContainersOfAPodAsTheyRunTogether) {
  use(make_node_resources_fit());
  add(make_node("n", "4", "8Gi"));
  const auto init = [](std::string_view cpu, bool sidecar) {
    auto container = make_pod("x", cpu).spec.containers[0];
    if (sidecar) container.restartPolicy = "Always";
    return container;
  };
  struct Case {
    std::string_view name;
    std::vector<core::v1::Container> inits;
    std::string_view main, overhead, pod_level;
    std::int64_t milli_cpu;
  };
  const Case cases[] = {
      {"a container", {}, "1", "", "", 1000},
      {"init containers run one by one", {init("3", false), init("2", false)}, "1", "", "", 3000},
      {"sidecars run beside the containers", {init("1", true), init("1", true)}, "2", "", "", 4000},
      {"an init container after a sidecar", {init("1", true), init("3", false)}, "1", "", "", 4000},
      {"an init container before a sidecar",
       {init("3", false), init("1", true)},
       "1",
       "",
       "",
       3000},
      {"overhead comes on top", {init("3", false)}, "1", "500m", "", 3500},
      {"the pod's own request replaces the sum", {init("3", true)}, "1", "500m", "2", 2500},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Pod pod = make_pod("p", c.main);
    pod.spec.initContainers = c.inits;
    pod.spec.overhead = amounts(c.overhead, "");
    if (!c.pod_level.empty()) pod.spec.resources.ensure().requests = amounts(c.pod_level, "");
    EXPECT_EQ(info_of(pod)->requests.milli_cpu, c.milli_cpu);
    add(on_node(make_pod("rest", std::to_string(4000 - c.milli_cpu) + "m"), "n"));
    EXPECT_EQ(filter(pod, "n"), "ok");
    add(on_node(make_pod("rest", std::to_string(4001 - c.milli_cpu) + "m"), "n"));
    EXPECT_EQ(filter(pod, "n"), "Insufficient cpu");
  }
}

TEST_F(PluginTest, FitKnowsExtendedResources) {
  use(make_node_resources_fit());
  Node node = make_node("n");
  node.status.allocatable["example.com/gpu"] = api::Quantity::of("2");
  add(node);
  const auto wanting = [](std::string name, std::string_view gpus) {
    Pod pod = make_pod(std::move(name));
    pod.spec.containers[0].resources.requests["example.com/gpu"] = api::Quantity::of(gpus);
    return pod;
  };
  add(on_node(wanting("first", "1"), "n"));

  EXPECT_EQ(filter(wanting("p", "1"), "n"), "ok");
  EXPECT_EQ(filter(wanting("p", "2"), "n"), "Insufficient example.com/gpu");
  EXPECT_EQ(filter(wanting("p", "3"), "n"), "!Insufficient example.com/gpu");
}

TEST_F(PluginTest, FitScoresByWhatIsLeft) {
  use(make_node_resources_fit());
  add(make_node("empty", "4", "8Gi"));
  add(make_node("half", "4", "8Gi"));
  add(make_node("full", "1", "1Gi"));
  add(on_node(make_pod("first", "2", "4Gi"), "half"));

  // (100 - 25 + 100 - 25) / 2; (100 - 75 + 100 - 75) / 2; all of cpu, and more than all memory.
  EXPECT_EQ(score(make_pod("p", "1", "2Gi")), (Scores{{"empty", 75}, {"half", 25}, {"full", 0}}));
  // A container without requests counts as 100m and 200Mi: (97 + 97) / 2 and so on.
  EXPECT_EQ(score(make_pod("p")), (Scores{{"empty", 97}, {"half", 47}, {"full", 85}}));
}

TEST_F(PluginTest, FitScoresAreWholeNumbersCutOffOneByOne) {
  use(make_node_resources_fit());
  add(make_node("n", "3", "10Gi"));
  struct Case {
    std::string_view used_cpu, used_memory, cpu, memory;
    std::int64_t expected;
  };
  const Case cases[] = {
      // (3000 - 1000) * 100 / 3000 = 66; (10 - 1) * 100 / 10 = 90; 156 / 2.
      {"", "", "1", "1Gi", 78},
      // The pods there count, those without requests by 100m and 200Mi: (3000 - 2100) * 100 / 3000
      // = 30; (10240 - 1224) * 100 / 10240 = 88; 118 / 2.
      {"1", "", "1100m", "1Gi", 59},
      // Exactly full, and more than that: 0; (10 - 4) * 100 / 10 = 60.
      {"2", "3Gi", "1", "1Gi", 30},
      {"2", "3Gi", "2", "1Gi", 30},
      {"2", "9Gi", "2", "2Gi", 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.used_cpu) + "+" + std::string(c.cpu));
    if (!c.used_cpu.empty()) add(on_node(make_pod("there", c.used_cpu, c.used_memory), "n"));
    EXPECT_EQ(score(make_pod("p", c.cpu, c.memory)), (Scores{{"n", c.expected}}));
    cache.remove_pod("uid-there");
  }
}

TEST_F(PluginTest, FitWaitsForRoom) {
  use(make_node_resources_fit());
  const Pod waiting = make_pod("p", "3");
  const Node small = make_node("n", "2"), large = make_node("n", "4");

  EXPECT_TRUE(hint(waiting, pod_event(kDelete, make_pod("o", "1"), {})));
  EXPECT_FALSE(hint(waiting, pod_event(kAdd, {}, make_pod("o", "1"))));
  EXPECT_TRUE(hint(waiting, node_event(kAdd, {}, large)));
  EXPECT_FALSE(hint(waiting, node_event(kAdd, {}, small)));
  EXPECT_TRUE(hint(waiting, node_event(kUpdateNodeAllocatable, small, large)));
  EXPECT_FALSE(hint(waiting, node_event(kUpdateNodeAllocatable, large, large)));
  EXPECT_FALSE(hint(waiting, node_event(kUpdateNodeLabel, small, large)));
}

// --- NodeResourcesBalancedAllocation
// ---------------------------------------------------------------

TEST_F(PluginTest, BalancedAllocationPrefersEvenUse) {
  use(make_node_resources_balanced_allocation());
  add(make_node("even", "4", "8Gi"));
  add(make_node("lopsided", "4", "8Gi"));
  add(on_node(make_pod("first", "2", "1Gi"), "lopsided"));

  // 25 % of each; 75 % of cpu with 37.5 % of memory.
  EXPECT_EQ(score(make_pod("p", "1", "2Gi")), (Scores{{"even", 100}, {"lopsided", 81}}));
  EXPECT_EQ(score(make_pod("p")), Scores{});
}

// --- ImageLocality
// ---------------------------------------------------------------------------------

TEST_F(PluginTest, ImageLocalityPrefersNodesThatHaveTheImage) {
  use(make_image_locality(cache));
  Node with_image = make_node("has");
  with_image.status.images = {{{"web:latest", "registry/web@sha256:1"}, 1000LL << 20}};
  add(with_image);
  add(make_node("lacks"));

  // Half of the nodes have it: (500 - 23) of (1000 - 23) MiB.
  EXPECT_EQ(score(make_pod("p")), (Scores{{"has", 48}, {"lacks", 0}}));
  Pod other = make_pod("p");
  other.spec.containers[0].image = "unknown:1";
  EXPECT_EQ(score(other), Scores{});
}

TEST_F(PluginTest, ImageLocalityWeighsImagesOfAllContainersBySizeAndSpread) {
  use(make_image_locality(cache));
  struct Image {
    std::string name;
    std::int64_t mebibytes;
  };
  const auto add_node = [this](const std::string& name, const std::vector<Image>& images) {
    Node node = make_node(name);
    for (const auto& image : images)
      node.status.images.push_back({{image.name}, image.mebibytes << 20});
    add(node);
  };
  add_node("all", {{"main:1", 1200}, {"init:1", 600}, {"side:1", 2000}});
  add_node("main", {{"main:1", 1200}});
  add_node("small", {{"side:1", 40}});
  add_node("none", {});
  Pod pod = make_pod("p");
  pod.spec.containers[0].image = "main:1";
  pod.spec.initContainers = {make_pod("x").spec.containers[0]};
  pod.spec.initContainers[0].image = "init:1";

  // main is on 2 of 4 nodes, init on 1: 1200/2 + 600/4 = 750, 600. From 23 to 2 * 1000 MiB:
  // (750 - 23) * 100 / 1977 = 36; (600 - 23) * 100 / 1977 = 29.
  EXPECT_EQ(score(pod), (Scores{{"all", 36}, {"main", 29}, {"small", 0}, {"none", 0}}));

  pod.spec.containers[0].image = "side:1";
  pod.spec.initContainers.clear();
  // 2000/2 reaches the most; 40/2 is below the least.
  EXPECT_EQ(score(pod), (Scores{{"all", 100}, {"main", 0}, {"small", 0}, {"none", 0}}));
}

TEST(Images, HaveATag) {
  EXPECT_EQ(normalized_image("web"), "web:latest");
  EXPECT_EQ(normalized_image("web:1"), "web:1");
  EXPECT_EQ(normalized_image("host:5000/web"), "host:5000/web:latest");
  EXPECT_EQ(normalized_image("host:5000/web:1"), "host:5000/web:1");
}

// --- PrioritySort, SchedulingGates
// -----------------------------------------------------------------

TEST_F(PluginTest, PrioritySortTakesTheMostImportantThenTheOldest) {
  use(make_priority_sort());
  const auto low = info_of(with_priority(make_pod("low"), 1));
  const auto high = info_of(with_priority(make_pod("high"), 2));
  const auto& sort = profile.queue_sort();
  using namespace std::chrono_literals;

  EXPECT_TRUE(sort.less({*high, 2s}, {*low, 1s}));
  EXPECT_FALSE(sort.less({*low, 1s}, {*high, 2s}));
  EXPECT_TRUE(sort.less({*low, 1s}, {*low, 2s}));
  EXPECT_FALSE(sort.less({*low, 1s}, {*low, 1s}));
}

TEST_F(PluginTest, SchedulingGatesKeepPodsOutOfTheQueue) {
  use(make_scheduling_gates());
  Pod gated = make_pod("p");
  gated.spec.schedulingGates = {{.name = "wait"}};

  EXPECT_FALSE(profile.may_enqueue(gated));
  EXPECT_TRUE(profile.may_enqueue(make_pod("p")));
}

}  // namespace
}  // namespace keelson::scheduler
