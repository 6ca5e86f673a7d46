// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/workloads.h"

#include <string>

#include "api/apps/v1.h"
#include "api/names.h"
#include "api/selector.h"
#include "api/validation/object_meta.h"
#include "apiserver/context/document_metadata.h"
#include "apiserver/registry/kinds/amounts.h"
#include "apiserver/registry/kinds/pod_spec.h"
#include "apiserver/registry/kinds/typed_check.h"
#include "apiserver/registry/kinds/workload_status.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;

const FieldPath& spec_path() {
  static const FieldPath kPath("spec");
  return kPath;
}

// How a kind is called in the texts about its selector and template.
struct KindNames {
  std::string_view selector;  // "empty selector is invalid for deployment"
  std::string_view deadline;  // "activeDeadlineSeconds in Deployment is not Supported"
};

void check_selector(const api::Box<meta::v1::LabelSelector>& selector,
                    const core::v1::PodTemplateSpec& pod_template, const KindNames& names,
                    FieldErrors& errors) {
  const FieldPath path = spec_path().child("selector");
  if (!selector) {
    errors.required(path);
    return;
  }
  FieldErrors own = api::validate_label_selector(*selector, path);
  const bool valid = own.empty();
  errors += std::move(own);
  if (selector->matchLabels.empty() && selector->matchExpressions.empty()) {
    errors.invalid(path, api::encode_document(*selector),
                   "empty selector is invalid for " + std::string(names.selector));
    return;
  }
  if (!valid) return;
  const auto parsed = api::LabelSelector::from(*selector);
  if (parsed && !parsed->matches(pod_template.metadata.labels)) {
    boost::json::object labels;
    for (const auto& [key, value] : pod_template.metadata.labels) labels[key] = value;
    errors.invalid(spec_path().child("template", "metadata", "labels"),
                   boost::json::value(std::move(labels)),
                   "`selector` does not match template `labels`");
  }
}

// Pods that somebody replaces run for ever.
void check_endless(const core::v1::PodSpec& pod, const KindNames& names, FieldErrors& errors) {
  const FieldPath path = spec_path().child("template", "spec");
  if (pod.restartPolicy != "Always") {
    errors.not_supported(path.child("restartPolicy"), pod.restartPolicy, {"Always"});
  }
  if (pod.activeDeadlineSeconds) {
    errors.forbidden(
        path.child("activeDeadlineSeconds"),
        "activeDeadlineSeconds in " + std::string(names.deadline) + " is not Supported");
  }
}

FieldErrors unchanged_selector(const api::Document& now, const api::Document& before) {
  FieldErrors errors;
  const auto* selector = api::find_at(now, {"spec", "selector"});
  const auto* old = api::find_at(before, {"spec", "selector"});
  if (selector != nullptr && old != nullptr && *selector != *old) {
    errors.invalid(spec_path().child("selector"), *selector, api::kImmutableMessage);
  }
  return errors;
}

void check_spec_count(const auto& count, std::string_view member, FieldErrors& errors) {
  check_count(count, spec_path().child(member), errors);
}

void check_rolling(const apps::v1::DeploymentStrategy& strategy, FieldErrors& errors) {
  const FieldPath path = spec_path().child("strategy", "rollingUpdate");
  if (strategy.type == "Recreate") {
    if (strategy.rollingUpdate) {
      errors.forbidden(path, "may not be specified when strategy `type` is 'Recreate'");
    }
    return;
  }
  if (strategy.type != "RollingUpdate") return;
  if (!strategy.rollingUpdate) {
    errors.required(path, "this should be defaulted and never be nil");
    return;
  }
  const auto unavailable = strategy.rollingUpdate->maxUnavailable.value_or(0);
  const FieldPath unavailable_path = path.child("maxUnavailable");
  check_amount(unavailable, unavailable_path, errors);
  check_amount(strategy.rollingUpdate->maxSurge.value_or(0), path.child("maxSurge"), errors);
  if (is_zero(unavailable) && is_zero(strategy.rollingUpdate->maxSurge)) {
    errors.invalid(unavailable_path, shown(unavailable), "may not be 0 when `maxSurge` is 0");
  }
  check_at_most_all(unavailable, unavailable_path, errors);
}

void check_deployment(const apps::v1::Deployment& deployment, FieldErrors& errors) {
  constexpr KindNames kNames{"deployment", "Deployment"};
  const auto& spec = deployment.spec;
  check_spec_count(spec.replicas, "replicas", errors);
  check_selector(spec.selector, spec.template_, kNames, errors);
  errors += validate_pod_template(spec.template_, spec_path().child("template"));
  check_endless(spec.template_.spec, kNames, errors);
  check_rolling(spec.strategy, errors);
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_spec_count(spec.revisionHistoryLimit, "revisionHistoryLimit", errors);
  if (spec.progressDeadlineSeconds) {
    check_spec_count(spec.progressDeadlineSeconds, "progressDeadlineSeconds", errors);
    if (*spec.progressDeadlineSeconds <= spec.minReadySeconds) {
      errors.invalid(spec_path().child("progressDeadlineSeconds"), *spec.progressDeadlineSeconds,
                     "must be greater than minReadySeconds");
    }
  }
}

void check_replica_set(const apps::v1::ReplicaSet& replica_set, FieldErrors& errors) {
  const auto& spec = replica_set.spec;
  // Source: upstream, which calls it a deployment here.
  constexpr KindNames kNames{"deployment", "ReplicaSet"};
  check_spec_count(spec.replicas, "replicas", errors);
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_selector(spec.selector, spec.template_, kNames, errors);
  errors += validate_pod_template(spec.template_, spec_path().child("template"));
  check_endless(spec.template_.spec, kNames, errors);
}

void check_rolling(const apps::v1::DaemonSetUpdateStrategy& strategy, FieldErrors& errors) {
  if (strategy.type != "RollingUpdate") return;
  const FieldPath path = spec_path().child("updateStrategy", "rollingUpdate");
  if (!strategy.rollingUpdate) {
    errors.required(path);
    return;
  }
  const auto unavailable = strategy.rollingUpdate->maxUnavailable.value_or(0);
  const auto surge = strategy.rollingUpdate->maxSurge.value_or(0);
  check_amount(unavailable, path.child("maxUnavailable"), errors);
  check_amount(surge, path.child("maxSurge"), errors);
  check_at_most_all(unavailable, path.child("maxUnavailable"), errors);
  check_at_most_all(surge, path.child("maxSurge"), errors);
  if (!is_zero(unavailable) && !is_zero(surge)) {
    errors.invalid(path.child("maxSurge"), shown(surge),
                   "may not be set when maxUnavailable is non-zero");
  } else if (is_zero(unavailable) && is_zero(surge)) {
    errors.required(path.child("maxUnavailable"), "cannot be 0 when maxSurge is 0");
  }
}

void check_daemon_set(const apps::v1::DaemonSet& daemon_set, FieldErrors& errors) {
  const auto& spec = daemon_set.spec;
  constexpr KindNames kNames{"daemonset", "DaemonSet"};
  check_selector(spec.selector, spec.template_, kNames, errors);
  errors += validate_pod_template(spec.template_, spec_path().child("template"));
  check_endless(spec.template_.spec, kNames, errors);
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_rolling(spec.updateStrategy, errors);
  check_spec_count(spec.revisionHistoryLimit, "revisionHistoryLimit", errors);
}

void check_rolling(const apps::v1::StatefulSetUpdateStrategy& strategy, FieldErrors& errors) {
  if (!strategy.rollingUpdate) return;
  const FieldPath path = spec_path().child("updateStrategy", "rollingUpdate");
  if (strategy.type == "OnDelete") {
    errors.invalid(path, api::encode_document(*strategy.rollingUpdate),
                   "only allowed for updateStrategy 'RollingUpdate'");
    return;
  }
  check_count(strategy.rollingUpdate->partition, path.child("partition"), errors);
}

void check_stateful_set(const apps::v1::StatefulSet& stateful_set, FieldErrors& errors) {
  const auto& spec = stateful_set.spec;
  constexpr KindNames kNames{"statefulset", "StatefulSet"};
  check_rolling(spec.updateStrategy, errors);
  check_spec_count(spec.replicas, "replicas", errors);
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_spec_count(spec.revisionHistoryLimit, "revisionHistoryLimit", errors);
  // Source: upstream, which does not look into the pod: its volumes may come from the claims.
  check_selector(spec.selector, spec.template_, kNames, errors);
  errors += validate_pod_template_metadata(spec.template_, spec_path().child("template"));
  check_endless(spec.template_.spec, kNames, errors);
}

}  // namespace

bool DeploymentStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                            const CallContext& call) const {
  static const api::Document kNone(nullptr);
  const auto annotations = [](const api::Document& object) -> const api::Document& {
    const auto* found = api::find_at(object, {"metadata", "annotations"});
    return found != nullptr ? *found : kNone;
  };
  return Strategy::prepare_for_update(now, before, call) || annotations(now) != annotations(before);
}

void DeploymentStrategy::prepare_for_status_update(api::Document& now,
                                                   const api::Document& before) const {
  auto& metadata = metadata_of(now);
  if (const auto* labels = api::find_at(before, {"metadata", "labels"})) {
    metadata["labels"] = *labels;
  } else {
    metadata.erase("labels");
  }
}

FieldErrors DeploymentStrategy::validate(const api::Document& object) const {
  return check_typed<apps::v1::Deployment>(object, Strategy::validate(object), check_deployment);
}

FieldErrors DeploymentStrategy::validate_update(const api::Document& now,
                                                const api::Document& before) const {
  FieldErrors errors = validate(now);
  errors += unchanged_selector(now, before);
  return errors;
}

FieldErrors DeploymentStrategy::validate_status_update(const api::Document& now,
                                                       const api::Document& before) const {
  return validate_workload_status<apps::v1::Deployment>(now, before);
}

FieldErrors ReplicaSetStrategy::validate(const api::Document& object) const {
  return check_typed<apps::v1::ReplicaSet>(object, Strategy::validate(object), check_replica_set);
}

FieldErrors ReplicaSetStrategy::validate_update(const api::Document& now,
                                                const api::Document& before) const {
  FieldErrors errors = validate(now);
  errors += unchanged_selector(now, before);
  return errors;
}

FieldErrors ReplicaSetStrategy::validate_status_update(const api::Document& now,
                                                       const api::Document& before) const {
  return validate_workload_status<apps::v1::ReplicaSet>(now, before);
}

FieldErrors DaemonSetStrategy::validate(const api::Document& object) const {
  return check_typed<apps::v1::DaemonSet>(object, Strategy::validate(object), check_daemon_set);
}

FieldErrors DaemonSetStrategy::validate_update(const api::Document& now,
                                               const api::Document& before) const {
  FieldErrors errors = validate(now);
  errors += unchanged_selector(now, before);
  return errors;
}

FieldErrors DaemonSetStrategy::validate_status_update(const api::Document& now,
                                                      const api::Document& before) const {
  return validate_workload_status<apps::v1::DaemonSet>(now, before);
}

FieldErrors StatefulSetStrategy::validate(const api::Document& object) const {
  return check_typed<apps::v1::StatefulSet>(object, Strategy::validate(object), check_stateful_set);
}

FieldErrors StatefulSetStrategy::validate_update(const api::Document& now,
                                                 const api::Document& before) const {
  FieldErrors errors = validate(now);
  constexpr std::string_view kMayChange[] = {"replicas",
                                             "ordinals",
                                             "template",
                                             "updateStrategy",
                                             "revisionHistoryLimit",
                                             "persistentVolumeClaimRetentionPolicy",
                                             "minReadySeconds"};
  const auto frozen = [&](const api::Document& object) {
    boost::json::object spec;
    if (const auto* found = api::find_at(object, {"spec"}); found && found->is_object()) {
      spec = found->get_object();
    }
    for (const auto name : kMayChange) spec.erase(name);
    return spec;
  };
  if (frozen(now) != frozen(before)) {
    errors.forbidden(spec_path(),
                     "updates to statefulset spec for fields other than 'replicas', 'ordinals', "
                     "'template', 'updateStrategy', 'revisionHistoryLimit', "
                     "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden");
  }
  return errors;
}

FieldErrors StatefulSetStrategy::validate_status_update(const api::Document& now,
                                                        const api::Document& before) const {
  return validate_workload_status<apps::v1::StatefulSet>(now, before);
}

}  // namespace keelson::apiserver
