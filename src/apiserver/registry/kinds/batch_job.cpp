// SPDX-License-Identifier: Apache-2.0
// Source: upstream, generateSelector in pkg/registry/batch/job; pkg/apis/batch/validation.
#include "apiserver/registry/kinds/batch_job.h"

#include "api/batch/v1.h"
#include "api/codec/json.h"
#include "api/names.h"
#include "api/selector.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/pod_spec.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

template <class Number>
void check_count(const std::optional<Number>& count, std::string_view member, FieldErrors& errors) {
  if (count) errors += api::validate_not_negative(*count, FieldPath("spec").child(member));
}

void check_selector(const batch::v1::JobSpec& spec, FieldErrors& errors) {
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

void check_job(const batch::v1::JobSpec& spec, FieldErrors& errors) {
  const FieldPath path("spec");
  check_count(spec.parallelism, "parallelism", errors);
  check_count(spec.completions, "completions", errors);
  check_count(spec.activeDeadlineSeconds, "activeDeadlineSeconds", errors);
  check_count(spec.backoffLimit, "backoffLimit", errors);
  check_count(spec.ttlSecondsAfterFinished, "ttlSecondsAfterFinished", errors);
  check_count(spec.backoffLimitPerIndex, "backoffLimitPerIndex", errors);
  check_count(spec.maxFailedIndexes, "maxFailedIndexes", errors);
  if (spec.completionMode == "Indexed" && !spec.completions) {
    errors.required(path.child("completions"), "when completion mode is Indexed");
  }
  check_selector(spec, errors);
  errors += validate_pod_template(spec.template_, path.child("template"));
  const std::string& restart = spec.template_.spec.restartPolicy;
  if (restart != "OnFailure" && restart != "Never") {
    errors.required(path.child("template", "spec", "restartPolicy"),
                    "valid values: \"OnFailure\", \"Never\"");
  }
}

bool is_true(const api::Document& object, std::string_view member) {
  const auto* value = api::find_at(object, {"spec", member});
  return value != nullptr && value->is_bool() && value->get_bool();
}

void set_if_missing(boost::json::object& labels, std::string_view key, std::string_view value) {
  if (!labels.contains(key)) labels[key] = value;
}

}  // namespace

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
  FieldErrors errors = Strategy::validate(object);
  const auto job = api::decode<batch::v1::Job>(object);
  if (job) {
    check_job(job->spec, errors);
  } else {
    errors.internal({}, job.error().message());
  }
  return errors;
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
  // An indexed Job may grow and shrink.
  if (api::string_at(now, {"spec", "completionMode"}) != "Indexed") freeze("completions");
  freeze("selector");
  // While a Job is suspended, queues may still say where its pods are to run.
  if (!is_true(before, "suspend")) freeze("template");
  freeze("completionMode");
  return errors;
}

}  // namespace keelson::apiserver
