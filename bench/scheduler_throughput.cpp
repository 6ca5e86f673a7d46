// SPDX-License-Identifier: Apache-2.0
// How many pods a second get a node, in a cluster of 5,000 nodes: the choice and the book-keeping
// alone, without the API server. Usage: scheduler_throughput [nodes [pods]]
#include <chrono>
#include <cstdio>
#include <cstdlib>

#include "base/virtual_executor.h"
#include "scheduler/algorithm.h"
#include "scheduler/plugins/plugins.h"
#include "scheduler/queue.h"

namespace {

using namespace keelson;
using namespace keelson::scheduler;

constexpr auto kZone = "topology.kubernetes.io/zone";
constexpr auto kHost = "kubernetes.io/hostname";

Node make_node(int number) {
  Node node;
  node.metadata.name = "node-" + std::to_string(number);
  node.metadata.labels[kHost] = node.metadata.name;
  node.metadata.labels[kZone] = "zone-" + std::to_string(number % 3);
  node.status.allocatable["cpu"] = api::Quantity::of("32");
  node.status.allocatable["memory"] = api::Quantity::of("64Gi");
  node.status.allocatable["pods"] = api::Quantity::of("110");
  return node;
}

Pod make_pod(int number) {
  Pod pod;
  pod.metadata.namespace_ = "default";
  pod.metadata.name = "pod-" + std::to_string(number);
  pod.metadata.uid = pod.metadata.name;
  pod.metadata.labels["app"] = "web";
  auto& container = pod.spec.containers.emplace_back();
  container.image = "web:1";
  container.resources.requests["cpu"] = api::Quantity::of("100m");
  container.resources.requests["memory"] = api::Quantity::of("500Mi");
  return pod;
}

core::v1::PodAffinityTerm term(const char* key) {
  core::v1::PodAffinityTerm made;
  made.topologyKey = key;
  made.labelSelector.ensure().matchLabels["app"] = "web";
  return made;
}

struct Workload {
  const char* name;
  void (*shape)(Pod& pod);
  bool full = false;  // The nodes are taken by pods that are less important.
};

const Workload kWorkloads[] = {
    {"basic", [](Pod&) {}},
    {"anti-affinity to hosts",
     [](Pod& pod) {
       pod.spec.affinity.ensure()
           .podAntiAffinity.ensure()
           .requiredDuringSchedulingIgnoredDuringExecution.push_back(term(kHost));
     }},
    {"affinity to a zone",
     [](Pod& pod) {
       pod.spec.affinity.ensure()
           .podAffinity.ensure()
           .requiredDuringSchedulingIgnoredDuringExecution.push_back(term(kZone));
     }},
    {"spread over zones",
     [](Pod& pod) {
       auto& spread = pod.spec.topologySpreadConstraints.emplace_back();
       spread.maxSkew = 5;
       spread.topologyKey = kZone;
       spread.whenUnsatisfiable = "DoNotSchedule";
       spread.labelSelector.ensure().matchLabels["app"] = "web";
     }},
    {"preferred affinity",
     [](Pod& pod) {
       pod.spec.affinity.ensure()
           .podAffinity.ensure()
           .preferredDuringSchedulingIgnoredDuringExecution.push_back(
               {.weight = 10, .podAffinityTerm = term(kZone)});
     }},
    {"preemption",
     [](Pod& pod) {
       pod.spec.priority = 10;
       pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of("24");
     },
     true},
};

constexpr int kFillersEach = 4;

// Four pods on each node, which leave no room for one that wants most of its processors.
void fill(Cache& cache, int nodes) {
  for (int i = 0; i < nodes * kFillersEach; ++i) {
    Pod pod = make_pod(-1 - i);
    pod.spec.containers[0].resources.requests["cpu"] = api::Quantity::of("8");
    pod.spec.nodeName = "node-" + std::to_string(i % nodes);
    cache.set_pod(make_pod_info(std::make_shared<const Pod>(std::move(pod))));
  }
}

// Where the pod goes once those have left who have to; null if that does not help.
const NodeInfo* preempt(const Profile& profile, Algorithm& algorithm, Cache& cache,
                        Nominator& nominator, const CycleState& state, const PodInfoPtr& pod,
                        Diagnosis& diagnosis) {
  PostFilterPlugin::Answer answer;
  for (PostFilterPlugin* plugin : profile.post_filters()) {
    answer = plugin->post_filter(state, *pod, diagnosis);
    if (answer.code == Code::Success) break;
  }
  if (answer.code != Code::Success) return nullptr;
  nominator.nominate(pod, answer.nominated_node);
  for (const PodInfoPtr& victim : answer.victims) cache.remove_pod(victim->uid());
  CycleState again;
  const NodeInfo* node = algorithm.choose(again, *pod, diagnosis);
  nominator.withdraw(pod->uid());
  return node;
}

void run(const Workload& workload, int nodes, int pods) {
  VirtualExecutor executor;
  const auto random = make_seeded_random(1);
  Cache cache(executor);
  Nominator nominator;
  Profile profile("default-scheduler");
  profile.add(make_scheduling_gates());
  profile.add(make_priority_sort());
  profile.add(make_node_unschedulable());
  profile.add(make_node_name());
  profile.add(make_taint_toleration(), 3);
  profile.add(make_node_affinity(), 2);
  profile.add(make_node_ports());
  profile.add(make_node_resources_fit(), 1);
  profile.add(make_pod_topology_spread(cache), 2);
  profile.add(make_inter_pod_affinity(cache), 2);
  profile.add(make_dynamic_resources());
  profile.add(make_default_preemption({.profile = &profile,
                                       .cache = &cache,
                                       .nominator = &nominator,
                                       .random = random.get(),
                                       .budgets = nullptr}));
  profile.add(make_node_resources_balanced_allocation(), 1);
  profile.add(make_image_locality(cache), 1);
  Algorithm algorithm(profile, cache, nominator, *random);
  SchedulingQueue queue(executor, profile);
  for (int i = 0; i < nodes; ++i) cache.set_node(std::make_shared<const Node>(make_node(i)));
  if (workload.full) fill(cache, nodes);

  Diagnosis diagnosis;
  int placed = 0;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < pods; ++i) {
    Pod made = make_pod(i);
    workload.shape(made);
    queue.add(make_pod_info(std::make_shared<const Pod>(std::move(made))));
  }
  while (auto queued = queue.try_pop()) {
    const PodInfoPtr pod = (*queued)->info;
    CycleState state;
    const NodeInfo* node = algorithm.choose(state, *pod, diagnosis);
    if (!node && workload.full)
      node = preempt(profile, algorithm, cache, nominator, state, pod, diagnosis);
    if (node) {
      cache.assume(pod, node->name());
      ++placed;
    }
    queue.done(*queued);
  }
  const double seconds =
      std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  std::printf("%-24s %8d %8d %10.0f\n", workload.name, nodes, placed, pods / seconds);
}

}  // namespace

int main(int argc, char** argv) {
  const int nodes = argc > 1 ? std::atoi(argv[1]) : 5000;
  const int pods = argc > 2 ? std::atoi(argv[2]) : 5000;
  std::printf("%-24s %8s %8s %10s\n", "workload", "nodes", "placed", "pods/s");
  for (const Workload& workload : kWorkloads) run(workload, nodes, pods);
}
