// SPDX-License-Identifier: Apache-2.0
#include "scheduler/algorithm.h"

#include <algorithm>

namespace keelson::scheduler {
namespace {

// Upstream: minFeasibleNodesToFind, minFeasibleNodesPercentageToFind.
constexpr std::size_t kNodesMin = 100;
constexpr int kPercentageMin = 5;

}  // namespace

Algorithm::Algorithm(const Profile& profile, const Cache& cache, const Nominator& nominator,
                     Random& random, int percentage)
    : profile_(profile),
      cache_(cache),
      nominator_(nominator),
      random_(random),
      percentage_(percentage) {}

std::size_t Algorithm::wanted_nodes(std::size_t count) const {
  if (count < kNodesMin || percentage_ >= 100) return count;
  int percentage = percentage_;
  if (percentage <= 0) {
    percentage = std::max(kPercentageMin, 50 - static_cast<int>(count / 125));
  }
  return std::max(kNodesMin, count * static_cast<std::size_t>(percentage) / 100);
}

Code filter_with_nominated(const Profile& profile, const Nominator& nominator,
                           const CycleState& state, const PodInfo& pod, const NodeInfo& node,
                           Reasons& reasons, int& refused_by) {
  reasons.clear();
  if (!nominator.empty()) {
    std::optional<NodeInfo> crowded;
    std::optional<CycleState> with_nominated;
    for (const PodInfoPtr& nominated : nominator.on(node.name())) {
      if (nominated->priority < pod.priority || nominated->uid() == pod.uid()) continue;
      if (!crowded) {
        crowded = node;
        with_nominated = state.clone();
      }
      crowded->add_pod(nominated);
      profile.run_pod_added(*with_nominated, pod, *nominated, *crowded);
    }
    if (crowded) {
      const Code code = profile.run_filter(*with_nominated, pod, *crowded, reasons, refused_by);
      if (code != Code::Success) return code;
      // And without them: they may never come, and the pod may need one of them (affinity).
      reasons.clear();
    }
  }
  return profile.run_filter(state, pod, node, reasons, refused_by);
}

void Algorithm::find_feasible(const CycleState& state, const PodInfo& pod, const NodeList& nodes,
                              Diagnosis& diagnosis) {
  feasible_.clear();
  const std::size_t wanted = wanted_nodes(nodes.size());
  Reasons reasons;
  std::size_t looked_at = 0;
  std::size_t at = nodes.empty() ? 0 : next_start_ % nodes.size();
  for (; looked_at < nodes.size() && feasible_.size() < wanted; ++looked_at) {
    const NodeInfo& node = *nodes[at];
    if (++at == nodes.size()) at = 0;
    int refused_by = 0;
    const Code code =
        filter_with_nominated(profile_, nominator_, state, pod, node, reasons, refused_by);
    if (code == Code::Success) {
      feasible_.push_back(&node);
      continue;
    }
    diagnosis.refuse(node, code, reasons);
    diagnosis.plugins |= PluginSet{1} << refused_by;
  }
  next_start_ += looked_at;
}

const NodeInfo* Algorithm::best(CycleState& state, const PodInfo& pod) {
  if (feasible_.size() == 1) return feasible_.front();
  profile_.run_pre_score(state, pod, feasible_);
  totals_.assign(feasible_.size(), 0);
  scores_.resize(feasible_.size());
  for (const auto& scorer : profile_.scorers()) {
    if (state.skip_score & scorer.bit) continue;
    for (std::size_t i = 0; i < feasible_.size(); ++i) {
      scores_[i] = scorer.plugin->score(state, pod, *feasible_[i]);
    }
    scorer.plugin->normalize(state, pod, feasible_, scores_);
    for (std::size_t i = 0; i < feasible_.size(); ++i) totals_[i] += scores_[i] * scorer.weight;
  }
  // Among equals each has the same chance.
  std::size_t chosen = 0, equals = 1;
  for (std::size_t i = 1; i < feasible_.size(); ++i) {
    if (totals_[i] > totals_[chosen]) {
      chosen = i;
      equals = 1;
    } else if (totals_[i] == totals_[chosen] && random_.below(++equals) == 0) {
      chosen = i;
    }
  }
  return feasible_[chosen];
}

const NodeInfo* Algorithm::choose(CycleState& state, const PodInfo& pod, Diagnosis& diagnosis) {
  diagnosis.clear();
  const NodeList& nodes = cache_.nodes();
  diagnosis.node_count = nodes.size();
  if (nodes.empty()) return nullptr;

  const PreFilterResult allowed = profile_.run_pre_filter(state, pod, nodes, diagnosis);
  if (allowed.code != Code::Success) {
    for (const NodeInfo* node : nodes) diagnosis.refused.push_back({node, allowed.code});
    return nullptr;
  }

  // A pod for which others were preempted goes where room was made for it, if it is there by now.
  if (const auto nominated = nominator_.node_of(pod.uid()); !nominated.empty()) {
    if (const NodeInfo* node = cache_.find_node(nominated)) {
      Reasons reasons;
      int refused_by = 0;
      if (filter_with_nominated(profile_, nominator_, state, pod, *node, reasons, refused_by) ==
          Code::Success)
        return node;
    }
  }

  if (allowed.node_names) {
    NodeList named;
    for (const std::string& name : *allowed.node_names) {
      if (const NodeInfo* node = cache_.find_node(name)) named.push_back(node);
    }
    diagnosis.skipped = nodes.size() - named.size();
    find_feasible(state, pod, named, diagnosis);
  } else {
    find_feasible(state, pod, nodes, diagnosis);
  }
  return feasible_.empty() ? nullptr : best(state, pod);
}

}  // namespace keelson::scheduler
