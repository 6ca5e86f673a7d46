// SPDX-License-Identifier: Apache-2.0
#include "controllers/job/plan.h"

#include <algorithm>

#include "controllers/pods.h"
#include "controllers/replicas.h"

namespace keelson::controllers::job {
namespace {

using namespace batch::v1;
constexpr std::string_view kTrue = "True";

JobCondition condition(std::string_view type, std::string_view reason, std::string message,
                       Wall now) {
  return {.type = std::string(type),
          .status = std::string(kTrue),
          .lastProbeTime = api::Time(now),
          .lastTransitionTime = api::Time(now),
          .reason = std::string(reason),
          .message = std::move(message)};
}

bool is_true(const JobStatus& status, std::string_view type) {
  const auto* found = find_condition(status, type);
  return found && found->status == kTrue;
}

bool is_terminating(const Pod& pod) { return pod.metadata.deletionTimestamp && !is_terminal(pod); }

// The index, where it counts for the job.
std::optional<int> valid_index(const Job& job, const Pod& pod) {
  const auto index = completion_index(pod.metadata);
  return index && *index < job.spec.completions.value_or(0) ? index : std::nullopt;
}

std::set<std::string> as_set(const std::vector<std::string>& uids) {
  return {uids.begin(), uids.end()};
}

struct Uncounted {
  std::set<std::string> succeeded, failed;
  explicit Uncounted(const JobStatus& status) {
    if (!status.uncountedTerminatedPods) return;
    succeeded = as_set(status.uncountedTerminatedPods->succeeded);
    failed = as_set(status.uncountedTerminatedPods->failed);
  }
};

// Whether a pod has not been counted yet and belongs to the job's indexes.
bool is_new(const JobView& view, const Pod& pod, const std::set<std::string>& uncounted) {
  return has_finalizer(pod.metadata) && !uncounted.contains(pod.metadata.uid) &&
         !view.released.contains(pod.metadata.uid) &&
         (!is_indexed(view.job) || valid_index(view.job, pod));
}

bool past_restarts(const JobView& view) {
  const Job& job = view.job;
  if (job.spec.template_.spec.restartPolicy != "OnFailure") return false;
  int restarts = 0;
  for (const auto& pod : view.pods) {
    if (pod->status.phase != core::v1::PodPhase::Running &&
        pod->status.phase != core::v1::PodPhase::Pending)
      continue;
    for (const auto& status : pod->status.initContainerStatuses) restarts += status.restartCount;
    for (const auto& status : pod->status.containerStatuses) restarts += status.restartCount;
  }
  const int limit = job.spec.backoffLimit.value_or(6);
  return limit == 0 ? restarts > 0 : restarts >= limit;
}

// What is left of the deadline; nothing if there is none.
std::optional<Duration> deadline_left(const JobView& view) {
  const auto& job = view.job;
  if (!job.spec.activeDeadlineSeconds || is_suspended(job)) return std::nullopt;
  // A job that is just being resumed starts anew, which its status does not say yet.
  const bool starts = !job.status.startTime || is_true(job.status, JobConditionType::Suspended);
  const Wall start = starts ? view.now : Wall(job.status.startTime->point());
  return start + std::chrono::seconds(*job.spec.activeDeadlineSeconds) - view.now;
}

std::optional<JobCondition> verdict_by_failures(const JobView& view, JobPlan& plan) {
  const Job& job = view.job;
  if (const auto* target = find_condition(job.status, JobConditionType::FailureTarget);
      target && target->status == kTrue)
    return condition(JobConditionType::Failed, target->reason, target->message, view.now);
  if (job.spec.podFailurePolicy) {
    for (const auto& pod : view.pods) {
      if (!is_failed(*pod, job)) continue;
      if (auto match = match_failure(job, *pod); !match.fails_job.empty())
        return condition(JobConditionType::FailureTarget, JobReasonPodFailurePolicy,
                         std::move(match.fails_job), view.now);
    }
  }
  // Beside a limit per index there is none of the whole, unless one is asked for.
  const int limit = job.spec.backoffLimit.value_or(has_limit_per_index(job) ? INT32_MAX : 6);
  if (plan.failed > limit || past_restarts(view))
    return condition(JobConditionType::FailureTarget, JobReasonBackoffLimitExceeded,
                     "Job has reached the specified backoff limit", view.now);
  if (const auto left = deadline_left(view)) {
    if (*left <= Duration::zero())
      return condition(JobConditionType::FailureTarget, JobReasonDeadlineExceeded,
                       "Job was active longer than specified deadline", view.now);
    plan.look_again = *left;
  }
  return std::nullopt;
}

void count_indexes(const JobView& view, JobPlan& plan) {
  const Job& job = view.job;
  const int completions = job.spec.completions.value_or(0);
  plan.indexes_before = IndexSet::parse(job.status.completedIndexes, completions);
  plan.indexes = plan.indexes_before;
  if (has_limit_per_index(job))
    plan.failed_indexes = IndexSet::parse(job.status.failedIndexes.value_or(""), completions);
  for (const auto& pod : view.pods) {
    const auto index = valid_index(job, *pod);
    if (!index || !has_finalizer(pod->metadata)) continue;
    if (pod->status.phase == core::v1::PodPhase::Succeeded) plan.indexes.insert(*index);
  }
  if (has_limit_per_index(job)) {
    for (const auto& pod : view.pods) {
      const auto index = valid_index(job, *pod);
      if (index && has_finalizer(pod->metadata) && is_failed(*pod, job) && fails_index(job, *pod))
        plan.failed_indexes.insert(*index);
    }
  }
  plan.succeeded = plan.indexes.size();
}

std::optional<JobCondition> verdict_by_indexes(const JobView& view, const JobPlan& plan) {
  const Job& job = view.job;
  if (has_limit_per_index(job)) {
    const int given_up = plan.failed_indexes.size();
    if (job.spec.maxFailedIndexes && given_up > *job.spec.maxFailedIndexes)
      return condition(JobConditionType::FailureTarget, JobReasonMaxFailedIndexesExceeded,
                       "Job has exceeded the specified maximal number of failed indexes", view.now);
    if (given_up > 0 && given_up + plan.indexes.size() >= job.spec.completions.value_or(0))
      return condition(JobConditionType::FailureTarget, JobReasonFailedIndexes,
                       "Job has failed indexes", view.now);
  }
  if (auto message = match_success(job, plan.indexes))
    return condition(JobConditionType::SuccessCriteriaMet, JobReasonSuccessPolicy,
                     std::move(*message), view.now);
  return std::nullopt;
}

// The last failed pod of each index that will be tried again: its annotations carry the count.
std::map<int, PodPtr> kept_failures(const JobView& view, const JobPlan& plan) {
  std::set<int> running;
  for (const auto& pod : plan.active) {
    if (const auto index = completion_index(pod->metadata)) running.insert(*index);
  }
  const auto total = [](const Pod& pod) {
    const IndexFailures failures = failures_before(pod);
    return failures.counted + failures.ignored;
  };
  std::map<int, PodPtr> kept;
  for (const auto& pod : view.pods) {
    const auto index = valid_index(view.job, *pod);
    if (!index || !is_new(view, *pod, {}) || !is_failed(*pod, view.job)) continue;
    if (plan.indexes.has(*index) || plan.failed_indexes.has(*index) || running.contains(*index))
      continue;
    PodPtr& last = kept[*index];
    if (!last || total(*last) < total(*pod) ||
        (total(*last) == total(*pod) && finish_time(*last) <= finish_time(*pod)))
      last = pod;
  }
  return kept;
}

// At least `count` of the active pods, those of doubled and of unknown indexes first.
std::vector<PodPtr> surplus(const JobView& view, const std::vector<PodPtr>& active, int count) {
  std::vector<PodPtr> remove, left = active;
  if (is_indexed(view.job)) {
    left.clear();
    std::map<int, std::vector<PodPtr>> by_index;
    for (const auto& pod : active) {
      if (const auto index = valid_index(view.job, *pod)) {
        by_index[*index].push_back(pod);
      } else {
        remove.push_back(pod);
      }
    }
    for (auto& [index, pods] : by_index) {
      const auto extra = plan_replicas(1, pods, pods, view.now).remove;
      for (const auto& pod : pods) {
        (std::ranges::find(extra, pod) == extra.end() ? left : remove).push_back(pod);
      }
    }
  }
  const int more = count - static_cast<int>(remove.size());
  if (more > 0) {
    for (auto& pod :
         plan_replicas(static_cast<int>(left.size()) - more, left, left, view.now).remove)
      remove.push_back(std::move(pod));
  }
  if (remove.size() > kPodsMax) remove.resize(kPodsMax);
  return remove;
}

std::vector<int> pending_indexes(const JobView& view, const JobPlan& plan, int count) {
  IndexSet taken = plan.indexes;
  taken.insert(plan.failed_indexes);
  for (const auto& pod : view.pods) {
    const bool holds = is_active(*pod) || (replaces_only_failed(view.job) && is_terminating(*pod));
    if (const auto index = completion_index(pod->metadata); index && holds) taken.insert(*index);
  }
  std::vector<int> pending;
  const int completions = view.job.spec.completions.value_or(0);
  for (int index = taken.next_absent(0);
       index < completions && static_cast<int>(pending.size()) < count;
       index = taken.next_absent(index + 1))
    pending.push_back(index);
  return pending;
}

void wait_at_least(JobPlan& plan, Duration wait) {
  if (plan.look_again == Duration::zero() || wait < plan.look_again) plan.look_again = wait;
}

void plan_creations(const JobView& view, JobPlan& plan, int count) {
  const Job& job = view.job;
  if (!has_limit_per_index(job)) {
    const Duration wait = backoff_left(plan.streak.failures, plan.streak.last, view.now);
    if (wait > Duration::zero()) return wait_at_least(plan, wait);
  }
  count = std::min(count, kPodsMax);
  if (!is_indexed(job)) {
    plan.create.resize(static_cast<std::size_t>(count));
    return;
  }
  Duration shortest{};
  for (const int index : pending_indexes(view, plan, count)) {
    const auto found = plan.kept.find(index);
    const PodPtr failed = found == plan.kept.end() ? nullptr : found->second;
    if (failed) {
      const IndexFailures before = failures_before(*failed);
      const Duration wait =
          backoff_left(before.counted + before.ignored + 1, finish_time(*failed), view.now);
      if (wait > Duration::zero()) {
        if (shortest == Duration::zero() || wait < shortest) shortest = wait;
        continue;
      }
    }
    plan.create.push_back({index, failed});
  }
  // The others come back with the pods created now.
  if (plan.create.empty() && shortest > Duration::zero()) wait_at_least(plan, shortest);
}

void plan_pods(const JobView& view, JobPlan& plan) {
  const Job& job = view.job;
  const int active = static_cast<int>(plan.active.size());
  plan.managed = true;
  if (is_suspended(job)) {
    plan.remove = surplus(view, plan.active, active);
    return;
  }
  const int parallelism = job.spec.parallelism.value_or(1);
  // Without a number of completions the first success says that the work is done: nobody new.
  int wanted = plan.succeeded > 0 ? active : parallelism;
  if (job.spec.completions)
    wanted = std::clamp(*job.spec.completions - plan.succeeded, 0, parallelism);
  plan.remove = surplus(view, plan.active, std::max(0, active - wanted));
  // One direction at a time: what is removed now may make room for other indexes later.
  if (!plan.remove.empty()) return;
  const int missing = wanted - active - (replaces_only_failed(job) ? plan.terminating : 0);
  if (missing > 0) plan_creations(view, plan, missing);
}

// A condition that was never there is not added as False.
bool set_condition(JobStatus& status, std::string_view type, bool value, std::string_view reason,
                   std::string message, Wall now) {
  const std::string_view text = value ? kTrue : "False";
  const auto found = std::ranges::find(status.conditions, type, &JobCondition::type);
  if (found == status.conditions.end()) {
    if (!value) return false;
    status.conditions.push_back(condition(type, reason, std::move(message), now));
    return true;
  }
  if (found->status == text) return false;
  *found = condition(type, reason, std::move(message), now);
  found->status = text;
  return true;
}

bool may_release(const JobView& view, const JobPlan& plan, const Accounting& out, const Pod& pod,
                 bool failed) {
  if (view.job.metadata.deletionTimestamp || out.verdict ||
      pod.status.phase == core::v1::PodPhase::Succeeded)
    return true;
  if (!failed) return false;
  const auto index = completion_index(pod.metadata);
  const auto kept = index ? plan.kept.find(*index) : plan.kept.end();
  return kept == plan.kept.end() || kept->second->metadata.uid != pod.metadata.uid;
}

void count_pods(const JobView& view, const JobPlan& plan, Accounting& out) {
  const Job& job = view.job;
  const Uncounted known(job.status);
  auto& uncounted = out.status.uncountedTerminatedPods.ensure();
  std::size_t new_indexes = 0;
  IndexSet indexes = plan.indexes_before;
  const bool all_fail = out.verdict && out.verdict->type != JobConditionType::SuccessCriteriaMet &&
                        out.verdict->type != JobConditionType::Complete;
  for (const auto& pod : view.pods) {
    const std::string& uid = pod->metadata.uid;
    if (!has_finalizer(pod->metadata) || view.released.contains(uid)) continue;
    const bool failed = is_failed(*pod, job);
    if (!may_release(view, plan, out, *pod, failed)) continue;
    out.release.push_back(pod);
    const auto index = valid_index(job, *pod);
    if (pod->status.phase == core::v1::PodPhase::Succeeded && !known.failed.contains(uid)) {
      if (is_indexed(job)) {
        // The index itself is enough not to be counted twice.
        if (index && !indexes.has(*index)) {
          indexes.insert(*index);
          ++new_indexes;
        }
      } else if (!known.succeeded.contains(uid)) {
        uncounted.succeeded.push_back(uid);
      }
    } else if ((failed || all_fail) && !known.failed.contains(uid) &&
               !known.succeeded.contains(uid) && (!is_indexed(job) || index) &&
               match_failure(job, *pod).counts) {
      uncounted.failed.push_back(uid);
    }
    if (new_indexes + uncounted.succeeded.size() + uncounted.failed.size() >= kUncountedMax) {
      out.overflow = true;
      break;
    }
  }
  if (!is_indexed(job)) return;
  out.status.completedIndexes = indexes.text();
  out.status.succeeded = indexes.size();
  if (has_limit_per_index(job)) out.status.failedIndexes = plan.failed_indexes.text();
}

}  // namespace

bool has_finalizer(const meta::v1::ObjectMeta& pod) {
  return std::ranges::find(pod.finalizers, JobTrackingFinalizer) != pod.finalizers.end();
}

const JobCondition* find_condition(const JobStatus& status, std::string_view type) {
  const auto found = std::ranges::find(status.conditions, type, &JobCondition::type);
  return found == status.conditions.end() ? nullptr : &*found;
}

bool is_finished(const Job& job) {
  return is_true(job.status, JobConditionType::Complete) ||
         is_true(job.status, JobConditionType::Failed);
}

api::Time finished_at(const Job& job) {
  for (const auto type : {JobConditionType::Complete, JobConditionType::Failed}) {
    if (is_true(job.status, type)) return find_condition(job.status, type)->lastTransitionTime;
  }
  return {};
}

JobPlan plan(const JobView& view) {
  const Job& job = view.job;
  const Uncounted uncounted(job.status);
  JobPlan out;
  std::vector<PodPtr> succeeded, failed;
  for (const auto& pod : view.pods) {
    if (is_active(*pod)) {
      out.active.push_back(pod);
      if (is_ready(*pod)) ++out.ready;
    }
    if (is_terminating(*pod)) ++out.terminating;
    if (pod->status.phase == core::v1::PodPhase::Succeeded) {
      if (is_new(view, *pod, uncounted.succeeded)) succeeded.push_back(pod);
    } else if (is_failed(*pod, job) && is_new(view, *pod, uncounted.failed)) {
      failed.push_back(pod);
    }
  }
  out.succeeded =
      job.status.succeeded + static_cast<int>(succeeded.size() + uncounted.succeeded.size());
  out.failed = job.status.failed + static_cast<int>(uncounted.failed.size()) +
               static_cast<int>(std::ranges::count_if(
                   failed, [&job](const auto& pod) { return match_failure(job, *pod).counts; }));
  out.streak = view.streak.with(succeeded, failed);

  if (const auto* met = find_condition(job.status, JobConditionType::SuccessCriteriaMet);
      met && met->status == kTrue)
    out.verdict = *met;
  if (!out.verdict) out.verdict = verdict_by_failures(view, out);
  if (is_indexed(job)) {
    count_indexes(view, out);
    if (!out.verdict) out.verdict = verdict_by_indexes(view, out);
    if (has_limit_per_index(job)) out.kept = kept_failures(view, out);
  }
  if (out.verdict) {
    out.remove = out.active;
  } else if (view.may_act && !job.metadata.deletionTimestamp) {
    plan_pods(view, out);
  }
  return out;
}

Accounting account(const JobView& view, const JobPlan& plan, const Acted& acted) {
  const Job& job = view.job;
  Accounting out{.status = job.status, .release = {}, .verdict = plan.verdict};
  JobStatus& status = out.status;
  status.active = static_cast<int>(plan.active.size()) + acted.created - acted.removed;
  status.ready = plan.ready - acted.removed_ready;
  status.terminating = plan.terminating + acted.removed;
  if (!status.startTime && !is_suspended(job)) status.startTime = api::Time(view.now);

  if (!plan.verdict) {
    const bool complete =
        status.active == 0 &&
        (job.spec.completions ? plan.succeeded >= *job.spec.completions : plan.succeeded > 0);
    if (complete) {
      out.verdict = condition(JobConditionType::SuccessCriteriaMet, JobReasonCompletionsReached,
                              "Reached expected number of succeeded pods", view.now);
    } else if (plan.managed && is_suspended(job)) {
      out.suspended = set_condition(status, JobConditionType::Suspended, true, "JobSuspended",
                                    "Job suspended", view.now);
    } else if (plan.managed) {
      out.resumed = set_condition(status, JobConditionType::Suspended, false, "JobResumed",
                                  "Job resumed", view.now);
      // The deadline counts from the resumption.
      if (out.resumed) status.startTime = api::Time(view.now);
    }
  }
  // Pods that may be missing here must not be declared ended.
  if (out.verdict && (!view.may_act || status.active > 0)) {
    out.verdict.reset();
  }
  count_pods(view, plan, out);
  if (!out.verdict) return out;
  if (out.verdict->type == JobConditionType::FailureTarget) {
    set_condition(status, JobConditionType::FailureTarget, true, out.verdict->reason,
                  out.verdict->message, view.now);
    out.verdict->type = JobConditionType::Failed;
  } else if (out.verdict->type == JobConditionType::SuccessCriteriaMet) {
    set_condition(status, JobConditionType::SuccessCriteriaMet, true, out.verdict->reason,
                  out.verdict->message, view.now);
    out.verdict->type = JobConditionType::Complete;
  }
  return out;
}

bool settle(JobStatus& status, const std::set<std::string>& uids_with_finalizer) {
  if (!status.uncountedTerminatedPods) return false;
  auto& uncounted = *status.uncountedTerminatedPods;
  const auto counted = [&](std::vector<std::string>& uids) {
    return static_cast<std::int32_t>(std::erase_if(
        uids, [&](const std::string& uid) { return !uids_with_finalizer.contains(uid); }));
  };
  const auto succeeded = counted(uncounted.succeeded);
  const auto failed = counted(uncounted.failed);
  status.succeeded += succeeded;
  status.failed += failed;
  return succeeded + failed > 0;
}

bool finish(JobStatus& status, const Accounting& accounting, Wall now) {
  if (!accounting.verdict || accounting.overflow) return false;
  if (const auto& left = status.uncountedTerminatedPods;
      left && !(left->succeeded.empty() && left->failed.empty()))
    return false;
  // Who waits for the job may start its successor: none of its pods may run any more.
  if (status.terminating.value_or(0) > 0) return false;
  const auto& verdict = *accounting.verdict;
  if (!set_condition(status, verdict.type, true, verdict.reason, verdict.message, now))
    return false;
  if (verdict.type == JobConditionType::Complete) status.completionTime = api::Time(now);
  return true;
}

Pod make_pod(const Job& job, const NewPod& wanted) {
  const api::Resource& resource = api::resource_of<Job>();
  Pod pod = pod_from_template(job.spec.template_, job.metadata,
                              {.apiVersion = resource.api_version(),
                               .kind = std::string(resource.kind),
                               .name = job.metadata.name,
                               .uid = job.metadata.uid,
                               .controller = true,
                               .blockOwnerDeletion = true});
  if (!has_finalizer(pod.metadata)) pod.metadata.finalizers.emplace_back(JobTrackingFinalizer);
  if (!wanted.index) return pod;

  const std::string index = std::to_string(*wanted.index);
  const std::string suffix = "-" + index + "-";
  pod.metadata.generateName = job.metadata.name.substr(0, 248 - suffix.size()) + suffix;
  pod.metadata.annotations[std::string(JobCompletionIndexAnnotation)] = index;
  pod.metadata.labels[std::string(JobCompletionIndexAnnotation)] = index;
  pod.spec.hostname = job.metadata.name + "-" + index;
  if (has_limit_per_index(job)) {
    const IndexFailures failures =
        wanted.replaces ? failures_with(job, *wanted.replaces) : IndexFailures{};
    pod.metadata.annotations[std::string(JobIndexFailureCountAnnotation)] =
        std::to_string(failures.counted);
    if (failures.ignored > 0)
      pod.metadata.annotations[std::string(JobIndexIgnoredFailureCountAnnotation)] =
          std::to_string(failures.ignored);
  }
  static constexpr std::string_view kVariable = "JOB_COMPLETION_INDEX";
  const auto add_variable = [](core::v1::Container& container) {
    if (std::ranges::find(container.env, kVariable, &core::v1::EnvVar::name) != container.env.end())
      return;
    auto& variable = container.env.emplace_back();
    variable.name = kVariable;
    variable.valueFrom.ensure().fieldRef = core::v1::ObjectFieldSelector{
        .apiVersion = {},
        .fieldPath = "metadata.labels['" + std::string(JobCompletionIndexAnnotation) + "']"};
  };
  std::ranges::for_each(pod.spec.initContainers, add_variable);
  std::ranges::for_each(pod.spec.containers, add_variable);
  return pod;
}

}  // namespace keelson::controllers::job
