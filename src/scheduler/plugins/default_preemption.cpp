// SPDX-License-Identifier: Apache-2.0
// Makes room for an important pod: finds a node where it fits once less important pods are gone,
// such that the least harm is done.
#include <algorithm>
#include <limits>
#include <tuple>

#include "api/policy/v1.h"
#include "scheduler/algorithm.h"
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

// Upstream: minCandidateNodesPercentage, minCandidateNodesAbsolute.
constexpr std::size_t kCandidatesPercentage = 10;
constexpr std::size_t kCandidatesMin = 100;

struct Candidate {
  const NodeInfo* node;
  std::vector<PodInfoPtr> victims;  // The most important first.
  int violations = 0;               // Of disruption budgets.
};

// Upstream's MoreImportantPod: by priority, then who has run longer.
bool more_important(const PodInfoPtr& a, const PodInfoPtr& b) {
  if (a->priority != b->priority) return a->priority > b->priority;
  return a->started < b->started;
}

// Splits off, at the end, the pods whose eviction a disruption budget does not allow any more.
class Budgets {
 public:
  explicit Budgets(const std::vector<DisruptionBudgetPtr>& budgets) {
    for (const auto& budget : budgets) {
      auto selector = api::LabelSelector::from(budget->spec.selector.get());
      if (!selector || selector->selects_nothing()) continue;
      entries_.push_back({budget, *std::move(selector), budget->status.disruptionsAllowed});
    }
  }

  // Takes one disruption; true if none was left.
  bool violates(const PodInfo& pod) {
    bool violated = false;
    for (Entry& entry : entries_) {
      if (entry.budget->metadata.namespace_ != pod.key.namespace_) continue;
      if (!entry.selector.matches(pod.pod->metadata.labels)) continue;
      // Already being disrupted, and so counted by the controller.
      if (entry.budget->status.disruptedPods.contains(pod.key.name)) continue;
      if (--entry.allowed < 0) violated = true;
    }
    return violated;
  }

 private:
  struct Entry {
    DisruptionBudgetPtr budget;
    api::LabelSelector selector;
    std::int32_t allowed;
  };
  std::vector<Entry> entries_;
};

// What is compared to find the candidate that does the least harm; less is better.
auto harm(const Candidate& candidate) {
  std::int64_t priorities = 0;
  api::Time latest_start;  // Of the most important victims, the earliest of them.
  for (const auto& victim : candidate.victims) {
    // Shifted to be positive, so that each further victim makes it worse.
    priorities += std::int64_t{victim->priority} + std::numeric_limits<std::int32_t>::max() + 1;
    if (victim->priority != candidate.victims.front()->priority) continue;
    if (!latest_start || victim->started < latest_start) latest_start = victim->started;
  }
  const std::int64_t started = latest_start ? latest_start.point().time_since_epoch().count() : 0;
  return std::tuple(candidate.violations, candidate.victims.front()->priority, priorities,
                    candidate.victims.size(), -started);
}

class DefaultPreemption final : public PostFilterPlugin {
 public:
  explicit DefaultPreemption(PreemptionView view) : view_(std::move(view)) {}

  std::string_view name() const override { return "DefaultPreemption"; }

  Answer post_filter(const CycleState& state, const PodInfo& pod,
                     const Diagnosis& diagnosis) override {
    Answer answer;
    if (const std::string_view why = why_not_eligible(pod, diagnosis); !why.empty()) {
      answer.message = "preemption: " + std::string(why);
      return answer;
    }
    std::vector<const NodeInfo*> potential;
    Diagnosis outcome;
    outcome.node_count = diagnosis.node_count;
    Reasons not_helpful;
    not_helpful.add("Preemption is not helpful for scheduling");
    for (const auto& verdict : diagnosis.refused) {
      if (verdict.code == Code::Unschedulable) {
        potential.push_back(verdict.node);
      } else {
        outcome.refuse(*verdict.node, verdict.code, not_helpful);
      }
    }
    // Nodes that PreFilter left out cannot be right either.
    outcome.count(not_helpful.texts().front(), diagnosis.skipped);

    const std::vector<Candidate> candidates = find_candidates(state, pod, potential, outcome);
    if (candidates.empty()) {
      answer.message = "preemption: " + outcome.message();
      return answer;
    }
    const Candidate& best = *std::ranges::min_element(
        candidates, [](const Candidate& a, const Candidate& b) { return harm(a) < harm(b); });
    answer.code = Code::Success;
    answer.nominated_node = best.node->name();
    answer.victims = best.victims;
    return answer;
  }

 private:
  std::string_view why_not_eligible(const PodInfo& pod, const Diagnosis& diagnosis) const {
    if (pod.pod->spec.preemptionPolicy == "Never") {
      return "not eligible due to preemptionPolicy=Never.";
    }
    const auto nominated = view_.nominator->node_of(pod.uid());
    const NodeInfo* node = nominated.empty() ? nullptr : view_.cache->find_node(nominated);
    if (!node) return {};
    for (const auto& verdict : diagnosis.refused) {
      // Its node cannot be right any more: look for another.
      if (verdict.node == node && verdict.code == Code::UnschedulableAndUnresolvable) return {};
    }
    for (const auto& other : node->pods()) {
      if (other->priority < pod.priority && other->pod->metadata.deletionTimestamp) {
        return "not eligible due to a terminating pod on the nominated node.";
      }
    }
    return {};
  }

  std::vector<Candidate> find_candidates(const CycleState& state, const PodInfo& pod,
                                         const std::vector<const NodeInfo*>& potential,
                                         Diagnosis& outcome) const {
    std::vector<Candidate> candidates;
    if (potential.empty()) return candidates;
    const std::size_t wanted =
        std::max(kCandidatesMin, view_.cache->node_count() * kCandidatesPercentage / 100);
    const std::vector<DisruptionBudgetPtr> budgets =
        view_.budgets ? view_.budgets() : std::vector<DisruptionBudgetPtr>();
    const std::size_t offset = view_.random->below(potential.size());
    for (std::size_t i = 0; i < potential.size() && candidates.size() < wanted; ++i) {
      const NodeInfo& node = *potential[(offset + i) % potential.size()];
      if (auto candidate = try_node(state, pod, node, budgets, outcome)) {
        candidates.push_back(*std::move(candidate));
      }
    }
    return candidates;
  }

  // The fewest and least important pods that have to leave the node; nothing if that does not help.
  std::optional<Candidate> try_node(const CycleState& state, const PodInfo& pod,
                                    const NodeInfo& node,
                                    const std::vector<DisruptionBudgetPtr>& budgets,
                                    Diagnosis& outcome) const {
    std::vector<PodInfoPtr> lower;
    for (const auto& other : node.pods()) {
      if (other->priority < pod.priority) lower.push_back(other);
    }
    Reasons reasons;
    if (lower.empty()) {
      reasons.add("No preemption victims found for incoming pod");
      outcome.refuse(node, Code::UnschedulableAndUnresolvable, reasons);
      return std::nullopt;
    }
    NodeInfo trial = node;
    CycleState trial_state = state.clone();
    for (const auto& other : lower) {
      trial.remove_pod(*other);
      view_.profile->run_pod_removed(trial_state, pod, *other, trial);
    }
    int refused_by = 0;
    const Code code = filter_with_nominated(*view_.profile, *view_.nominator, trial_state, pod,
                                            trial, reasons, refused_by);
    if (code != Code::Success) {
      outcome.refuse(node, code, reasons);
      return std::nullopt;
    }

    // Gives back as many as possible: first those that a budget protects, then the important ones.
    std::ranges::sort(lower, more_important);
    Budgets left(budgets);
    std::vector<PodInfoPtr> protected_ones, others;
    for (const auto& other : lower) {
      (left.violates(*other) ? protected_ones : others).push_back(other);
    }
    Candidate candidate{&node, {}, 0};
    const auto give_back = [&](const PodInfoPtr& other) {
      trial.add_pod(other);
      view_.profile->run_pod_added(trial_state, pod, *other, trial);
      if (filter_with_nominated(*view_.profile, *view_.nominator, trial_state, pod, trial, reasons,
                                refused_by) == Code::Success) {
        return true;
      }
      trial.remove_pod(*other);
      view_.profile->run_pod_removed(trial_state, pod, *other, trial);
      candidate.victims.push_back(other);
      return false;
    };
    for (const auto& other : protected_ones) {
      if (!give_back(other)) ++candidate.violations;
    }
    for (const auto& other : others) give_back(other);
    if (candidate.victims.empty()) return std::nullopt;  // Something has changed meanwhile.
    std::ranges::sort(candidate.victims, more_important);
    return candidate;
  }

  const PreemptionView view_;
};

}  // namespace

std::unique_ptr<Plugin> make_default_preemption(PreemptionView view) {
  return std::make_unique<DefaultPreemption>(std::move(view));
}

}  // namespace keelson::scheduler
