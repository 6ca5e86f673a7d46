// SPDX-License-Identifier: Apache-2.0
// Pods that want to be near others, or far from them, where near is what shares a value of a node
// label. Required terms filter, in both directions for anti-affinity: neither those of the pod
// itself nor those of pods that run already may be violated. Preferred terms score.
#include <algorithm>
#include <limits>
#include <unordered_map>

#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

// Upstream: hardPodAffinityWeight, what a required term of a running pod adds to the score.
constexpr std::int32_t kRequiredWeight = 1;

const std::string* find_label(const NodeInfo& node, std::string_view key) {
  const auto found = node.labels().find(key);
  return found == node.labels().end() ? nullptr : &found->second;
}

// Numbers by label and value. A pod has few different labels in its terms.
class Topologies {
 public:
  void add(const std::string& key, const NodeInfo& node, std::int64_t amount) {
    const std::string* value = find_label(node, key);
    if (!value || amount == 0) return;
    auto at = std::ranges::find(keys_, key, &Key::name);
    if (at == keys_.end()) at = keys_.insert(keys_.end(), {key, {}});
    if ((at->amounts[*value] += amount) == 0) at->amounts.erase(*value);
  }
  std::int64_t at(std::string_view key, const NodeInfo& node) const {
    const auto found = std::ranges::find(keys_, key, &Key::name);
    if (found == keys_.end()) return 0;
    const std::string* value = find_label(node, key);
    if (!value) return 0;
    const auto amount = found->amounts.find(*value);
    return amount == found->amounts.end() ? 0 : amount->second;
  }
  // Over all labels that the node has.
  std::int64_t sum(const NodeInfo& node) const {
    std::int64_t total = 0;
    for (const Key& key : keys_) total += at(key.name, node);
    return total;
  }
  bool any_on(const NodeInfo& node) const {
    return std::ranges::any_of(keys_, [&](const Key& key) { return at(key.name, node) > 0; });
  }
  bool empty() const {
    return std::ranges::all_of(keys_, [](const Key& key) { return key.amounts.empty(); });
  }

 private:
  struct Key {
    std::string name;
    std::unordered_map<std::string, std::int64_t> amounts;
  };
  std::vector<Key> keys_;
};

struct AffinityState final : PluginState {
  Topologies existing_anti;  // Where terms of running pods keep this pod away.
  Topologies near, far;      // Where pods are that its own terms find.
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
    const PreFilterResult skip{.code = Code::Skip, .message = {}, .node_names = {}};
    if (!own_terms && cache_.pods_with_anti_affinity() == 0) return skip;
    auto own = std::make_unique<AffinityState>();
    for (const NodeInfo* node : nodes) {
      for (const auto& other : node->pods_with_anti_affinity()) {
        count_existing(*own, pod, *other, *node, 1);
      }
      if (!own_terms) continue;
      for (const auto& other : node->pods()) count_own(*own, pod, *other, *node, 1);
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
    for (const AffinityTerm& term : pod.anti_affinity) {
      if (own.far.at(term.topology_key, node) > 0) {
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
    if (!own_terms && cache_.pods_with_affinity() == 0) return Code::Skip;
    AffinityState* own = state.find<AffinityState>(*this);
    if (!own) own = &state.put(*this, std::make_unique<AffinityState>());
    own->scores = {};
    const auto* labels = cache_.namespace_labels(pod.key.namespace_);
    for (const NodeInfo* node : cache_.nodes()) {
      // Without preferences of its own, only those of others can matter.
      for (const auto& other : own_terms ? node->pods() : node->pods_with_affinity()) {
        score_pod(own->scores, pod, *other, *node, labels);
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
  const Labels* labels_of(const PodInfo& pod) const {
    return cache_.namespace_labels(pod.key.namespace_);
  }

  bool matches(const AffinityTerm& term, const PodInfo& other) const {
    // Looking the namespace up is only worth it if the term asks.
    const Labels* labels = term.namespace_selector.selects_nothing() ? nullptr : labels_of(other);
    return term.matches(*other.pod, labels);
  }

  bool concerns(const PodInfo& pod, const PodInfo& other) const {
    const auto any = [&](const std::vector<AffinityTerm>& terms, const PodInfo& of) {
      return std::ranges::any_of(terms,
                                 [&](const AffinityTerm& term) { return matches(term, of); });
    };
    return any(pod.affinity, other) || any(pod.anti_affinity, other) ||
           any(other.anti_affinity, pod);
  }

  void count_existing(AffinityState& own, const PodInfo& pod, const PodInfo& other,
                      const NodeInfo& node, std::int64_t by) const {
    for (const AffinityTerm& term : other.anti_affinity) {
      if (matches(term, pod)) own.existing_anti.add(term.topology_key, node, by);
    }
  }

  void count_own(AffinityState& own, const PodInfo& pod, const PodInfo& other, const NodeInfo& node,
                 std::int64_t by) const {
    // One pod has to match all affinity terms at once.
    const bool all =
        !pod.affinity.empty() && std::ranges::all_of(pod.affinity, [&](const AffinityTerm& term) {
          return matches(term, other);
        });
    if (all) {
      for (const AffinityTerm& term : pod.affinity) own.near.add(term.topology_key, node, by);
    }
    for (const AffinityTerm& term : pod.anti_affinity) {
      if (matches(term, other)) own.far.add(term.topology_key, node, by);
    }
  }

  void change(CycleState& state, const PodInfo& pod, const PodInfo& other, const NodeInfo& node,
              std::int64_t by) const {
    AffinityState& own = *state.find<AffinityState>(*this);
    count_existing(own, pod, other, node, by);
    count_own(own, pod, other, node, by);
  }

  bool satisfies_affinity(const AffinityState& own, const PodInfo& pod,
                          const NodeInfo& node) const {
    bool found = true;
    for (const AffinityTerm& term : pod.affinity) {
      if (!find_label(node, term.topology_key)) return false;
      if (own.near.at(term.topology_key, node) <= 0) found = false;
    }
    if (found) return true;
    // The first of a group that wants to be together has nobody to join: it may start anywhere.
    return own.near.empty() && std::ranges::all_of(pod.affinity, [&](const AffinityTerm& term) {
             return matches(term, pod);
           });
  }

  void score_pod(Topologies& scores, const PodInfo& pod, const PodInfo& other, const NodeInfo& node,
                 const Labels* pod_namespace) const {
    for (const AffinityTerm& term : pod.preferred_affinity) {
      if (matches(term, other)) scores.add(term.topology_key, node, term.weight);
    }
    for (const AffinityTerm& term : pod.preferred_anti_affinity) {
      if (matches(term, other)) scores.add(term.topology_key, node, -term.weight);
    }
    for (const AffinityTerm& term : other.affinity) {
      if (term.matches(*pod.pod, pod_namespace)) {
        scores.add(term.topology_key, node, kRequiredWeight);
      }
    }
    for (const AffinityTerm& term : other.preferred_affinity) {
      if (term.matches(*pod.pod, pod_namespace)) scores.add(term.topology_key, node, term.weight);
    }
    for (const AffinityTerm& term : other.preferred_anti_affinity) {
      if (term.matches(*pod.pod, pod_namespace)) scores.add(term.topology_key, node, -term.weight);
    }
  }

  const Cache& cache_;
};

}  // namespace

std::unique_ptr<Plugin> make_inter_pod_affinity(const Cache& cache) {
  return std::make_unique<InterPodAffinity>(cache);
}

}  // namespace keelson::scheduler
