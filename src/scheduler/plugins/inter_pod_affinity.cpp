// SPDX-License-Identifier: Apache-2.0
// Pods that want to be near others, or far from them, where near is what shares a value of a node
// label. Required terms filter, in both directions for anti-affinity: neither those of the pod
// itself nor those of pods that run already may be violated. Preferred terms score.
#include <algorithm>

#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

// Numbers by label and value. A pod has few different labels in its terms.
class Topologies {
 public:
  explicit Topologies(const Cache& cache) : cache_(&cache) {}

  // The label's place, by which it is asked for from then on.
  std::size_t place_of(const std::string& key) {
    const auto found = std::ranges::find(keys_, key, &Key::name);
    if (found != keys_.end()) return static_cast<std::size_t>(found - keys_.begin());
    keys_.push_back({key, cache_->topology(key), {}});
    return keys_.size() - 1;
  }

  void add(std::size_t place, std::size_t slot, std::int64_t amount) {
    Key& at = keys_[place];
    const int value = at.topology->value_of(slot);
    if (value == Topology::kNone || amount == 0) return;
    const auto index = static_cast<std::size_t>(value);
    if (index >= at.amounts.size()) at.amounts.resize(at.topology->size(), 0);
    std::int64_t& changed = at.amounts[index];
    if (changed == 0) ++values_;
    changed += amount;
    if (changed == 0) --values_;
  }
  bool has_label(std::size_t place, const NodeInfo& node) const {
    return keys_[place].topology->value_of(node) != Topology::kNone;
  }
  std::int64_t at(std::size_t place, const NodeInfo& node) const { return keys_[place].on(node); }
  // Over all labels that the node has.
  std::int64_t sum(const NodeInfo& node) const {
    std::int64_t total = 0;
    for (const Key& key : keys_) total += key.on(node);
    return total;
  }
  bool any_on(const NodeInfo& node) const {
    return std::ranges::any_of(keys_, [&](const Key& key) { return key.on(node) > 0; });
  }
  bool empty() const { return values_ == 0; }

 private:
  struct Key {
    std::string name;
    std::shared_ptr<const Topology> topology;
    std::vector<std::int64_t> amounts;  // By number of the value; what is missing is 0.

    std::int64_t on(const NodeInfo& node) const {
      const auto value = static_cast<std::size_t>(topology->value_of(node));
      return value < amounts.size() ? amounts[value] : 0;  // kNone is beyond all.
    }
  };
  const Cache* cache_;
  std::vector<Key> keys_;
  std::size_t values_ = 0;  // That are not 0.
};

struct AffinityState final : PluginState {
  explicit AffinityState(const Cache& cache)
      : existing_anti(cache), near(cache), far(cache), scores(cache) {}

  Topologies existing_anti;  // Where terms of running pods keep this pod away.
  Topologies near, far;      // Where pods are that its own terms find.
  std::vector<std::size_t> near_places, far_places;  // Of each term's label.
  Topologies scores;
  std::unique_ptr<PluginState> clone() const override {
    return std::make_unique<AffinityState>(*this);
  }
};

class InterPodAffinity final : public PreFilterPlugin,
                               public FilterPlugin,
                               public PreScorePlugin,
                               public ScorePlugin {
 public:
  explicit InterPodAffinity(const Cache& cache) : cache_(cache) {}

  std::string_view name() const override { return "InterPodAffinity"; }

  PreFilterResult pre_filter(CycleState& state, const PodInfo& pod,
                             const NodeList& nodes) const override {
    const bool own_terms = !pod.affinity.empty() || !pod.anti_affinity.empty();
    PreFilterResult skip{.code = Code::Skip, .message = {}, .node_names = {}};
    if (!own_terms && cache_.anti_affinity_terms().empty()) return skip;
    auto own = std::make_unique<AffinityState>(cache_);
    for (const auto& [signature, entry] : cache_.anti_affinity_terms()) {
      if (!cache_.matches(entry.term, pod)) continue;
      const std::size_t place = own->existing_anti.place_of(entry.term.topology_key);
      for (const auto& [slot, count] : entry.holders) own->existing_anti.add(place, slot, count);
    }
    if (!pod.affinity.empty()) {
      // One pod has to match all affinity terms at once.
      const auto counts = cache_.count_pods({.terms = pod.affinity});
      for (const AffinityTerm& term : pod.affinity) {
        own->near_places.push_back(own->near.place_of(term.topology_key));
        add_counts(own->near, own->near_places.back(), *counts, nodes, 1);
      }
    }
    for (const AffinityTerm& term : pod.anti_affinity) {
      own->far_places.push_back(own->far.place_of(term.topology_key));
      add_counts(own->far, own->far_places.back(), *cache_.count_pods({.terms = {term}}), nodes, 1);
    }
    if (!own_terms && own->existing_anti.empty()) return skip;
    state.put(*this, std::move(own));
    return {};
  }

  void pod_added(CycleState& state, const PodInfo& pod, const PodInfo& added,
                 const NodeInfo& node) const override {
    change(state, pod, added, node, 1);
  }
  void pod_removed(CycleState& state, const PodInfo& pod, const PodInfo& removed,
                   const NodeInfo& node) const override {
    change(state, pod, removed, node, -1);
  }

  Code filter(const CycleState& state, const PodInfo& pod, const NodeInfo& node,
              Reasons& reasons) const override {
    const AffinityState& own = *state.find<AffinityState>(*this);
    if (!pod.affinity.empty() && !satisfies_affinity(own, pod, node)) {
      reasons.add("node(s) didn't match pod affinity rules");
      return Code::UnschedulableAndUnresolvable;
    }
    for (const std::size_t place : own.far_places) {
      if (own.far.at(place, node) > 0) {
        reasons.add("node(s) didn't match pod anti-affinity rules");
        return Code::Unschedulable;
      }
    }
    if (own.existing_anti.any_on(node)) {
      reasons.add("node(s) didn't satisfy existing pods anti-affinity rules");
      return Code::Unschedulable;
    }
    return Code::Success;
  }

  Code pre_score(CycleState& state, const PodInfo& pod,
                 std::span<const NodeInfo* const>) const override {
    const bool own_terms = !pod.preferred_affinity.empty() || !pod.preferred_anti_affinity.empty();
    if (!own_terms && cache_.affinity_wishes().empty()) return Code::Skip;
    AffinityState* own = state.find<AffinityState>(*this);
    if (!own) own = &state.put(*this, std::make_unique<AffinityState>(cache_));
    const auto wish = [&](const AffinityTerm& term, std::int64_t weight) {
      add_counts(own->scores, own->scores.place_of(term.topology_key),
                 *cache_.count_pods({.terms = {term}}), cache_.nodes(), weight);
    };
    for (const auto& term : pod.preferred_affinity) wish(term, term.weight);
    for (const auto& term : pod.preferred_anti_affinity) wish(term, -term.weight);
    for (const auto& [signature, entry] : cache_.affinity_wishes()) {
      if (!cache_.matches(entry.term, pod)) continue;
      const std::size_t place = own->scores.place_of(entry.term.topology_key);
      for (const auto& [slot, count] : entry.holders) {
        own->scores.add(place, slot, std::int64_t{count} * entry.term.weight);
      }
    }
    return own->scores.empty() ? Code::Skip : Code::Success;
  }

  std::int64_t score(const CycleState& state, const PodInfo&, const NodeInfo& node) const override {
    return state.find<AffinityState>(*this)->scores.sum(node);
  }

  void normalize(const CycleState&, const PodInfo&, std::span<const NodeInfo* const>,
                 std::span<std::int64_t> scores) const override {
    if (scores.empty()) return;
    const auto [least, most] = std::ranges::minmax(scores);
    for (std::int64_t& score : scores) {
      score = most == least ? 0 : kScoreMax * (score - least) / (most - least);
    }
  }

  std::vector<EventRegistration> events() const override {
    // A pod comes that this one wants near, or one goes that kept it away.
    const auto pod_event = [this](const PodInfo& pod, const ClusterEvent& event) {
      for (const auto& changed : {event.pod_before, event.pod_now}) {
        if (changed && concerns(pod, *changed)) return true;
      }
      return false;
    };
    return {{EventResource::AssignedPod, kAdd | kDelete | kUpdatePodLabel, pod_event},
            {EventResource::TargetPod, kUpdatePodLabel, nullptr},
            {EventResource::Node, kAdd | kUpdateNodeLabel, nullptr}};
  }

 private:
  static void add_counts(Topologies& to, std::size_t place, const PodCounts& counts,
                         const NodeList& nodes, std::int64_t weight) {
    for (const NodeInfo* node : nodes) {
      if (const auto count = counts.on(*node)) to.add(place, node->slot(), count * weight);
    }
  }

  bool concerns(const PodInfo& pod, const PodInfo& other) const {
    const auto any = [&](const std::vector<AffinityTerm>& terms, const PodInfo& of) {
      return std::ranges::any_of(
          terms, [&](const AffinityTerm& term) { return cache_.matches(term, of); });
    };
    return any(pod.affinity, other) || any(pod.anti_affinity, other) ||
           any(other.anti_affinity, pod);
  }

  // Another pod comes to the node (1), or leaves it (-1), for a trial.
  void change(CycleState& state, const PodInfo& pod, const PodInfo& other, const NodeInfo& node,
              std::int64_t by) const {
    AffinityState& own = *state.find<AffinityState>(*this);
    const std::size_t slot = node.slot();
    for (const AffinityTerm& term : other.anti_affinity) {
      if (!cache_.matches(term, pod)) continue;
      own.existing_anti.add(own.existing_anti.place_of(term.topology_key), slot, by);
    }
    if (!pod.affinity.empty() && PodQuestion{.terms = pod.affinity}.matches(other, cache_)) {
      for (const std::size_t place : own.near_places) own.near.add(place, slot, by);
    }
    for (std::size_t i = 0; i < pod.anti_affinity.size(); ++i) {
      if (cache_.matches(pod.anti_affinity[i], other)) own.far.add(own.far_places[i], slot, by);
    }
  }

  bool satisfies_affinity(const AffinityState& own, const PodInfo& pod,
                          const NodeInfo& node) const {
    bool found = true;
    for (const std::size_t place : own.near_places) {
      if (!own.near.has_label(place, node)) return false;
      if (own.near.at(place, node) <= 0) found = false;
    }
    if (found) return true;
    // The first of a group that wants to be together has nobody to join: it may start anywhere.
    return own.near.empty() && std::ranges::all_of(pod.affinity, [&](const AffinityTerm& term) {
             return cache_.matches(term, pod);
           });
  }

  const Cache& cache_;
};

}  // namespace

std::unique_ptr<Plugin> make_inter_pod_affinity(const Cache& cache) {
  return std::make_unique<InterPodAffinity>(cache);
}

}  // namespace keelson::scheduler
