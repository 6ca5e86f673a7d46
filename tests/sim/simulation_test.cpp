// SPDX-License-Identifier: Apache-2.0
// An hour in the life of a cluster, with requests, answers and watches lost by chance all the time:
// pods created, scaled, updated and finished, nodes lost and back. At its end all is as was asked
// for. KEELSON_SIM_SEED chooses the run.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "api/batch/v1.h"
#include "api/discovery/v1.h"
#include "cluster.h"

namespace keelson::sim {
namespace {

using namespace std::chrono_literals;
using apps::v1::Deployment;
using core::v1::Pod;

struct Size {
  int nodes, deployments, replicas;
};
constexpr Size kTiny{5, 2, 5};
constexpr Size kSmall{50, 10, 50};
constexpr Size kFull{500, 50, 100};

core::v1::PodTemplateSpec pods_of(const std::string& app, const std::string& image) {
  core::v1::PodTemplateSpec pod_template;
  pod_template.metadata.labels["app"] = app;
  auto& container = pod_template.spec.containers.emplace_back();
  container.name = "main";
  container.image = image;
  container.resources.requests["cpu"] = api::Quantity::of("100m");
  container.resources.requests["memory"] = api::Quantity::of("64Mi");
  for (const char* key : {"node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}) {
    pod_template.spec.tolerations.push_back(
        {.key = key, .operator_ = "Exists", .effect = "NoExecute", .tolerationSeconds = 300});
  }
  return pod_template;
}

std::string app_name(int number) { return "app-" + std::to_string(number); }

Deployment make_deployment(int number, int replicas) {
  Deployment deployment;
  deployment.metadata.name = app_name(number);
  deployment.metadata.namespace_ = "default";
  deployment.spec.replicas = replicas;
  deployment.spec.selector.ensure().matchLabels["app"] = app_name(number);
  deployment.spec.template_ = pods_of(app_name(number), "web:1");
  return deployment;
}

core::v1::Service make_service(int number) {
  core::v1::Service service;
  service.metadata.name = app_name(number);
  service.metadata.namespace_ = "default";
  service.spec.clusterIP = "None";
  service.spec.selector["app"] = app_name(number);
  service.spec.ports.push_back({.name = "http", .protocol = "TCP", .port = 80, .targetPort = 8080});
  return service;
}

class Life {
 public:
  Life(Size size, std::uint64_t seed)
      : size_(size),
        cluster_({.nodes = size.nodes, .seed = seed}),
        wanted_(static_cast<std::size_t>(size.deployments), size.replicas) {}

  void live() {
    cluster_.faults = {.lost_request = 0.01, .lost_answer = 0.005, .broken_watch = 0.0005};
    come_up();
    scale();
    update();
    lose_nodes();
    // The rest of the hour goes by in peace.
    cluster_.faults = {};
    cluster_.advance(std::max<Duration>(1h - cluster_.elapsed(), 1min));
    check();
  }

  const RunRecord& record() const { return cluster_.record(); }

 private:
  bool is_settled(int number) {
    const auto found = cluster_.find<Deployment>({"default", app_name(number)});
    if (!found) return false;
    const auto& deployment = **found;
    const int wanted = wanted_[static_cast<std::size_t>(number)];
    return deployment.status.observedGeneration >= deployment.metadata.generation &&
           deployment.status.replicas == wanted && deployment.status.updatedReplicas == wanted &&
           deployment.status.availableReplicas == wanted;
  }
  bool are_settled() {
    for (int i = 0; i < size_.deployments; ++i) {
      if (!is_settled(i)) return false;
    }
    return true;
  }
  void say(const char* what) {
    std::printf("%6.0f s  %s\n", std::chrono::duration<double>(cluster_.elapsed()).count(), what);
    std::fflush(stdout);
  }

  void come_up() {
    ASSERT_TRUE(cluster_.until([this] { return cluster_.ready_nodes() == size_.nodes; }, 5min));
    say("all nodes are ready");
    for (int i = 0; i < size_.deployments; ++i) {
      cluster_.create(make_service(i));
      cluster_.create(make_deployment(i, size_.replicas));
    }
    ASSERT_TRUE(cluster_.until([this] { return are_settled(); }, 10min));
    say("all pods are available");
  }

  void scale() {
    for (int i = 0; i < size_.deployments; ++i) {
      const int replicas = i % 2 ? size_.replicas / 2 : size_.replicas * 3 / 2;
      wanted_[static_cast<std::size_t>(i)] = replicas;
      cluster_.change<Deployment>({"default", app_name(i)}, [replicas](Deployment& deployment) {
        deployment.spec.replicas = replicas;
      });
    }
    ASSERT_TRUE(cluster_.until([this] { return are_settled(); }, 10min));
    say("all are scaled");
  }

  void update() {
    for (int i = 0; i < std::max(1, size_.deployments / 5); ++i) {
      cluster_.change<Deployment>({"default", app_name(i)}, [](Deployment& deployment) {
        deployment.spec.template_.spec.containers.front().image = "web:2";
      });
    }
    ASSERT_TRUE(cluster_.until([this] { return are_settled(); }, 15min));
    say("a fifth runs its new version");
  }

  void lose_nodes() {
    const int lost = std::max(1, size_.nodes / 20);
    for (int i = 0; i < lost; ++i) cluster_.cut_node(i);
    ASSERT_TRUE(cluster_.until([&] { return cluster_.ready_nodes() == size_.nodes - lost; }, 3min));
    say("a twentieth of the nodes is lost");
    ASSERT_TRUE(cluster_.until(
        [this, lost] {
          for (const auto& pod : cluster_.all<Pod>()) {
            if (pod->metadata.deletionTimestamp) continue;
            for (int i = 0; i < lost; ++i) {
              if (pod->spec.nodeName == Cluster::node_name(i)) return false;
            }
          }
          return are_settled();
        },
        15min));
    say("their pods run elsewhere");
    for (int i = 0; i < lost; ++i) cluster_.restore_node(i);
    ASSERT_TRUE(cluster_.until([&] { return cluster_.ready_nodes() == size_.nodes; }, 5min));
    say("the nodes are back");
  }

  void check() {
    if (testing::Test::HasFatalFailure()) return;
    ASSERT_TRUE(are_settled());
    std::map<std::string, int> on_node;
    std::map<std::string, std::set<std::string>> addresses;
    std::size_t total = 0;
    for (const int count : wanted_) total += static_cast<std::size_t>(count);
    const auto pods = cluster_.all<Pod>();
    EXPECT_EQ(pods.size(), total);
    for (const auto& pod : pods) {
      EXPECT_EQ(pod->status.phase, "Running") << pod->metadata.name;
      EXPECT_FALSE(pod->metadata.deletionTimestamp.has_value()) << pod->metadata.name;
      ++on_node[pod->spec.nodeName];
      addresses[pod->metadata.labels.at("app")].insert(pod->metadata.uid);
    }
    // What runs is what the API says runs: nothing was left behind on nodes that were cut off.
    for (int i = 0; i < size_.nodes; ++i) {
      EXPECT_EQ(static_cast<int>(cluster_.running_on(i).size()), on_node[Cluster::node_name(i)])
          << Cluster::node_name(i);
      EXPECT_LE(on_node[Cluster::node_name(i)], 110);
    }
    std::map<std::string, std::multiset<std::string>> endpoints;
    for (const auto& slice : cluster_.all<discovery::v1::EndpointSlice>()) {
      const auto service = slice->metadata.labels.find("kubernetes.io/service-name");
      if (service == slice->metadata.labels.end()) continue;
      for (const auto& endpoint : slice->endpoints) {
        if (endpoint.targetRef) endpoints[service->second].insert(endpoint.targetRef->uid);
      }
    }
    for (int i = 0; i < size_.deployments; ++i) {
      const auto& found = endpoints[app_name(i)];
      const auto& expected = addresses[app_name(i)];
      EXPECT_TRUE(std::equal(found.begin(), found.end(), expected.begin(), expected.end()))
          << app_name(i) << " has " << found.size() << " endpoints for " << expected.size();
    }
  }

  const Size size_;
  Cluster cluster_;
  std::vector<int> wanted_;
};

std::uint64_t chosen_seed() {
  const char* text = std::getenv("KEELSON_SIM_SEED");
  const std::uint64_t seed = text ? std::strtoull(text, nullptr, 10) : 20260101;
  std::printf("KEELSON_SIM_SEED=%llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

std::uint64_t hash_of_life(Size size, std::uint64_t seed) {
  Life life(size, seed);
  life.live();
  EXPECT_GT(life.record().entries(), 1000u);
  return life.record().hash();
}

TEST(Simulation, GoesTheSameWayWithTheSameSeedOnly) {
  const std::uint64_t seed = chosen_seed();
  const std::uint64_t first = hash_of_life(kTiny, seed);

  EXPECT_EQ(hash_of_life(kTiny, seed), first);
  EXPECT_NE(hash_of_life(kTiny, seed + 1), first);
}

TEST(Simulation, SmallClusterIsAsAskedForAfterAnHour) {
  Life life(kSmall, chosen_seed());
  life.live();
}

// Takes about a minute where it is optimised and nothing else runs; its time is told, not asserted.
TEST(FullSimulation, IsAsAskedForAfterAnHour) {
  const auto start = std::chrono::steady_clock::now();
  {
    Life life(kFull, chosen_seed());
    life.live();
  }
  const auto took = std::chrono::steady_clock::now() - start;
  std::printf("took %.1f s\n", std::chrono::duration<double>(took).count());
}

}  // namespace
}  // namespace keelson::sim
