// SPDX-License-Identifier: Apache-2.0
// spec.nodeSelector and node affinity: required terms filter, preferred ones score by their
// weights.
#include <algorithm>
#include <set>

#include "podspec/placement.h"
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

const core::v1::NodeAffinity* node_affinity(const Pod& pod) {
  return pod.spec.affinity ? pod.spec.affinity->nodeAffinity.get() : nullptr;
}

bool selects(const Pod& pod, const Node& node) {
  return podspec::selects_node(pod.spec, node.metadata.labels, node.metadata.name);
}

// The names that a term admits; nothing if it does not go by name.
std::optional<std::set<std::string>> names_of(const core::v1::NodeSelectorTerm& term) {
  std::optional<std::set<std::string>> names;
  for (const auto& field : term.matchFields) {
    if (field.key != "metadata.name" || field.operator_ != core::v1::NodeSelectorOperator::In) {
      continue;
    }
    std::set<std::string> listed(field.values.begin(), field.values.end());
    if (names) std::erase_if(listed, [&](const auto& name) { return !names->contains(name); });
    names = std::move(listed);
  }
  return names;
}

class NodeAffinity final : public PreFilterPlugin,
                           public FilterPlugin,
                           public PreScorePlugin,
                           public ScorePlugin {
 public:
  std::string_view name() const override { return "NodeAffinity"; }

  // Daemon pods name their node by a field: only that one has to be looked at.
  PreFilterResult pre_filter(CycleState&, const PodInfo& pod, const NodeList&) const override {
    PreFilterResult result;
    const auto* affinity = node_affinity(*pod.pod);
    const auto* required =
        affinity ? affinity->requiredDuringSchedulingIgnoredDuringExecution.get() : nullptr;
    if (!required && pod.pod->spec.nodeSelector.empty()) {
      result.code = Code::Skip;
      return result;
    }
    if (!required || required->nodeSelectorTerms.empty()) return result;
    std::set<std::string> names;
    for (const auto& term : required->nodeSelectorTerms) {
      auto admitted = names_of(term);
      if (!admitted) return result;  // Terms are alternatives: any node may match this one.
      names.merge(*admitted);
    }
    if (names.empty()) {
      result.code = Code::UnschedulableAndUnresolvable;
      result.message = "pod affinity terms conflict";
      return result;
    }
    result.node_names.emplace(names.begin(), names.end());
    return result;
  }

  Code filter(const CycleState&, const PodInfo& pod, const NodeInfo& node,
              Reasons& reasons) const override {
    if (selects(*pod.pod, node.node())) return Code::Success;
    reasons.add("node(s) didn't match Pod's node affinity/selector");
    return Code::UnschedulableAndUnresolvable;
  }

  Code pre_score(CycleState&, const PodInfo& pod, std::span<const NodeInfo* const>) const override {
    const auto* affinity = node_affinity(*pod.pod);
    return affinity && !affinity->preferredDuringSchedulingIgnoredDuringExecution.empty()
               ? Code::Success
               : Code::Skip;
  }
  std::int64_t score(const CycleState&, const PodInfo& pod, const NodeInfo& node) const override {
    std::int64_t sum = 0;
    for (const auto& term :
         node_affinity(*pod.pod)->preferredDuringSchedulingIgnoredDuringExecution) {
      if (podspec::matches(term.preference, node.labels(), node.name())) sum += term.weight;
    }
    return sum;
  }
  void normalize(const CycleState&, const PodInfo&, std::span<const NodeInfo* const>,
                 std::span<std::int64_t> scores) const override {
    normalize_by_highest(scores, false);
  }

  std::vector<EventRegistration> events() const override {
    return {{EventResource::Node, kAdd | kUpdateNodeLabel,
             [](const PodInfo& pod, const ClusterEvent& event) {
               return event.node_now && selects(*pod.pod, *event.node_now) &&
                      !(event.node_before && selects(*pod.pod, *event.node_before));
             }}};
  }
};

}  // namespace

std::unique_ptr<Plugin> make_node_affinity() { return std::make_unique<NodeAffinity>(); }

}  // namespace keelson::scheduler
