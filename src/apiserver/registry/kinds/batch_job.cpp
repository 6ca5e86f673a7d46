// SPDX-License-Identifier: Apache-2.0
// Source: upstream, generateSelector in pkg/registry/batch/job; pkg/apis/batch/validation.
#include "apiserver/registry/kinds/batch_job.h"

#include <algorithm>

#include "api/names.h"
#include "api/selector.h"
#include "apiserver/registry/kinds/amounts.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "apiserver/registry/kinds/typed_check.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using batch::v1::JobSpec;

// Upstream's limits of Indexed jobs, whose status tells of each index.
constexpr std::int32_t kIndexedParallelismMax = 100'000;
constexpr std::int32_t kFailedIndexesMax = 100'000;
constexpr std::int32_t kManyCompletions = 100'000;
constexpr std::int32_t kParallelismOfManyMax = 10'000;
constexpr std::int32_t kFailedIndexesOfManyMax = 10'000;
constexpr std::size_t kManagedByLengthMax = 63;
constexpr std::size_t kFailureRulesMax = 20;
constexpr std::size_t kExitCodesMax = 255;
constexpr std::size_t kConditionPatternsMax = 20;

void check_selector(const JobSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  if (!spec.selector) {
    errors.required(path.child("selector"));
    return;
  }
  FieldErrors own = api::validate_label_selector(*spec.selector, path.child("selector"));
  const bool valid = own.empty();
  errors += std::move(own);
  if (!valid) return;
  const auto selector = api::LabelSelector::from(*spec.selector);
  if (selector && !selector->matches(spec.template_.metadata.labels)) {
    boost::json::object labels;
    for (const auto& [key, value] : spec.template_.metadata.labels) labels[key] = value;
    errors.invalid(path.child("template", "metadata", "labels"),
                   boost::json::value(std::move(labels)),
                   "`selector` does not match template `labels`");
  }
}

void check_indexed(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto at_most = [](std::int32_t maximum) {
    return "must be less than or equal to " + std::to_string(maximum);
  };
  if (!spec.completions) {
    errors.required(path.child("completions"), "when completion mode is Indexed");
  }
  if (spec.parallelism.value_or(0) > kIndexedParallelismMax) {
    errors.invalid(path.child("parallelism"), *spec.parallelism,
                   at_most(kIndexedParallelismMax) + " when completion mode is Indexed");
  }
  const FieldPath failed = path.child("maxFailedIndexes");
  if (spec.completions && spec.maxFailedIndexes && *spec.maxFailedIndexes > *spec.completions) {
    errors.invalid(failed, *spec.maxFailedIndexes, "must be less than or equal to completions");
  }
  if (spec.maxFailedIndexes.value_or(0) > kFailedIndexesMax) {
    errors.invalid(failed, *spec.maxFailedIndexes, at_most(kFailedIndexesMax));
  }
  if (spec.completions.value_or(0) <= kManyCompletions || !spec.backoffLimitPerIndex) return;
  const std::string of_many = " when completions are above " + std::to_string(kManyCompletions) +
                              " and used with backoff limit per index";
  if (!spec.maxFailedIndexes) {
    errors.required(
        failed, "must be specified when completions is above " + std::to_string(kManyCompletions));
  }
  if (spec.parallelism.value_or(0) > kParallelismOfManyMax) {
    errors.invalid(path.child("parallelism"), *spec.parallelism,
                   at_most(kParallelismOfManyMax) + of_many);
  }
  if (spec.maxFailedIndexes.value_or(0) > kFailedIndexesOfManyMax) {
    errors.invalid(failed, *spec.maxFailedIndexes, at_most(kFailedIndexesOfManyMax) + of_many);
  }
}

void check_not_indexed(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  constexpr std::string_view kWhy = "requires indexed completion mode";
  if (spec.backoffLimitPerIndex) {
    errors.invalid(path.child("backoffLimitPerIndex"), *spec.backoffLimitPerIndex, kWhy);
  }
  if (spec.maxFailedIndexes) {
    errors.invalid(path.child("maxFailedIndexes"), *spec.maxFailedIndexes, kWhy);
  }
  if (spec.successPolicy) {
    errors.invalid(path.child("successPolicy"), api::encode_document(*spec.successPolicy), kWhy);
  }
}

void check_exit_codes(const batch::v1::PodFailurePolicyOnExitCodesRequirement& requirement,
                      const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const std::string& op = requirement.operator_;
  if (op.empty()) {
    errors.required(path.child("operator"), R"(valid values: ["In" "NotIn"])");
  } else if (op != "In" && op != "NotIn") {
    errors.not_supported(path.child("operator"), op, {"In", "NotIn"});
  }
  const auto is_named = [&](const auto& container) {
    return container.name == *requirement.containerName;
  };
  const auto& pod = spec.template_.spec;
  if (requirement.containerName && std::ranges::none_of(pod.containers, is_named) &&
      std::ranges::none_of(pod.initContainers, is_named)) {
    errors.invalid(path.child("containerName"), *requirement.containerName,
                   "must be one of the container or initContainer names in the pod template");
  }
  const FieldPath values = path.child("values");
  boost::json::array shown(requirement.values.begin(), requirement.values.end());
  if (shown.empty()) {
    errors.invalid(values, boost::json::value(std::move(shown)), "at least one value is required");
    return;
  }
  if (shown.size() > kExitCodesMax) {
    errors.too_many(values, static_cast<std::int64_t>(shown.size()), kExitCodesMax);
  }
  for (std::size_t i = 0; i < requirement.values.size(); ++i) {
    const std::int32_t code = requirement.values[i];
    if (op == "In" && code == 0) {
      errors.invalid(values.index(i), code, "must not be 0 for the In operator");
    }
    const auto here = requirement.values.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(requirement.values.begin(), here, code) != here) {
      errors.duplicate(values.index(i), code);
    }
  }
  if (!std::ranges::is_sorted(requirement.values)) {
    errors.invalid(values, boost::json::value(std::move(shown)), "must be ordered");
  }
}

void check_conditions(
    const std::vector<batch::v1::PodFailurePolicyOnPodConditionsPattern>& patterns,
    const FieldPath& path, FieldErrors& errors) {
  if (patterns.size() > kConditionPatternsMax) {
    errors.too_many(path, static_cast<std::int64_t>(patterns.size()), kConditionPatternsMax);
  }
  for (std::size_t i = 0; i < patterns.size(); ++i) {
    const auto& [type, status] = patterns[i];
    errors.invalid_each(path.index(i).child("type"), type, api::validate_qualified_name(type));
    if (status.empty()) {
      errors.required(path.index(i).child("status"), R"(valid values: ["False" "True" "Unknown"])");
    } else if (status != "False" && status != "True" && status != "Unknown") {
      errors.not_supported(path.index(i).child("status"), status, {"False", "True", "Unknown"});
    }
  }
}

void check_failure_policy(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto& rules = spec.podFailurePolicy->rules;
  if (rules.size() > kFailureRulesMax) {
    errors.too_many(path, static_cast<std::int64_t>(rules.size()), kFailureRulesMax);
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    const auto& rule = rules[i];
    const FieldPath at = path.index(i);
    if (rule.action.empty()) {
      errors.required(at.child("action"),
                      R"(valid values: ["Count" "FailIndex" "FailJob" "Ignore"])");
    } else if (rule.action == "FailIndex") {
      if (!spec.backoffLimitPerIndex) {
        errors.invalid(at.child("action"), rule.action,
                       "requires the backoffLimitPerIndex to be set");
      }
    }
    if (rule.onExitCodes) {
      check_exit_codes(*rule.onExitCodes, spec, at.child("onExitCodes"), errors);
    }
    check_conditions(rule.onPodConditions, at.child("onPodConditions"), errors);
    const bool by_condition = !rule.onPodConditions.empty();
    if (rule.onExitCodes.has_value() == by_condition) {
      errors.add({api::FieldErrorType::Invalid, at.text(), std::nullopt,
                  by_condition ? "specifying both OnExitCodes and OnPodConditions is not supported"
                               : "specifying one of OnExitCodes and OnPodConditions is required"});
    }
  }
}

void check_restarts(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const FieldPath at = path.child("template", "spec", "restartPolicy");
  const std::string& restart = spec.template_.spec.restartPolicy;
  if (restart.empty() || restart == "Always") {
    errors.required(at, R"(valid values: "OnFailure", "Never")");
  } else if (restart != "OnFailure" && restart != "Never") {
    errors.not_supported(at, restart, {"OnFailure", "Never"});
  } else if (spec.podFailurePolicy && restart != "Never") {
    errors.invalid(at, restart, R"(only "Never" is supported when podFailurePolicy is specified)");
  }
}

bool is_true(const api::Document& object, std::string_view member) {
  const auto* value = api::find_at(object, {"spec", member});
  return value != nullptr && value->is_bool() && value->get_bool();
}

// To another number of completions than of pods at a time.
bool is_resized(const api::Document& now, const api::Document& before) {
  const auto completions = int_at(now, {"spec", "completions"});
  return api::find_at(now, {"spec", "completions"}) != nullptr &&
         completions != int_at(before, {"spec", "completions"}) &&
         completions != int_at(now, {"spec", "parallelism"});
}

void set_if_missing(boost::json::object& labels, std::string_view key, std::string_view value) {
  if (!labels.contains(key)) labels[key] = value;
}

// The name of the last pod's host has to be a DNS label.
void check_host_names(const batch::v1::Job& job, FieldErrors& errors) {
  if (job.spec.completionMode != "Indexed" || job.spec.completions.value_or(0) <= 0) return;
  const std::string& name = job.metadata.name;
  const std::string last = name + "-" + std::to_string(*job.spec.completions - 1);
  if (api::validate_dns1123_label(last).empty()) return;
  errors.invalid(FieldPath("metadata").child("name"), name,
                 "will not able to create pod with invalid DNS label: " + last);
}

}  // namespace

void check_job_spec(const JobSpec& spec, const FieldPath& path, FieldErrors& errors) {
  check_count(spec.parallelism, path.child("parallelism"), errors);
  check_count(spec.completions, path.child("completions"), errors);
  check_count(spec.activeDeadlineSeconds, path.child("activeDeadlineSeconds"), errors);
  check_count(spec.backoffLimit, path.child("backoffLimit"), errors);
  check_count(spec.ttlSecondsAfterFinished, path.child("ttlSecondsAfterFinished"), errors);
  check_count(spec.backoffLimitPerIndex, path.child("backoffLimitPerIndex"), errors);
  check_count(spec.maxFailedIndexes, path.child("maxFailedIndexes"), errors);
  if (spec.maxFailedIndexes && !spec.backoffLimitPerIndex) {
    errors.required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
  }
  if (spec.managedBy) {
    const FieldPath at = path.child("managedBy");
    errors += api::validate_domain_prefixed_path(at, *spec.managedBy);
    if (spec.managedBy->size() > kManagedByLengthMax) errors.too_long(at, kManagedByLengthMax);
  }
  if (spec.completionMode == "Indexed") {
    check_indexed(spec, path, errors);
  } else {
    check_not_indexed(spec, path, errors);
  }
  if (spec.podFailurePolicy) {
    check_failure_policy(spec, path.child("podFailurePolicy", "rules"), errors);
    if (spec.podReplacementPolicy && *spec.podReplacementPolicy != "Failed") {
      errors.not_supported(path.child("podReplacementPolicy"), *spec.podReplacementPolicy,
                           {"Failed"});
    }
  }
  errors += validate_pod_template(spec.template_, path.child("template"));
  check_restarts(spec, path, errors);
}

void JobStrategy::prepare_for_create(api::Document& object, const CallContext&) const {
  const auto* manual = api::find_at(object, {"spec", "manualSelector"});
  if (manual != nullptr && manual->is_bool() && manual->get_bool()) return;
  const std::string name(api::string_at(object, {"metadata", "name"}));
  const std::string uid(api::string_at(object, {"metadata", "uid"}));
  auto& labels = api::object_at(object, {"spec", "template", "metadata", "labels"});
  set_if_missing(labels, "job-name", name);
  set_if_missing(labels, "batch.kubernetes.io/job-name", name);
  set_if_missing(labels, "controller-uid", uid);
  set_if_missing(labels, "batch.kubernetes.io/controller-uid", uid);
  set_if_missing(api::object_at(object, {"spec", "selector", "matchLabels"}),
                 "batch.kubernetes.io/controller-uid", uid);
}

FieldErrors JobStrategy::validate(const api::Document& object) const {
  return check_typed<batch::v1::Job>(object, Strategy::validate(object),
                                     [](const batch::v1::Job& job, FieldErrors& errors) {
                                       check_job_spec(job.spec, "spec", errors);
                                       check_selector(job.spec, errors);
                                       check_host_names(job, errors);
                                     });
}

FieldErrors JobStrategy::validate_update(const api::Document& now,
                                         const api::Document& before) const {
  FieldErrors errors = validate(now);
  const auto freeze = [&](std::string_view member) {
    const auto* value = api::find_at(now, {"spec", member});
    const auto* old = api::find_at(before, {"spec", member});
    const bool same = value == nullptr || old == nullptr ? value == old : *value == *old;
    if (same) return;
    errors.invalid(FieldPath("spec").child(member),
                   value == nullptr ? boost::json::value() : *value, api::kImmutableMessage);
  };
  if (api::string_at(now, {"spec", "completionMode"}) != "Indexed") {
    freeze("completions");
  } else if (is_resized(now, before)) {
    // An indexed Job may grow and shrink, all its pods at once.
    errors.invalid(FieldPath("spec").child("completions"), int_at(now, {"spec", "completions"}),
                   "can only be modified in tandem with spec.parallelism");
  }
  freeze("selector");
  // While a Job is suspended, queues may still say where its pods are to run.
  if (!is_true(before, "suspend")) freeze("template");
  for (const std::string_view member : {"completionMode", "podFailurePolicy",
                                        "backoffLimitPerIndex", "managedBy", "successPolicy"}) {
    freeze(member);
  }
  return errors;
}

}  // namespace keelson::apiserver
