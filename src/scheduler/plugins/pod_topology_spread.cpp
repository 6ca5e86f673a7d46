// SPDX-License-Identifier: Apache-2.0
// Spreads pods that belong together over the values of a node label. With DoNotSchedule, no value
// may have more of them than the least used one has, plus maxSkew; with ScheduleAnyway, fewer is
// better. Source: Kubernetes documentation, "Pod Topology Spread Constraints".
#include <algorithm>
#include <cmath>
#include <limits>

#include "podspec/placement.h"
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

struct Constraint {
  std::int32_t max_skew, min_domains;
  std::string key;
  api::LabelSelector selector;
  bool honor_affinity, honor_taints;
  bool counts_self;  // The selector finds the pod itself.
  std::shared_ptr<const Topology> topology;
  std::shared_ptr<const PodCounts> pods;  // That belong together.
};

// Without topology and pods.
std::vector<Constraint> constraints_of(const Pod& pod, std::string_view when_unsatisfiable) {
  std::vector<Constraint> constraints;
  for (const auto& spread : pod.spec.topologySpreadConstraints) {
    if (spread.whenUnsatisfiable != when_unsatisfiable) continue;
    auto selector = api::LabelSelector::from(spread.labelSelector.get());
    if (!selector) selector = api::LabelSelector::nothing();
    if (!spread.matchLabelKeys.empty() && !selector->selects_nothing()) {
      auto requirements = selector->requirements();
      for (const auto& key : spread.matchLabelKeys) {
        const auto label = pod.metadata.labels.find(key);
        if (label == pod.metadata.labels.end()) continue;
        requirements.push_back(api::LabelRequirement::equals(key, label->second));
      }
      selector = api::LabelSelector::from(std::move(requirements));
    }
    Constraint constraint{.max_skew = spread.maxSkew,
                          .min_domains = spread.minDomains.value_or(1),
                          .key = spread.topologyKey,
                          .selector = *std::move(selector),
                          .honor_affinity = spread.nodeAffinityPolicy.value_or("Honor") == "Honor",
                          .honor_taints = spread.nodeTaintsPolicy.value_or("Ignore") == "Honor",
                          .counts_self = false,
                          .topology = {},
                          .pods = {}};
    constraint.counts_self = constraint.selector.matches(pod.metadata.labels);
    constraints.push_back(std::move(constraint));
  }
  return constraints;
}

bool has_all_keys(const NodeInfo& node, const std::vector<Constraint>& constraints) {
  return std::ranges::all_of(constraints, [&](const Constraint& c) {
    return c.topology->value_of(node) != Topology::kNone;
  });
}

// Whether pods on the node count at all.
bool takes_part(const NodeInfo& node, const Pod& pod, const Constraint& constraint) {
  if (constraint.honor_affinity && (pod.spec.affinity || !pod.spec.nodeSelector.empty()) &&
      !podspec::selects_node(pod.spec, node.labels(), node.name())) {
    return false;
  }
  return !constraint.honor_taints ||
         !podspec::find_untolerated_taint(node.node().spec.taints, pod.spec.tolerations,
                                          podspec::TaintScope::Scheduling);
}

// By number of the label's value; kAbsent: no node with it takes part.
using Counts = std::vector<std::int64_t>;
constexpr std::int64_t kAbsent = -1;

bool belongs(const PodInfo& other, const Pod& pod, const api::LabelSelector& selector) {
  return other.key.namespace_ == pod.metadata.namespace_ &&
         !other.pod->metadata.deletionTimestamp && selector.matches(other.pod->metadata.labels);
}

struct FilterState final : PluginState {
  struct Spread {
    Constraint constraint;
    Counts counts;
    std::int64_t least = 0;

    // After a change of counts. With too few values, an empty one is thought of.
    void find_least() {
      std::int64_t values = 0;
      least = std::numeric_limits<std::int64_t>::max();
      for (const std::int64_t count : counts) {
        if (count == kAbsent) continue;
        ++values;
        least = std::min(least, count);
      }
      if (values == 0 || values < constraint.min_domains) least = 0;
    }
  };
  std::vector<Spread> spreads;

  void change(const Pod& pod, const PodInfo& other, const NodeInfo& node, std::int64_t by) {
    for (Spread& spread : spreads) {
      if (!belongs(other, pod, spread.constraint.selector)) continue;
      if (!takes_part(node, pod, spread.constraint)) continue;
      const int value = spread.constraint.topology->value_of(node);
      if (value == Topology::kNone) continue;
      std::int64_t& count = spread.counts[static_cast<std::size_t>(value)];
      if (count == kAbsent) continue;
      count += by;
      spread.find_least();
    }
  }
  std::unique_ptr<PluginState> clone() const override {
    return std::make_unique<FilterState>(*this);
  }
};

struct ScoreState final : PluginState {
  struct Spread {
    Constraint constraint;
    Counts counts;
    double weight;
  };
  std::vector<Spread> spreads;
  std::unique_ptr<PluginState> clone() const override {
    return std::make_unique<ScoreState>(*this);
  }
};

// Both kinds of state of one pod live in one slot.
struct SpreadState final : PluginState {
  FilterState filter;
  ScoreState score;
  std::unique_ptr<PluginState> clone() const override {
    return std::make_unique<SpreadState>(*this);
  }
};

class PodTopologySpread final : public PreFilterPlugin,
                                public FilterPlugin,
                                public PreScorePlugin,
                                public ScorePlugin {
 public:
  explicit PodTopologySpread(const Cache& cache) : cache_(cache) {}

  std::string_view name() const override { return "PodTopologySpread"; }

  PreFilterResult pre_filter(CycleState& state, const PodInfo& pod,
                             const NodeList& nodes) const override {
    auto constraints = ask(pod, "DoNotSchedule");
    if (constraints.empty()) return {.code = Code::Skip, .message = {}, .node_names = {}};
    SpreadState& own = state.put(*this, std::make_unique<SpreadState>());
    const std::vector<Constraint> all = constraints;
    for (auto& constraint : constraints) {
      Counts counts(constraint.topology->size(), kAbsent);
      own.filter.spreads.push_back({std::move(constraint), std::move(counts), 0});
    }
    for (const NodeInfo* node : nodes) {
      // A node outside one of the topologies takes no part in any.
      if (!has_all_keys(*node, all)) continue;
      for (auto& spread : own.filter.spreads)
        add_node(spread.counts, spread.constraint, *node, *pod.pod);
    }
    for (auto& spread : own.filter.spreads) spread.find_least();
    return {};
  }

  void pod_added(CycleState& state, const PodInfo& pod, const PodInfo& added,
                 const NodeInfo& node) const override {
    state.find<SpreadState>(*this)->filter.change(*pod.pod, added, node, 1);
  }
  void pod_removed(CycleState& state, const PodInfo& pod, const PodInfo& removed,
                   const NodeInfo& node) const override {
    state.find<SpreadState>(*this)->filter.change(*pod.pod, removed, node, -1);
  }

  Code filter(const CycleState& state, const PodInfo&, const NodeInfo& node,
              Reasons& reasons) const override {
    for (const auto& spread : state.find<SpreadState>(*this)->filter.spreads) {
      const int value = spread.constraint.topology->value_of(node);
      if (value == Topology::kNone) {
        reasons.add(
            "node(s) didn't match pod topology spread constraints (missing required label)");
        return Code::UnschedulableAndUnresolvable;
      }
      const std::int64_t here =
          std::max<std::int64_t>(0, spread.counts[static_cast<std::size_t>(value)]);
      const std::int64_t skew = here + (spread.constraint.counts_self ? 1 : 0) - spread.least;
      if (skew > spread.constraint.max_skew) {
        reasons.add("node(s) didn't match pod topology spread constraints");
        return Code::Unschedulable;
      }
    }
    return Code::Success;
  }

  Code pre_score(CycleState& state, const PodInfo& pod,
                 std::span<const NodeInfo* const> nodes) const override {
    auto constraints = ask(pod, "ScheduleAnyway");
    if (constraints.empty()) return Code::Skip;
    SpreadState* own = state.find<SpreadState>(*this);
    if (!own) own = &state.put(*this, std::make_unique<SpreadState>());
    own->score.spreads.clear();
    const std::vector<Constraint> all = constraints;
    for (auto& constraint : constraints) {
      ScoreState::Spread spread{std::move(constraint), {}, 0};
      const Topology& topology = *spread.constraint.topology;
      spread.counts.assign(topology.size(), kAbsent);
      std::size_t values = 0;
      for (const NodeInfo* node : nodes) {
        if (!has_all_keys(*node, all)) continue;
        std::int64_t& count = spread.counts[static_cast<std::size_t>(topology.value_of(*node))];
        if (count != kAbsent) continue;
        count = 0;
        ++values;
      }
      // Pods count on all nodes with such a value, also on those that cannot run this one.
      for (const NodeInfo* node : cache_.nodes()) {
        if (spread.constraint.pods->on(*node) == 0 || !has_all_keys(*node, all)) continue;
        if (spread.counts[static_cast<std::size_t>(topology.value_of(*node))] == kAbsent) continue;
        add_node(spread.counts, spread.constraint, *node, *pod.pod);
      }
      // The more values there are, the more a pod on one of them matters.
      spread.weight = std::log(static_cast<double>(values) + 2);
      own->score.spreads.push_back(std::move(spread));
    }
    return Code::Success;
  }

  // The number of pods that are there already: fewer is better, normalize() turns it round.
  std::int64_t score(const CycleState& state, const PodInfo&, const NodeInfo& node) const override {
    double sum = 0;
    for (const auto& spread : state.find<SpreadState>(*this)->score.spreads) {
      const int value = spread.constraint.topology->value_of(node);
      if (value == Topology::kNone) return kOutside;
      const std::int64_t count = spread.counts[static_cast<std::size_t>(value)];
      if (count == kAbsent) return kOutside;
      sum += static_cast<double>(count) * spread.weight +
             static_cast<double>(spread.constraint.max_skew - 1);
    }
    return static_cast<std::int64_t>(std::llround(sum));
  }

  void normalize(const CycleState&, const PodInfo&, std::span<const NodeInfo* const>,
                 std::span<std::int64_t> scores) const override {
    std::int64_t least = std::numeric_limits<std::int64_t>::max(), most = 0;
    for (const std::int64_t score : scores) {
      if (score == kOutside) continue;
      least = std::min(least, score);
      most = std::max(most, score);
    }
    for (std::int64_t& score : scores) {
      if (score == kOutside) {
        score = 0;
      } else {
        score = most == 0 ? kScoreMax : kScoreMax * (most + least - score) / most;
      }
    }
  }

  std::vector<EventRegistration> events() const override {
    const auto concerns = [](const PodInfo& pod, const ClusterEvent& event) {
      for (const auto& changed : {event.pod_before, event.pod_now}) {
        if (!changed || changed->key.namespace_ != pod.key.namespace_) continue;
        for (const auto& constraint : constraints_of(*pod.pod, "DoNotSchedule")) {
          if (constraint.selector.matches(changed->pod->metadata.labels)) return true;
        }
      }
      return false;
    };
    return {{EventResource::AssignedPod, kAdd | kDelete | kUpdatePodLabel, concerns},
            {EventResource::TargetPod, kUpdatePodLabel, nullptr},
            {EventResource::Node, kAdd | kDelete | kUpdateNodeLabel | kUpdateNodeTaint, nullptr}};
  }

 private:
  static constexpr std::int64_t kOutside = -1;

  std::vector<Constraint> ask(const PodInfo& pod, std::string_view when_unsatisfiable) const {
    auto constraints = constraints_of(*pod.pod, when_unsatisfiable);
    for (Constraint& constraint : constraints) {
      constraint.topology = cache_.topology(constraint.key);
      constraint.pods = cache_.count_pods(
          {.terms = {make_term(pod.key.namespace_, constraint.selector)}, .live_only = true});
    }
    return constraints;
  }

  static void add_node(Counts& counts, const Constraint& constraint, const NodeInfo& node,
                       const Pod& pod) {
    if (!takes_part(node, pod, constraint)) return;
    std::int64_t& count = counts[static_cast<std::size_t>(constraint.topology->value_of(node))];
    count = std::max<std::int64_t>(0, count) + constraint.pods->on(node);
  }

  const Cache& cache_;
};

}  // namespace

std::unique_ptr<Plugin> make_pod_topology_spread(const Cache& cache) {
  return std::make_unique<PodTopologySpread>(cache);
}

}  // namespace keelson::scheduler
