// SPDX-License-Identifier: Apache-2.0
#include "controllers/job/policies.h"

#include <algorithm>
#include <charconv>

#include "controllers/pods.h"

namespace keelson::controllers::job {
namespace {

using core::v1::ContainerStatus;

const ContainerStatus* find_exit(const Pod& pod,
                                 const batch::v1::PodFailurePolicyOnExitCodesRequirement& wanted) {
  for (const auto* statuses : {&pod.status.containerStatuses, &pod.status.initContainerStatuses}) {
    for (const auto& status : *statuses) {
      if (wanted.containerName && status.name != *wanted.containerName) continue;
      // Containers that ended well are no reason for a failure.
      if (!status.state.terminated || status.state.terminated->exitCode == 0) continue;
      const bool listed = std::ranges::find(wanted.values, status.state.terminated->exitCode) !=
                          wanted.values.end();
      if (listed == (wanted.operator_ == batch::v1::PodFailurePolicyOnExitCodesOperator::In))
        return &status;
    }
  }
  return nullptr;
}

const core::v1::PodCondition* find_pattern(
    const Pod& pod, const std::vector<batch::v1::PodFailurePolicyOnPodConditionsPattern>& wanted) {
  for (const auto& condition : pod.status.conditions) {
    for (const auto& pattern : wanted) {
      if (pattern.type == condition.type && pattern.status == condition.status) return &condition;
    }
  }
  return nullptr;
}

int annotated(const Pod& pod, std::string_view annotation) {
  const auto found = pod.metadata.annotations.find(annotation);
  if (found == pod.metadata.annotations.end()) return 0;
  int value = 0;
  std::from_chars(found->second.data(), found->second.data() + found->second.size(), value);
  return std::max(value, 0);
}

}  // namespace

bool is_indexed(const Job& job) {
  return job.spec.completionMode == batch::v1::CompletionMode::Indexed;
}
bool is_suspended(const Job& job) { return job.spec.suspend.value_or(false); }
bool has_limit_per_index(const Job& job) { return job.spec.backoffLimitPerIndex.has_value(); }

bool replaces_only_failed(const Job& job) {
  return job.spec.podReplacementPolicy == batch::v1::PodReplacementPolicy::Failed ||
         job.spec.podFailurePolicy.has_value();
}

bool is_failed(const Pod& pod, const Job& job) {
  if (pod.status.phase == core::v1::PodPhase::Failed) return true;
  if (replaces_only_failed(job)) return false;
  // Counted, since a pod without a kubelet never comes to its last phase.
  return pod.metadata.deletionTimestamp && pod.status.phase != core::v1::PodPhase::Succeeded;
}

FailureMatch match_failure(const Job& job, const Pod& pod) {
  using namespace batch::v1;
  if (!job.spec.podFailurePolicy) return {};
  const auto& rules = job.spec.podFailurePolicy->rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    const std::string place = pod.metadata.namespace_ + "/" + pod.metadata.name;
    const std::string end = " matching " + rule.action + " rule at index " + std::to_string(i);
    std::string message;
    if (rule.onExitCodes) {
      const auto* exit = find_exit(pod, *rule.onExitCodes);
      if (!exit) continue;
      message = "Container " + exit->name + " for pod " + place + " failed with exit code " +
                std::to_string(exit->state.terminated->exitCode) + end;
    } else {
      const auto* condition = find_pattern(pod, rule.onPodConditions);
      if (!condition) continue;
      message = "Pod " + place + " has condition " + condition->type + end;
    }
    if (rule.action == PodFailurePolicyAction::Ignore)
      return {.counts = false, .action = PodFailurePolicyAction::Ignore, .fails_job = {}};
    if (rule.action == PodFailurePolicyAction::FailIndex && has_limit_per_index(job))
      return {.counts = true, .action = PodFailurePolicyAction::FailIndex, .fails_job = {}};
    if (rule.action == PodFailurePolicyAction::Count)
      return {.counts = true, .action = PodFailurePolicyAction::Count, .fails_job = {}};
    if (rule.action == PodFailurePolicyAction::FailJob)
      return {.counts = true,
              .action = PodFailurePolicyAction::FailJob,
              .fails_job = std::move(message)};
  }
  return {};
}

std::optional<std::string> match_success(const Job& job, const IndexSet& succeeded) {
  if (!job.spec.successPolicy || succeeded.empty()) return std::nullopt;
  const auto& rules = job.spec.successPolicy->rules;
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    int reached = succeeded.size();
    int needed = rule.succeededCount.value_or(0);
    if (rule.succeededIndexes) {
      const auto wanted = IndexSet::parse(*rule.succeededIndexes, job.spec.completions.value_or(0));
      reached = wanted.overlap(succeeded);
      if (!rule.succeededCount) needed = wanted.size();
    } else if (!rule.succeededCount) {
      continue;
    }
    if (reached >= needed) return "Matched rules at index " + std::to_string(i);
  }
  return std::nullopt;
}

IndexFailures failures_before(const Pod& pod) {
  return {annotated(pod, batch::v1::JobIndexFailureCountAnnotation),
          annotated(pod, batch::v1::JobIndexIgnoredFailureCountAnnotation)};
}

IndexFailures failures_with(const Job& job, const Pod& pod) {
  IndexFailures failures = failures_before(pod);
  ++(match_failure(job, pod).counts ? failures.counted : failures.ignored);
  return failures;
}

bool fails_index(const Job& job, const Pod& pod) {
  if (match_failure(job, pod).action == batch::v1::PodFailurePolicyAction::FailIndex) return true;
  return failures_with(job, pod).counted > job.spec.backoffLimitPerIndex.value_or(0);
}

Wall finish_time(const Pod& pod) {
  api::Time latest;
  for (const auto& status : pod.status.containerStatuses) {
    // A container without an end: the pod's own times tell more.
    if (!status.state.terminated || !status.state.terminated->finishedAt) {
      latest = {};
      break;
    }
    latest = std::max(latest, status.state.terminated->finishedAt);
  }
  if (latest) return latest.point();
  const auto* ready = find_condition(pod, "Ready");
  if (ready && ready->status == "False" && ready->lastTransitionTime)
    return ready->lastTransitionTime.point();
  if (pod.metadata.deletionTimestamp)
    return pod.metadata.deletionTimestamp->point() -
           std::chrono::seconds(pod.metadata.deletionGracePeriodSeconds.value_or(0));
  return pod.metadata.creationTimestamp.point();
}

FailureStreak FailureStreak::with(const std::vector<PodPtr>& succeeded,
                                  const std::vector<PodPtr>& failed) const {
  FailureStreak next = *this;
  Wall success{};
  for (const auto& pod : succeeded) success = std::max(success, finish_time(*pod));
  if (!succeeded.empty() && success >= next.last) next = {};
  for (const auto& pod : failed) {
    const Wall end = finish_time(*pod);
    if (!succeeded.empty() && end <= success) continue;
    ++next.failures;
    next.last = std::max(next.last, end);
  }
  return next;
}

Duration backoff_left(int failures, Wall last, Wall now) {
  if (failures == 0) return Duration::zero();
  Duration wait = kBackoffMin;
  for (int i = 1; i < failures && wait < kBackoffMax; ++i) wait *= 2;
  wait = std::min<Duration>(wait, kBackoffMax);
  return std::max<Duration>(last + wait - now, Duration::zero());
}

}  // namespace keelson::controllers::job
