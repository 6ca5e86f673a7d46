// SPDX-License-Identifier: Apache-2.0
// What a Job needs now, and how its pods are counted so that none is lost and none counted twice.
// Pure functions. Source: batch/v1; KEP-2307 (tracking with finalizers), KEP-2214 (Indexed).
//
// A finished pod keeps the tracking finalizer until its uid has been written to
// status.uncountedTerminatedPods; once the finalizer is off, the uid moves into the counters:
//
//   plan() -> act -> account() -> write status -> take finalizers off -> settle() -> write status
#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "controllers/job/policies.h"

namespace keelson::controllers::job {

using batch::v1::JobCondition;
using batch::v1::JobStatus;

inline constexpr int kPodsMax = 500;       // Created or deleted at a time.
inline constexpr int kUncountedMax = 500;  // uids in the status at a time.

// All referred to outlives the view.
struct JobView {
  const Job& job;
  const std::vector<PodPtr>& pods;        // In the order of their indexes.
  const std::set<std::string>& released;  // Pods whose finalizer is off, but not here yet.
  bool may_act;                           // All that was asked for has been seen.
  FailureStreak streak;
  Wall now;
};

struct NewPod {
  std::optional<int> index;
  PodPtr replaces;  // The failed pod of this index; may be null.
};

struct JobPlan {
  std::vector<PodPtr> active;
  int succeeded = 0, failed = 0, ready = 0, terminating = 0;
  IndexSet indexes_before, indexes, failed_indexes;
  std::map<int, PodPtr> kept;  // Failed pods that tell how often their index has failed.
  FailureStreak streak;

  // Why the job ends, as the next condition to set: FailureTarget or SuccessCriteriaMet at first,
  // Failed or Complete once that has been written.
  std::optional<JobCondition> verdict;
  // With a verdict: all active pods, to be ended and counted. Without: those too many, uncounted.
  std::vector<PodPtr> remove;
  std::vector<NewPod> create;
  bool managed = false;  // Creations and removals have been decided.
  Duration look_again{};
};
JobPlan plan(const JobView& view);

// What came of a plan.
struct Acted {
  int created = 0, removed = 0, removed_ready = 0;
};

struct Accounting {
  JobStatus status;
  std::vector<PodPtr> release;          // Finalizers to take off once `status` is written.
  std::optional<JobCondition> verdict;  // The last one, for finish().
  bool overflow = false;                // More is left to be counted.
  bool suspended = false, resumed = false;
};
Accounting account(const JobView& view, const JobPlan& plan, const Acted& acted);

// Moves those uncounted whose finalizer is off into the counters; true if there were any.
bool settle(JobStatus& status, const std::set<std::string>& uids_with_finalizer);
// Sets the final condition if nothing is left to wait for; true if it did.
bool finish(JobStatus& status, const Accounting& accounting, Wall now);

bool has_finalizer(const meta::v1::ObjectMeta& pod);
const JobCondition* find_condition(const JobStatus& status, std::string_view type);
// Complete or Failed.
bool is_finished(const Job& job);
// When; unset while it is not.
api::Time finished_at(const Job& job);

// The pod to create for the job.
Pod make_pod(const Job& job, const NewPod& wanted);

}  // namespace keelson::controllers::job
