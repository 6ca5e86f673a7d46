// SPDX-License-Identifier: Apache-2.0
// Defaults of batch/v1.
#include <limits>

#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"batch/v1.Job", "spec.completionMode", When::Nil, R"("NonIndexed")"},
    {"batch/v1.Job", "spec.suspend", When::Nil, "false"},
    {"batch/v1.Job", "spec.manualSelector", When::Nil, "false"},
    {"batch/v1.CronJob", "spec.concurrencyPolicy", When::Empty, R"("Allow")"},
    {"batch/v1.CronJob", "spec.suspend", When::Nil, "false"},
    {"batch/v1.CronJob", "spec.successfulJobsHistoryLimit", When::Nil, "3"},
    {"batch/v1.CronJob", "spec.failedJobsHistoryLimit", When::Nil, "1"},
    {"batch/v1.PodFailurePolicyOnPodConditionsPattern", "status", When::Empty, R"("True")"},
};

void job(object& value, const Context&) {
  object* spec = find_object(value, "spec");
  if (!spec) return;
  if (is_left_out(*spec, "parallelism", When::Nil)) {
    fill(*spec, "completions", When::Nil, 1);
    spec->insert_or_assign("parallelism", 1);
  }
  const bool per_index = !is_left_out(*spec, "backoffLimitPerIndex", When::Nil);
  fill(*spec, "backoffLimit", When::Nil, per_index ? std::numeric_limits<std::int32_t>::max() : 6);
  const bool has_policy = !is_left_out(*spec, "podFailurePolicy", When::Nil);
  fill(*spec, "podReplacementPolicy", When::Nil, has_policy ? "Failed" : "TerminatingOrFailed");

  object* pod = find_object(*spec, "template");
  object* pod_metadata = pod ? find_object(*pod, "metadata") : nullptr;
  object* labels = pod_metadata ? find_object(*pod_metadata, "labels") : nullptr;
  if (!labels || labels->empty()) return;
  const object copy = *labels;
  if (object* metadata = make_object(value, "metadata")) {
    fill(*metadata, "labels", When::Empty, copy);
  }
}

constexpr Function kFunctions[] = {{"batch/v1.Job", job}};

}  // namespace

const Rules kBatchRules = {kLiterals, kFunctions};

}  // namespace keelson::api::defaulting
