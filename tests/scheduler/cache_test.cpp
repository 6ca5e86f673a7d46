// SPDX-License-Identifier: Apache-2.0
#include "scheduler/cache.h"

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "scheduler/builders.h"

namespace keelson::scheduler {
namespace {

using namespace std::chrono_literals;

class CacheTest : public testing::Test {
 protected:
  void add(Node node) { cache.set_node(std::make_shared<const Node>(std::move(node))); }
  std::string names() {
    std::string out;
    for (const NodeInfo* node : cache.nodes()) out += (out.empty() ? "" : " ") + node->name();
    return out;
  }
  std::int64_t cpu(const std::string& node) { return cache.find_node(node)->requested().milli_cpu; }

  VirtualExecutor clock;
  Cache cache{clock};
};

TEST_F(CacheTest, AddsUpWhatRunsOnANode) {
  add(make_node("n"));
  cache.set_pod(info_of(on_node(with_host_port(make_pod("a", "1", "1Gi"), 80), "n")));
  cache.set_pod(info_of(on_node(make_pod("b", "500m"), "n")));

  const NodeInfo& node = *cache.find_node("n");
  EXPECT_EQ(node.requested().milli_cpu, 1500);
  EXPECT_EQ(node.requested().memory, 1LL << 30);
  EXPECT_EQ(node.nonzero_memory(), (1LL << 30) + (200LL << 20));
  EXPECT_EQ(node.pods().size(), 2u);
  EXPECT_EQ(node.used_ports().size(), 1u);

  cache.remove_pod("uid-a");
  EXPECT_EQ(node.requested().milli_cpu, 500);
  EXPECT_TRUE(node.used_ports().empty());
  cache.set_pod(info_of(on_node(make_pod("b", "250m"), "n")));
  EXPECT_EQ(node.requested().milli_cpu, 250);
  EXPECT_EQ(node.pods().size(), 1u);
}

TEST_F(CacheTest, AssumedPodsCountUntilTheyAreForgotten) {
  add(make_node("n"));
  cache.assume(info_of(make_pod("a", "1")), "n");
  EXPECT_EQ(cpu("n"), 1000);
  EXPECT_TRUE(cache.is_assumed("uid-a"));
  EXPECT_EQ(cache.node_of("uid-a"), "n");

  EXPECT_TRUE(cache.forget("uid-a"));
  EXPECT_EQ(cpu("n"), 0);
  EXPECT_FALSE(cache.forget("uid-a"));
}

TEST_F(CacheTest, TheServerHasTheLastWord) {
  add(make_node("n"));
  add(make_node("m"));
  cache.assume(info_of(make_pod("a", "1")), "n");

  cache.set_pod(info_of(on_node(make_pod("a", "1"), "m")));

  EXPECT_FALSE(cache.is_assumed("uid-a"));
  EXPECT_EQ(cpu("n"), 0);
  EXPECT_EQ(cpu("m"), 1000);
  EXPECT_FALSE(cache.forget("uid-a"));
  EXPECT_EQ(cpu("m"), 1000);
}

TEST_F(CacheTest, BindingsThatAreNeverConfirmedExpire) {
  add(make_node("n"));
  cache.assume(info_of(make_pod("bound", "1")), "n");
  cache.assume(info_of(make_pod("binding", "1")), "n");
  cache.binding_finished("uid-bound");

  clock.advance(Cache::kConfirmWithin - 1s);
  EXPECT_TRUE(cache.expire_assumed().empty());
  clock.advance(1s);

  ASSERT_EQ(cache.expire_assumed().size(), 1u);
  EXPECT_EQ(cpu("n"), 1000);
  EXPECT_TRUE(cache.is_assumed("uid-binding"));
}

TEST_F(CacheTest, PodsMayComeBeforeTheirNodeAndStayAfterIt) {
  cache.set_pod(info_of(on_node(make_pod("a", "1"), "n")));
  EXPECT_EQ(names(), "");
  EXPECT_EQ(cache.find_node("n"), nullptr);

  add(make_node("n"));
  EXPECT_EQ(names(), "n");
  EXPECT_EQ(cpu("n"), 1000);

  cache.remove_node("n");
  EXPECT_EQ(names(), "");
  EXPECT_EQ(cache.node_count(), 0u);
  cache.remove_pod("uid-a");
  EXPECT_EQ(cache.pod_count(), 0u);
}

TEST_F(CacheTest, ListsZonesInTurn) {
  for (const auto name : {"a1", "a2", "a3"}) add(in_zone(make_node(name), "a"));
  add(in_zone(make_node("b1"), "b"));
  add(in_zone(make_node("b2"), "b"));
  EXPECT_EQ(names(), "a1 b1 a2 b2 a3");

  add(in_zone(make_node("a2"), "b"));
  EXPECT_EQ(names(), "a1 a2 a3 b1 b2");
}

TEST_F(CacheTest, CountsOnHowManyNodesAnImageIs) {
  Node node = make_node("n");
  node.status.images = {{{"web:1", "web@sha256:1"}, 100}};
  add(node);
  node.metadata.name = "m";
  add(node);
  EXPECT_EQ(cache.nodes_with_image("web:1"), 2u);

  node.status.images.clear();
  add(node);
  EXPECT_EQ(cache.nodes_with_image("web:1"), 1u);
  cache.remove_node("n");
  EXPECT_EQ(cache.nodes_with_image("web:1"), 0u);
}

TEST_F(CacheTest, KeepsTermsOfPodsTogether) {
  add(make_node("n"));
  add(make_node("m"));
  const auto hermit = [](std::string name, std::string node) {
    Pod pod = on_node(make_pod(std::move(name)), std::move(node));
    pod.spec.affinity.ensure()
        .podAntiAffinity.ensure()
        .requiredDuringSchedulingIgnoredDuringExecution.emplace_back()
        .topologyKey = "zone";
    return pod;
  };
  cache.set_pod(info_of(hermit("a", "n")));
  cache.set_pod(info_of(hermit("a", "n")));
  cache.set_pod(info_of(hermit("b", "m")));
  ASSERT_EQ(cache.anti_affinity_terms().size(), 1u);
  EXPECT_EQ(cache.anti_affinity_terms().begin()->second.holders.size(), 2u);
  EXPECT_TRUE(cache.affinity_wishes().empty());

  cache.remove_pod("uid-a");
  EXPECT_EQ(cache.anti_affinity_terms().begin()->second.holders.size(), 1u);
  cache.remove_pod("uid-b");
  EXPECT_TRUE(cache.anti_affinity_terms().empty());
}

TEST_F(CacheTest, CountsOfPodsFollowTheCluster) {
  add(make_node("n"));
  cache.set_pod(info_of(on_node(with_label(make_pod("a"), "app", "web"), "n")));
  const PodQuestion webs{.terms = {make_term("default", *api::LabelSelector::parse("app=web"))},
                         .live_only = true};
  const auto count = [&](const std::string& node) {
    return cache.count_pods(webs)->on(*cache.find_node(node));
  };
  EXPECT_EQ(count("n"), 1);

  cache.set_pod(info_of(on_node(with_label(make_pod("b"), "app", "web"), "n")));
  cache.set_pod(info_of(on_node(with_label(make_pod("c"), "app", "db"), "n")));
  cache.assume(info_of(with_label(make_pod("d"), "app", "web")), "n");
  EXPECT_EQ(count("n"), 3);

  Pod ending = on_node(with_label(make_pod("b"), "app", "web"), "n");
  ending.metadata.deletionTimestamp = api::Time(clock.now());
  cache.set_pod(info_of(ending));
  cache.forget("uid-d");
  EXPECT_EQ(count("n"), 1);

  // A node that takes over the slot of another starts from nothing.
  cache.remove_pod("uid-a");
  cache.remove_pod("uid-b");
  cache.remove_pod("uid-c");
  cache.remove_node("n");
  add(make_node("m"));
  EXPECT_EQ(count("m"), 0);
}

TEST_F(CacheTest, TopologiesFollowTheLabelsOfNodes) {
  add(in_zone(make_node("n"), "a"));
  add(in_zone(make_node("m"), "b"));
  add(make_node("x"));
  const auto value = [&](const std::string& node) {
    return cache.topology("topology.kubernetes.io/zone")->value_of(*cache.find_node(node));
  };
  EXPECT_NE(value("n"), value("m"));
  EXPECT_EQ(value("x"), Topology::kNone);

  add(in_zone(make_node("x"), "a"));
  EXPECT_EQ(value("x"), value("n"));
  add(make_node("x"));
  EXPECT_EQ(value("x"), Topology::kNone);
}

}  // namespace
}  // namespace keelson::scheduler
