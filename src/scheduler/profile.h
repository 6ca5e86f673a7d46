// SPDX-License-Identifier: Apache-2.0
// The plugins of one scheduler, in their order, by extension point.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "scheduler/framework.h"

namespace keelson::scheduler {

// What refused the pod, for the message, the queue and preemption.
struct Diagnosis {
  struct Verdict {
    const NodeInfo* node;
    Code code;  // Not Success.
  };

  std::size_t node_count = 0;
  // Of each node looked at that was refused.
  std::vector<Verdict> refused;
  // How many nodes were refused for each reason, as first seen.
  std::vector<std::pair<std::string_view, std::size_t>> reason_counts;
  PluginSet plugins = 0;  // Those that refused it.
  std::string pre_filter_message;
  // PreFilter named the nodes that can be right; the others were not looked at.
  std::string skipped_by;  // Names of the plugins that did so, "NodeAffinity".
  std::size_t skipped = 0;

  void clear();
  void refuse(const NodeInfo& node, Code code, const Reasons& reasons);
  // `nodes` more for this reason.
  void count(std::string_view reason, std::size_t nodes);
  // "0/3 nodes are available: 1 Insufficient cpu, 2 node(s) were unschedulable."
  std::string message() const;
};

class Profile {
 public:
  struct Scorer {
    const ScorePlugin* plugin;
    std::int64_t weight;
    PluginSet bit;
  };

  explicit Profile(std::string scheduler_name) : scheduler_name_(std::move(scheduler_name)) {}

  // At the end of each extension point that it implements. `weight` is of its scores; 0: they do
  // not count.
  void add(std::unique_ptr<Plugin> plugin, std::int64_t weight = 1);

  const std::string& scheduler_name() const { return scheduler_name_; }
  const std::vector<std::unique_ptr<Plugin>>& plugins() const { return plugins_; }
  const QueueSortPlugin& queue_sort() const;
  bool may_enqueue(const Pod& pod) const;
  const std::vector<Scorer>& scorers() const { return scorers_; }
  const std::vector<PostFilterPlugin*>& post_filters() const { return post_filters_; }

  // Success, or the answer of the first that is not. Fills diagnosis.
  PreFilterResult run_pre_filter(CycleState& state, const PodInfo& pod, const NodeList& nodes,
                                 Diagnosis& diagnosis) const;
  void run_pod_added(CycleState& state, const PodInfo& pod, const PodInfo& added,
                     const NodeInfo& node) const;
  void run_pod_removed(CycleState& state, const PodInfo& pod, const PodInfo& removed,
                       const NodeInfo& node) const;
  // Success, or the answer of the first that refuses, whose number goes into `refused_by`.
  Code run_filter(const CycleState& state, const PodInfo& pod, const NodeInfo& node,
                  Reasons& reasons, int& refused_by) const;
  void run_pre_score(CycleState& state, const PodInfo& pod,
                     std::span<const NodeInfo* const> nodes) const;

  // Undone by run_unreserve() if one of them fails.
  Result<void> run_reserve(CycleState& state, const PodInfo& pod, const std::string& node) const;
  void run_unreserve(CycleState& state, const PodInfo& pod, const std::string& node) const;
  // Permit, PreBind, Bind. `state` and the profile outlive the task.
  Task<Result<void>> run_bind(const CycleState& state, PodInfoPtr pod, std::string node) const;
  void run_post_bind(const CycleState& state, const PodInfo& pod, const std::string& node) const;

 private:
  std::string scheduler_name_;
  std::vector<std::unique_ptr<Plugin>> plugins_;
  std::vector<QueueSortPlugin*> queue_sorts_;
  std::vector<PreEnqueuePlugin*> pre_enqueues_;
  std::vector<PreFilterPlugin*> pre_filters_;
  struct Filter {
    const FilterPlugin* plugin;
    PluginSet bit;
  };
  std::vector<Filter> filters_;
  std::vector<PreScorePlugin*> pre_scores_;
  std::vector<Scorer> scorers_;
  std::vector<PostFilterPlugin*> post_filters_;
  std::vector<ReservePlugin*> reserves_;
  std::vector<PermitPlugin*> permits_;
  std::vector<PreBindPlugin*> pre_binds_;
  std::vector<BindPlugin*> binds_;
  std::vector<PostBindPlugin*> post_binds_;
};

}  // namespace keelson::scheduler
