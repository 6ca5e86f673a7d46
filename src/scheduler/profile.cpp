// SPDX-License-Identifier: Apache-2.0
#include "scheduler/profile.h"

#include <algorithm>

namespace keelson::scheduler {
namespace {

PluginSet bit(const Plugin& plugin) { return PluginSet{1} << plugin.slot(); }

template <class Point>
void add_if(Plugin* plugin, std::vector<Point*>& points) {
  if (auto* point = dynamic_cast<Point*>(plugin)) points.push_back(point);
}

}  // namespace

CycleState CycleState::clone() const {
  CycleState copy;
  copy.skip_filter = skip_filter;
  copy.skip_score = skip_score;
  for (std::size_t i = 0; i < states_.size(); ++i) {
    if (states_[i]) copy.states_[i] = states_[i]->clone();
  }
  return copy;
}

void normalize_by_highest(std::span<std::int64_t> scores, bool reverse) {
  std::int64_t highest = 0;
  for (const std::int64_t score : scores) highest = std::max(highest, score);
  for (std::int64_t& score : scores) {
    const std::int64_t scaled = highest == 0 ? 0 : kScoreMax * score / highest;
    score = reverse ? kScoreMax - scaled : scaled;
  }
}

void Diagnosis::clear() {
  node_count = 0;
  refused.clear();
  reason_counts.clear();
  plugins = 0;
  pre_filter_message.clear();
  skipped_by.clear();
  skipped = 0;
}

void Diagnosis::refuse(const NodeInfo& node, Code code, const Reasons& reasons) {
  refused.push_back({&node, code});
  for (const std::string_view reason : reasons.texts()) count(reason, 1);
}

void Diagnosis::count(std::string_view reason, std::size_t nodes) {
  if (nodes == 0) return;
  const auto known =
      std::ranges::find_if(reason_counts, [&](const auto& entry) { return entry.first == reason; });
  if (known != reason_counts.end()) {
    known->second += nodes;
  } else {
    reason_counts.emplace_back(reason, nodes);
  }
}

std::string Diagnosis::message() const {
  if (node_count == 0) return "no nodes available to schedule pods";
  std::string text = "0/" + std::to_string(node_count) + " nodes are available";
  if (!pre_filter_message.empty()) return text + ": " + pre_filter_message + ".";

  std::vector<std::string> parts;
  for (const auto& [reason, count] : reason_counts) {
    parts.push_back(std::to_string(count) + " " + std::string(reason));
  }
  if (skipped > 0) {
    parts.push_back(std::to_string(skipped) + " node(s) didn't satisfy plugin(s) [" + skipped_by +
                    "]");
  }
  std::ranges::sort(parts);
  for (std::size_t i = 0; i < parts.size(); ++i) text += (i == 0 ? ": " : ", ") + parts[i];
  return text + ".";
}

void Profile::add(std::unique_ptr<Plugin> plugin, std::int64_t weight) {
  CHECK(plugins_.size() < kPluginsMax);
  Plugin* const added = plugin.get();
  added->slot_ = static_cast<int>(plugins_.size());
  plugins_.push_back(std::move(plugin));
  add_if(added, queue_sorts_);
  add_if(added, pre_enqueues_);
  add_if(added, pre_filters_);
  if (auto* filter = dynamic_cast<FilterPlugin*>(added)) filters_.push_back({filter, bit(*added)});
  add_if(added, pre_scores_);
  if (auto* scorer = dynamic_cast<ScorePlugin*>(added); scorer && weight > 0) {
    scorers_.push_back({scorer, weight, bit(*added)});
  }
  add_if(added, post_filters_);
  add_if(added, reserves_);
  add_if(added, permits_);
  add_if(added, pre_binds_);
  add_if(added, binds_);
  add_if(added, post_binds_);
}

const QueueSortPlugin& Profile::queue_sort() const {
  CHECK(!queue_sorts_.empty());
  return *queue_sorts_.front();
}

bool Profile::may_enqueue(const Pod& pod) const {
  return std::ranges::all_of(pre_enqueues_, [&](const auto* p) { return p->may_enqueue(pod); });
}

PreFilterResult Profile::run_pre_filter(CycleState& state, const PodInfo& pod,
                                        const NodeList& nodes, Diagnosis& diagnosis) const {
  PreFilterResult all;
  for (const PreFilterPlugin* plugin : pre_filters_) {
    PreFilterResult one = plugin->pre_filter(state, pod, nodes);
    if (one.code == Code::Skip) {
      state.skip_filter |= bit(*plugin);
      continue;
    }
    if (one.code != Code::Success) {
      diagnosis.plugins |= bit(*plugin);
      diagnosis.pre_filter_message = one.message;
      return one;
    }
    if (!one.node_names) continue;
    diagnosis.skipped_by += (diagnosis.skipped_by.empty() ? "" : " ") + std::string(plugin->name());
    diagnosis.plugins |= bit(*plugin);
    if (all.node_names) {
      std::erase_if(*all.node_names, [&](const std::string& name) {
        return std::ranges::find(*one.node_names, name) == one.node_names->end();
      });
    } else {
      all.node_names = std::move(one.node_names);
    }
  }
  return all;
}

void Profile::run_pod_added(CycleState& state, const PodInfo& pod, const PodInfo& added,
                            const NodeInfo& node) const {
  for (const PreFilterPlugin* plugin : pre_filters_) {
    if (!(state.skip_filter & bit(*plugin))) plugin->pod_added(state, pod, added, node);
  }
}

void Profile::run_pod_removed(CycleState& state, const PodInfo& pod, const PodInfo& removed,
                              const NodeInfo& node) const {
  for (const PreFilterPlugin* plugin : pre_filters_) {
    if (!(state.skip_filter & bit(*plugin))) plugin->pod_removed(state, pod, removed, node);
  }
}

Code Profile::run_filter(const CycleState& state, const PodInfo& pod, const NodeInfo& node,
                         Reasons& reasons, int& refused_by) const {
  for (const Filter& filter : filters_) {
    if (state.skip_filter & filter.bit) continue;
    const Code code = filter.plugin->filter(state, pod, node, reasons);
    if (code == Code::Success) continue;
    refused_by = filter.plugin->slot();
    return code;
  }
  return Code::Success;
}

void Profile::run_pre_score(CycleState& state, const PodInfo& pod,
                            std::span<const NodeInfo* const> nodes) const {
  for (const PreScorePlugin* plugin : pre_scores_) {
    if (plugin->pre_score(state, pod, nodes) == Code::Skip) state.skip_score |= bit(*plugin);
  }
}

Result<void> Profile::run_reserve(CycleState& state, const PodInfo& pod,
                                  const std::string& node) const {
  for (ReservePlugin* plugin : reserves_) TRY_OK(plugin->reserve(state, pod, node));
  return {};
}

void Profile::run_unreserve(CycleState& state, const PodInfo& pod, const std::string& node) const {
  for (auto plugin = reserves_.rbegin(); plugin != reserves_.rend(); ++plugin) {
    (*plugin)->unreserve(state, pod, node);
  }
}

Task<Result<void>> Profile::run_bind(const CycleState& state, PodInfoPtr pod,
                                     std::string node) const {
  for (PermitPlugin* plugin : permits_) {
    CO_TRY_OK(co_await plugin->permit(state, pod, node));
  }
  const auto context = [](std::string_view point, const Plugin& plugin) {
    return "running " + std::string(point) + " plugin \"" + std::string(plugin.name()) + "\"";
  };
  for (PreBindPlugin* plugin : pre_binds_) {
    auto done = co_await plugin->pre_bind(state, pod, node);
    if (!done) co_return fail(std::move(done).error().with_context(context("PreBind", *plugin)));
  }
  for (BindPlugin* plugin : binds_) {
    const auto bound = co_await plugin->bind(state, pod, node);
    if (!bound) co_return fail(Status(bound.error()).with_context(context("Bind", *plugin)));
    if (*bound) co_return Result<void>{};
  }
  co_return fail(Status::internal("no plugin binds the pod"));
}

void Profile::run_post_bind(const CycleState& state, const PodInfo& pod,
                            const std::string& node) const {
  for (PostBindPlugin* plugin : post_binds_) plugin->post_bind(state, pod, node);
}

}  // namespace keelson::scheduler
