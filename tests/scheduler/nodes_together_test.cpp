// SPDX-License-Identifier: Apache-2.0
// Plugins that look at pods on other nodes: topology spread and inter-pod affinity.
#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "scheduler/algorithm.h"
#include "scheduler/builders.h"
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

constexpr auto kZone = "topology.kubernetes.io/zone";
constexpr auto kHost = "kubernetes.io/hostname";

class NodesTogetherTest : public testing::Test {
 protected:
  void add(Node node) { cache.set_node(std::make_shared<const Node>(std::move(node))); }
  void add(Pod pod) { cache.set_pod(info_of(std::move(pod))); }
  // Two zones of two nodes: a1, a2, b1, b2.
  void add_zones() {
    for (const auto zone : {"a", "b"}) {
      for (const auto number : {"1", "2"}) {
        add(in_zone(make_node(std::string(zone) + number), std::string("zone-") + zone));
      }
    }
  }

  // What refuses each node: "" where the pod fits.
  std::map<std::string, std::string> filter(const Pod& pod) {
    const PodInfoPtr info = info_of(pod);
    CycleState state;
    Diagnosis diagnosis;
    profile.run_pre_filter(state, *info, cache.nodes(), diagnosis);
    std::map<std::string, std::string> out;
    for (const NodeInfo* node : cache.nodes()) {
      Reasons reasons;
      int refused_by = 0;
      const Code code = profile.run_filter(state, *info, *node, reasons, refused_by);
      out[node->name()] = (code == Code::UnschedulableAndUnresolvable ? "!" : "") +
                          std::string(code == Code::Success ? "" : reasons.texts()[0]);
    }
    return out;
  }
  std::string fitting(const Pod& pod) {
    std::string names;
    for (const auto& [name, reason] : filter(pod)) {
      if (reason.empty()) names += (names.empty() ? "" : " ") + name;
    }
    return names;
  }
  std::map<std::string, std::int64_t> score(const Pod& pod) {
    const PodInfoPtr info = info_of(pod);
    CycleState state;
    Diagnosis diagnosis;
    profile.run_pre_filter(state, *info, cache.nodes(), diagnosis);
    profile.run_pre_score(state, *info, cache.nodes());
    std::map<std::string, std::int64_t> out;
    const auto& scorer = profile.scorers().at(0);
    if (state.skip_score & scorer.bit) return out;
    std::vector<std::int64_t> scores;
    for (const NodeInfo* node : cache.nodes()) {
      scores.push_back(scorer.plugin->score(state, *info, *node));
    }
    scorer.plugin->normalize(state, *info, cache.nodes(), scores);
    for (std::size_t i = 0; i < scores.size(); ++i) out[cache.nodes()[i]->name()] = scores[i];
    return out;
  }

  VirtualExecutor clock;
  Cache cache{clock};
  Profile profile{"default-scheduler"};
};

using Scores = std::map<std::string, std::int64_t>;

// --- PodTopologySpread
// -----------------------------------------------------------------------------

Pod web(std::string name) { return with_label(make_pod(std::move(name)), "app", "web"); }

Pod spread(Pod pod, std::string key, std::int32_t max_skew, std::string when = "DoNotSchedule") {
  auto& constraint = pod.spec.topologySpreadConstraints.emplace_back();
  constraint.maxSkew = max_skew;
  constraint.topologyKey = std::move(key);
  constraint.whenUnsatisfiable = std::move(when);
  constraint.labelSelector.ensure().matchLabels["app"] = "web";
  return pod;
}

class SpreadTest : public NodesTogetherTest {
 protected:
  SpreadTest() { profile.add(make_pod_topology_spread(cache)); }
};

TEST_F(SpreadTest, KeepsZonesWithinTheSkew) {
  add_zones();
  EXPECT_EQ(fitting(spread(web("p"), kZone, 1)), "a1 a2 b1 b2");
  add(on_node(web("w1"), "a1"));
  EXPECT_EQ(fitting(spread(web("p"), kZone, 1)), "b1 b2");
  EXPECT_EQ(fitting(spread(web("p"), kZone, 2)), "a1 a2 b1 b2");
  add(on_node(web("w2"), "b2"));
  EXPECT_EQ(fitting(spread(web("p"), kZone, 1)), "a1 a2 b1 b2");

  Pod two = spread(spread(web("p"), kZone, 1), kHost, 1);
  EXPECT_EQ(fitting(two), "a2 b1");
}

TEST_F(SpreadTest, CountsOnlyPodsThatBelong) {
  add_zones();
  add(on_node(with_label(make_pod("other"), "app", "db"), "a1"));
  Pod elsewhere = on_node(web("elsewhere"), "a1");
  elsewhere.metadata.namespace_ = "other";
  add(elsewhere);
  Pod ending = on_node(web("ending"), "a1");
  ending.metadata.deletionTimestamp = api::Time(clock.now());
  add(ending);

  EXPECT_EQ(fitting(spread(web("p"), kZone, 1)), "a1 a2 b1 b2");
}

TEST_F(SpreadTest, SaysWhatIsWrong) {
  add_zones();
  add(make_node("nowhere"));
  add(on_node(web("w1"), "a1"));

  const auto reasons = filter(spread(web("p"), kZone, 1));

  EXPECT_EQ(reasons.at("a2"), "node(s) didn't match pod topology spread constraints");
  EXPECT_EQ(reasons.at("nowhere"),
            "!node(s) didn't match pod topology spread constraints (missing required label)");
}

TEST_F(SpreadTest, ZonesThatThePodCannotUseDoNotCount) {
  add_zones();
  add(on_node(web("w1"), "a1"));
  Pod pinned = spread(web("p"), kZone, 1);
  pinned.spec.nodeSelector[kZone] = "zone-a";
  EXPECT_EQ(filter(pinned).at("a1"), "");

  pinned.spec.topologySpreadConstraints[0].nodeAffinityPolicy = "Ignore";
  EXPECT_NE(filter(pinned).at("a1"), "");
}

TEST_F(SpreadTest, WithTooFewDomainsTheLeastIsNone) {
  add_zones();
  add(on_node(web("w1"), "a1"));
  add(on_node(web("w2"), "b1"));
  Pod pod = spread(web("p"), kZone, 1);
  EXPECT_EQ(fitting(pod), "a1 a2 b1 b2");

  pod.spec.topologySpreadConstraints[0].minDomains = 3;
  EXPECT_EQ(fitting(pod), "");
}

TEST_F(SpreadTest, MatchesRevisionsByTheirLabel) {
  add_zones();
  add(on_node(with_label(web("old"), "revision", "1"), "a1"));
  Pod pod = with_label(spread(web("p"), kZone, 1), "revision", "2");
  EXPECT_EQ(fitting(pod), "b1 b2");

  pod.spec.topologySpreadConstraints[0].matchLabelKeys = {"revision"};
  EXPECT_EQ(fitting(pod), "a1 a2 b1 b2");
}

TEST_F(SpreadTest, PrefersEmptyZonesWhereItIsOnlyAWish) {
  add_zones();
  add(on_node(web("w1"), "a1"));
  add(on_node(web("w2"), "a2"));

  EXPECT_EQ(fitting(spread(web("p"), kZone, 1, "ScheduleAnyway")), "a1 a2 b1 b2");
  EXPECT_EQ(score(spread(web("p"), kZone, 1, "ScheduleAnyway")),
            (Scores{{"a1", 0}, {"a2", 0}, {"b1", 100}, {"b2", 100}}));
  EXPECT_EQ(score(web("plain")), Scores{});
}

// --- InterPodAffinity
// ------------------------------------------------------------------------------

class AffinityTest : public NodesTogetherTest {
 protected:
  AffinityTest() { profile.add(make_inter_pod_affinity(cache)); }
};

core::v1::PodAffinityTerm term(std::string key, std::string app) {
  core::v1::PodAffinityTerm made;
  made.topologyKey = std::move(key);
  made.labelSelector.ensure().matchLabels["app"] = std::move(app);
  return made;
}
Pod near(Pod pod, core::v1::PodAffinityTerm what) {
  pod.spec.affinity.ensure()
      .podAffinity.ensure()
      .requiredDuringSchedulingIgnoredDuringExecution.push_back(std::move(what));
  return pod;
}
Pod far(Pod pod, core::v1::PodAffinityTerm what) {
  pod.spec.affinity.ensure()
      .podAntiAffinity.ensure()
      .requiredDuringSchedulingIgnoredDuringExecution.push_back(std::move(what));
  return pod;
}

TEST_F(AffinityTest, PutsPodsBesideOthers) {
  add_zones();
  add(on_node(web("w"), "a1"));

  EXPECT_EQ(fitting(near(make_pod("p"), term(kZone, "web"))), "a1 a2");
  EXPECT_EQ(fitting(near(make_pod("p"), term(kHost, "web"))), "a1");
  const auto reasons = filter(near(make_pod("p"), term(kZone, "web")));
  EXPECT_EQ(reasons.at("b1"), "!node(s) didn't match pod affinity rules");
}

TEST_F(AffinityTest, OnePodHasToMatchAllTerms) {
  add_zones();
  add(on_node(web("w"), "a1"));
  add(on_node(with_label(make_pod("db"), "app", "db"), "a1"));

  EXPECT_EQ(fitting(near(near(make_pod("p"), term(kZone, "web")), term(kZone, "db"))), "");
}

TEST_F(AffinityTest, TheFirstOfAGroupMayStartAnywhere) {
  add_zones();
  EXPECT_EQ(fitting(near(web("first"), term(kZone, "web"))), "a1 a2 b1 b2");
  EXPECT_EQ(fitting(near(make_pod("stranger"), term(kZone, "web"))), "");
}

TEST_F(AffinityTest, KeepsPodsApart) {
  add_zones();
  add(on_node(web("w"), "a1"));

  EXPECT_EQ(fitting(far(web("p"), term(kHost, "web"))), "a2 b1 b2");
  EXPECT_EQ(fitting(far(web("p"), term(kZone, "web"))), "b1 b2");
  EXPECT_EQ(filter(far(web("p"), term(kZone, "web"))).at("a2"),
            "node(s) didn't match pod anti-affinity rules");
}

TEST_F(AffinityTest, RunningPodsKeepOthersAway) {
  add_zones();
  add(far(on_node(make_pod("hermit"), "a1"), term(kZone, "web")));

  EXPECT_EQ(fitting(web("p")), "b1 b2");
  EXPECT_EQ(filter(web("p")).at("a2"), "node(s) didn't satisfy existing pods anti-affinity rules");
  EXPECT_EQ(fitting(make_pod("other")), "a1 a2 b1 b2");
}

TEST_F(AffinityTest, LooksIntoTheNamespacesThatItIsToldTo) {
  add_zones();
  Pod elsewhere = on_node(web("w"), "a1");
  elsewhere.metadata.namespace_ = "team-a";
  add(elsewhere);
  cache.set_namespace("team-a", {{"team", "a"}});
  EXPECT_EQ(fitting(near(make_pod("p"), term(kZone, "web"))), "");

  auto named = term(kZone, "web");
  named.namespaces = {"team-a"};
  EXPECT_EQ(fitting(near(make_pod("p"), named)), "a1 a2");

  auto selected = term(kZone, "web");
  selected.namespaceSelector.ensure().matchLabels["team"] = "a";
  EXPECT_EQ(fitting(near(make_pod("p"), selected)), "a1 a2");
  selected.namespaceSelector->matchLabels["team"] = "b";
  EXPECT_EQ(fitting(near(make_pod("p"), selected)), "");

  auto all = term(kZone, "web");
  all.namespaceSelector.ensure();
  EXPECT_EQ(fitting(near(make_pod("p"), all)), "a1 a2");
}

TEST_F(AffinityTest, WishesScoreInBothDirections) {
  add_zones();
  add(on_node(web("w"), "a1"));
  Pod pod = make_pod("p");
  auto& affinity = pod.spec.affinity.ensure();
  affinity.podAffinity.ensure().preferredDuringSchedulingIgnoredDuringExecution = {
      {.weight = 50, .podAffinityTerm = term(kZone, "web")}};
  affinity.podAntiAffinity.ensure().preferredDuringSchedulingIgnoredDuringExecution = {
      {.weight = 25, .podAffinityTerm = term(kHost, "web")}};
  // a1: 50 - 25; a2: 50; b: none.
  EXPECT_EQ(score(pod), (Scores{{"a1", 50}, {"a2", 100}, {"b1", 0}, {"b2", 0}}));

  add(near(on_node(make_pod("fan"), "b1"), term(kHost, "idol")));
  EXPECT_EQ(score(with_label(make_pod("p"), "app", "idol")),
            (Scores{{"a1", 0}, {"a2", 0}, {"b1", 100}, {"b2", 0}}));
  EXPECT_EQ(score(make_pod("nobody")), Scores{});
}

TEST_F(AffinityTest, TakingAPodAwayInATrialCounts) {
  add_zones();
  const PodInfoPtr other = info_of(on_node(web("w"), "a1"));
  cache.set_pod(other);
  const PodInfoPtr pod = info_of(far(web("p"), term(kHost, "web")));
  CycleState state;
  Diagnosis diagnosis;
  profile.run_pre_filter(state, *pod, cache.nodes(), diagnosis);
  const NodeInfo& node = *cache.find_node("a1");
  Reasons reasons;
  int refused_by = 0;
  ASSERT_EQ(profile.run_filter(state, *pod, node, reasons, refused_by), Code::Unschedulable);

  CycleState trial = state.clone();
  profile.run_pod_removed(trial, *pod, *other, node);

  EXPECT_EQ(profile.run_filter(trial, *pod, node, reasons, refused_by), Code::Success);
  EXPECT_EQ(profile.run_filter(state, *pod, node, reasons, refused_by), Code::Unschedulable);
}

// --- How many nodes are looked at
// ------------------------------------------------------------------

TEST_F(NodesTogetherTest, TheSearchEndsEarlyInLargeClusters) {
  Nominator nominator;
  const auto random = make_seeded_random(1);
  const Algorithm adaptive(profile, cache, nominator, *random);
  const Algorithm fixed(profile, cache, nominator, *random, 30);
  struct Case {
    std::size_t nodes, adaptive, fixed;
  };
  const Case cases[] = {{10, 10, 10},     {99, 99, 99},      {100, 100, 100},  {500, 230, 150},
                        {1000, 420, 300}, {5000, 500, 1500}, {6000, 300, 1800}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.nodes);
    EXPECT_EQ(adaptive.wanted_nodes(c.nodes), c.adaptive);
    EXPECT_EQ(fixed.wanted_nodes(c.nodes), c.fixed);
  }
}

// Takes every node, and remembers which it was shown.
class Witness final : public FilterPlugin {
 public:
  explicit Witness(std::vector<std::string>& seen) : seen_(seen) {}
  std::string_view name() const override { return "Witness"; }
  Code filter(const CycleState&, const PodInfo&, const NodeInfo& node, Reasons&) const override {
    seen_.push_back(node.name());
    return Code::Success;
  }

 private:
  std::vector<std::string>& seen_;
};

TEST_F(NodesTogetherTest, EachSearchStartsWhereTheLastOneEnded) {
  std::vector<std::string> seen;
  profile.add(std::make_unique<Witness>(seen));
  for (int i = 0; i < 250; ++i) add(make_node("node-" + std::to_string(1000 + i)));
  Nominator nominator;
  const auto random = make_seeded_random(1);
  Algorithm algorithm(profile, cache, nominator, *random, 40);
  std::vector<std::string> expected;
  for (int i = 0; i < 300; ++i) expected.push_back("node-" + std::to_string(1000 + i % 250));

  for (int i = 0; i < 3; ++i) {
    CycleState state;
    Diagnosis diagnosis;
    EXPECT_NE(algorithm.choose(state, *info_of(make_pod("p")), diagnosis), nullptr);
  }

  EXPECT_EQ(seen, expected);
}

}  // namespace
}  // namespace keelson::scheduler
