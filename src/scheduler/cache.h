// SPDX-License-Identifier: Apache-2.0
// What the scheduler believes the cluster to be: the nodes, what runs on each, and the pods that it
// has placed itself before the API server confirms them (assumed). Used on one serial executor;
// choosing a node never waits, so that no snapshot has to be taken of it.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "scheduler/index.h"

namespace keelson::scheduler {

using NodeList = std::vector<const NodeInfo*>;
using Labels = std::map<std::string, std::string, std::less<>>;

class Cache {
 public:
  explicit Cache(const Executor& clock) : clock_(clock) {}

  // Known nodes, zones alternating, so that a search that ends early still sees all zones. Valid
  // until a node comes or goes; the infos themselves change in place.
  const NodeList& nodes() const;
  // Null if there is no such node.
  const NodeInfo* find_node(std::string_view name) const;
  std::size_t node_count() const { return node_count_; }
  // On how many nodes the image is.
  std::size_t nodes_with_image(const std::string& name) const;

  void set_node(NodePtr node);
  void remove_node(const std::string& name);

  // As the API server tells: of a pod that has a node. Confirms an assumed one, or moves it where
  // it really is.
  void set_pod(PodInfoPtr pod);
  void remove_pod(const std::string& uid);

  // The pod counts as running on the node from now on.
  void assume(PodInfoPtr pod, const std::string& node_name);
  // The API server has taken the binding; its event has to come within kConfirmWithin.
  void binding_finished(const std::string& uid);
  // Takes an assumption back. False if the pod is confirmed, or unknown.
  bool forget(const std::string& uid);
  bool is_assumed(const std::string& uid) const;
  // As last told or assumed; null if it is not on any node.
  PodInfoPtr find_pod(const std::string& uid) const;
  // The pod's node, or "".
  std::string_view node_of(const std::string& uid) const;
  // Forgets those whose event has not come in time. Returns them.
  std::vector<PodInfoPtr> expire_assumed();
  std::size_t pod_count() const { return pods_.size(); }

  // The label as numbers of the nodes. Good until the caller waits.
  std::shared_ptr<const Topology> topology(const std::string& key) const;
  // How many such pods are on each node. Good until the caller waits.
  std::shared_ptr<const PodCounts> count_pods(const PodQuestion& question) const;
  // Required anti-affinity terms of pods.
  const TermIndex& anti_affinity_terms() const { return anti_affinity_terms_; }
  // Their other terms, with weights; negative: they would rather be apart. A required affinity
  // counts for kRequiredAffinityWeight.
  const TermIndex& affinity_wishes() const { return affinity_wishes_; }

  // Whether the term means that pod.
  bool matches(const AffinityTerm& term, const PodInfo& pod) const;

  // Labels of namespaces, for terms that select them.
  void set_namespace(const std::string& name, Labels labels) {
    namespaces_[name] = std::move(labels);
  }
  void remove_namespace(const std::string& name) { namespaces_.erase(name); }
  // Null if it is unknown.
  const Labels* namespace_labels(const std::string& name) const {
    const auto found = namespaces_.find(name);
    return found == namespaces_.end() ? nullptr : &found->second;
  }

  // A watch that lost an event would have listed again long before.
  static constexpr Duration kConfirmWithin = std::chrono::minutes(15);
  // Upstream: hardPodAffinityWeight.
  static constexpr std::int32_t kRequiredAffinityWeight = 1;

 private:
  struct PodState {
    PodInfoPtr pod;
    NodeInfo* node = nullptr;
    bool assumed = false;
    Duration deadline = Duration::max();  // Of an assumed one whose binding is done.
  };

  NodeInfo& node_info(const std::string& name);
  void place(PodState& state, PodInfoPtr pod, const std::string& node_name);
  void drop(std::unordered_map<std::string, PodState>::iterator pod);
  void drop_if_empty(NodeInfo& node);
  void count_images(const NodeInfo& node, int by);
  // Keeps the indexes right: the pod has come to the node (1), or left it (-1).
  void count_pod(const PodInfo& pod, const NodeInfo& node, std::int32_t by);

  const Executor& clock_;
  std::unordered_map<std::string, std::unique_ptr<NodeInfo>> infos_;
  std::unordered_map<std::string, PodState> pods_;  // By uid.
  std::unordered_map<std::string, std::size_t> image_nodes_;
  std::unordered_map<std::string, Labels> namespaces_;
  mutable NodeList ordered_;  // Made when asked for.
  mutable bool order_stale_ = false;
  std::size_t node_count_ = 0;

  std::size_t slots_ = 0;
  std::vector<std::size_t> free_slots_;
  TermIndex anti_affinity_terms_, affinity_wishes_;
  mutable KeptAnswers<Topology> topologies_;
  struct KeptCounts {
    PodQuestion question;
    PodCounts counts;
  };
  mutable KeptAnswers<KeptCounts> pod_counts_;
};

}  // namespace keelson::scheduler
