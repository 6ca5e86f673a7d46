// SPDX-License-Identifier: Apache-2.0
// What a Job's policies say of failed pods and of finished indexes, and how long to wait after
// failures. Pure. Source: KEP-3329 (pod failure policy), KEP-3998 (success policy), KEP-3850
// (back-off per index).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/batch/v1.h"
#include "api/core/v1.h"
#include "base/executor.h"
#include "controllers/job/indexes.h"

namespace keelson::controllers::job {

using batch::v1::Job;
using core::v1::Pod;
using PodPtr = std::shared_ptr<const Pod>;

bool is_indexed(const Job& job);
bool is_suspended(const Job& job);
bool has_limit_per_index(const Job& job);
// Pods on their way out are replaced only once they have failed.
bool replaces_only_failed(const Job& job);

// A pod that is being deleted counts as failed too, except where only failed ones are replaced.
bool is_failed(const Pod& pod, const Job& job);

struct FailureMatch {
  bool counts = true;       // Towards the limits.
  std::string_view action;  // Of the rule that matched; empty: none.
  std::string fails_job;    // Why the whole job fails; empty: it does not.
};
FailureMatch match_failure(const Job& job, const Pod& pod);

// Which rule of the success policy is met, as upstream words it; nothing if none.
std::optional<std::string> match_success(const Job& job, const IndexSet& succeeded);

// Failures of an index so far: those counted by the pod's annotations, and the pod's own.
struct IndexFailures {
  int counted = 0, ignored = 0;
};
IndexFailures failures_before(const Pod& pod);
IndexFailures failures_with(const Job& job, const Pod& pod);
// The index is given up because of this pod.
bool fails_index(const Job& job, const Pod& pod);

// When the pod ended: its last container, or else what tells best.
Wall finish_time(const Pod& pod);

// Failures in a row, by which the next pod is delayed.
struct FailureStreak {
  int failures = 0;
  Wall last{};
  // After these pods have finished too; a success ends the streak.
  FailureStreak with(const std::vector<PodPtr>& succeeded, const std::vector<PodPtr>& failed) const;
};

// Upstream: DefaultJobPodFailureBackOff, MaxJobPodFailureBackOff.
inline constexpr auto kBackoffMin = std::chrono::seconds(10);
inline constexpr auto kBackoffMax = std::chrono::minutes(10);
// What is left of the wait after `failures` in a row; doubles with each.
Duration backoff_left(int failures, Wall last, Wall now);

}  // namespace keelson::controllers::job
