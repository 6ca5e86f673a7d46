// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/workloads.h"

#include <algorithm>
#include <string>

#include "api/apps/v1.h"
#include "api/codec/json.h"
#include "api/names.h"
#include "api/selector.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/pod_spec.h"

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

template <class Number>
void check_count(const std::optional<Number>& count, std::string_view member, FieldErrors& errors) {
  if (count) errors += api::validate_not_negative(*count, spec_path().child(member));
}

void check_amount(const std::optional<api::IntOrString>& amount, const FieldPath& path,
                  FieldErrors& errors) {
  if (!amount) return;
  if (amount->is_int()) {
    errors += api::validate_not_negative(amount->int_value(), path);
    return;
  }
  const auto messages = api::validate_percent(amount->string_value());
  errors.invalid_each(path, amount->string_value(), messages);
  if (messages.empty() && amount->string_value().size() > 4) {
    errors.invalid(path, amount->string_value(), "must not be greater than 100%");
  }
}

bool is_zero(const std::optional<api::IntOrString>& amount) {
  if (!amount) return false;
  return amount->is_int() ? amount->int_value() == 0 : amount->string_value() == "0%";
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

template <class T, class Check>
FieldErrors with_decoded(const api::Document& object, FieldErrors errors, Check check) {
  const auto decoded = api::decode<T>(object);
  if (decoded) {
    check(decoded->spec, errors);
  } else {
    errors.internal({}, decoded.error().message());
  }
  return errors;
}

void check_deployment(const apps::v1::DeploymentSpec& spec, FieldErrors& errors) {
  constexpr KindNames kNames{"deployment", "Deployment"};
  check_count(spec.replicas, "replicas", errors);
  check_selector(spec.selector, spec.template_, kNames, errors);
  errors += validate_pod_template(spec.template_, spec_path().child("template"));
  check_endless(spec.template_.spec, kNames, errors);
  const FieldPath rolling = spec_path().child("strategy", "rollingUpdate");
  if (spec.strategy.rollingUpdate) {
    const auto& update = *spec.strategy.rollingUpdate;
    if (spec.strategy.type == "Recreate") {
      errors.forbidden(rolling, "may not be specified when strategy `type` is 'Recreate'");
    } else {
      check_amount(update.maxUnavailable, rolling.child("maxUnavailable"), errors);
      check_amount(update.maxSurge, rolling.child("maxSurge"), errors);
      if (is_zero(update.maxUnavailable) && is_zero(update.maxSurge)) {
        errors.invalid(rolling.child("maxUnavailable"),
                       api::encode_document(update).at("maxUnavailable"),
                       "may not be 0 when `maxSurge` is 0");
      }
    }
  }
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_count(spec.revisionHistoryLimit, "revisionHistoryLimit", errors);
  if (spec.progressDeadlineSeconds) {
    check_count(spec.progressDeadlineSeconds, "progressDeadlineSeconds", errors);
    if (*spec.progressDeadlineSeconds <= spec.minReadySeconds) {
      errors.invalid(spec_path().child("progressDeadlineSeconds"), *spec.progressDeadlineSeconds,
                     "must be greater than minReadySeconds");
    }
  }
}

void check_replica_set(const apps::v1::ReplicaSetSpec& spec, FieldErrors& errors) {
  // Source: upstream, which calls it a deployment here.
  constexpr KindNames kNames{"deployment", "ReplicaSet"};
  check_count(spec.replicas, "replicas", errors);
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_selector(spec.selector, spec.template_, kNames, errors);
  errors += validate_pod_template(spec.template_, spec_path().child("template"));
  check_endless(spec.template_.spec, kNames, errors);
}

void check_daemon_set(const apps::v1::DaemonSetSpec& spec, FieldErrors& errors) {
  constexpr KindNames kNames{"daemonset", "DaemonSet"};
  check_selector(spec.selector, spec.template_, kNames, errors);
  errors += validate_pod_template(spec.template_, spec_path().child("template"));
  check_endless(spec.template_.spec, kNames, errors);
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_count(spec.revisionHistoryLimit, "revisionHistoryLimit", errors);
}

void check_stateful_set(const apps::v1::StatefulSetSpec& spec, FieldErrors& errors) {
  constexpr KindNames kNames{"statefulset", "StatefulSet"};
  check_count(spec.replicas, "replicas", errors);
  errors += api::validate_not_negative(spec.minReadySeconds, spec_path().child("minReadySeconds"));
  check_count(spec.revisionHistoryLimit, "revisionHistoryLimit", errors);
  // Source: upstream, which does not look into the pod: its volumes may come from the claims.
  check_selector(spec.selector, spec.template_, kNames, errors);
  check_endless(spec.template_.spec, kNames, errors);
}

}  // namespace

FieldErrors DeploymentStrategy::validate(const api::Document& object) const {
  return with_decoded<apps::v1::Deployment>(object, Strategy::validate(object), check_deployment);
}

FieldErrors DeploymentStrategy::validate_update(const api::Document& now,
                                                const api::Document& before) const {
  FieldErrors errors = validate(now);
  errors += unchanged_selector(now, before);
  return errors;
}

FieldErrors ReplicaSetStrategy::validate(const api::Document& object) const {
  return with_decoded<apps::v1::ReplicaSet>(object, Strategy::validate(object), check_replica_set);
}

FieldErrors ReplicaSetStrategy::validate_update(const api::Document& now,
                                                const api::Document& before) const {
  FieldErrors errors = validate(now);
  errors += unchanged_selector(now, before);
  return errors;
}

FieldErrors DaemonSetStrategy::validate(const api::Document& object) const {
  return with_decoded<apps::v1::DaemonSet>(object, Strategy::validate(object), check_daemon_set);
}

FieldErrors DaemonSetStrategy::validate_update(const api::Document& now,
                                               const api::Document& before) const {
  FieldErrors errors = validate(now);
  errors += unchanged_selector(now, before);
  return errors;
}

FieldErrors StatefulSetStrategy::validate(const api::Document& object) const {
  return with_decoded<apps::v1::StatefulSet>(object, Strategy::validate(object),
                                             check_stateful_set);
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

}  // namespace keelson::apiserver
