// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/autoscaling.h"

#include <algorithm>

#include "api/autoscaling/v2.h"
#include "api/names.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/resource_names.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using autoscaling::v2::HorizontalPodAutoscaler;
using autoscaling::v2::MetricSpec;
using autoscaling::v2::MetricTarget;

constexpr std::int32_t kPeriodSecondsMax = 1800;
constexpr std::int32_t kWindowSecondsMax = 3600;

void check_segment(const std::string& text, const FieldPath& path, std::string_view missing,
                   FieldErrors& errors) {
  if (text.empty()) {
    errors.required(path, missing);
  } else {
    errors.invalid_each(path, text, api::name_is_path_segment(text, false));
  }
}

void check_reference(const autoscaling::v2::CrossVersionObjectReference& reference,
                     const FieldPath& path, FieldErrors& errors) {
  check_segment(reference.kind, path.child("kind"), {}, errors);
  check_segment(reference.name, path.child("name"), {}, errors);
}

void check_positive(const std::optional<api::Quantity>& amount, const FieldPath& path,
                    FieldErrors& errors) {
  if (amount && amount->sign() <= 0) errors.invalid(path, amount->text(), "must be positive");
}

void check_target(const MetricTarget& target, const FieldPath& path, FieldErrors& errors) {
  if (target.type.empty()) errors.required(path.child("type"), "must specify a metric target type");
  if (target.type != "Utilization" && target.type != "Value" && target.type != "AverageValue") {
    errors.invalid(path.child("type"), target.type,
                   "must be either Utilization, Value, or AverageValue");
  }
  check_positive(target.value, path.child("value"), errors);
  check_positive(target.averageValue, path.child("averageValue"), errors);
  if (target.averageUtilization && *target.averageUtilization < 1) {
    errors.invalid(path.child("averageUtilization"), *target.averageUtilization,
                   "must be greater than 0");
  }
}

void check_metric_name(const autoscaling::v2::MetricIdentifier& metric, const FieldPath& path,
                       FieldErrors& errors) {
  check_segment(metric.name, path.child("name"), "must specify a metric name", errors);
}

// Of a resource: either in percent or as an amount.
void check_resource_target(const MetricTarget& target, const FieldPath& path, FieldErrors& errors) {
  check_target(target, path, errors);
  if (!target.averageUtilization && !target.averageValue) {
    errors.required(path.child("averageUtilization"),
                    "must set either a target raw value or a target utilization");
  } else if (target.averageUtilization && target.averageValue) {
    errors.forbidden(path.child("averageValue"),
                     "may not set both a target raw value and a target utilization");
  }
}

void check_source(const autoscaling::v2::ObjectMetricSource& source, const FieldPath& path,
                  FieldErrors& errors) {
  check_reference(source.describedObject, path.child("describedObject"), errors);
  check_metric_name(source.metric, path.child("metric"), errors);
  check_target(source.target, path.child("target"), errors);
  if (!source.target.value && !source.target.averageValue) {
    errors.required(path.child("target", "averageValue"),
                    "must set either a target value or averageValue");
  }
}

void check_source(const autoscaling::v2::ExternalMetricSource& source, const FieldPath& path,
                  FieldErrors& errors) {
  check_metric_name(source.metric, path.child("metric"), errors);
  check_target(source.target, path.child("target"), errors);
  if (!source.target.value && !source.target.averageValue) {
    errors.required(path.child("target", "averageValue"),
                    "must set either a target value for metric or a per-pod target");
  } else if (source.target.value && source.target.averageValue) {
    errors.forbidden(path.child("target", "value"),
                     "may not set both a target value for metric and a per-pod target");
  }
}

void check_source(const autoscaling::v2::PodsMetricSource& source, const FieldPath& path,
                  FieldErrors& errors) {
  check_metric_name(source.metric, path.child("metric"), errors);
  check_target(source.target, path.child("target"), errors);
  if (!source.target.averageValue) {
    errors.required(path.child("target", "averageValue"),
                    "must specify a positive target averageValue");
  }
}

void check_source(const autoscaling::v2::ResourceMetricSource& source, const FieldPath& path,
                  FieldErrors& errors) {
  if (source.name.empty()) errors.required(path.child("name"), "must specify a resource name");
  check_resource_target(source.target, path.child("target"), errors);
}

void check_source(const autoscaling::v2::ContainerResourceMetricSource& source,
                  const FieldPath& path, FieldErrors& errors) {
  if (source.name.empty()) {
    errors.required(path.child("name"), "must specify a resource name");
  } else {
    check_container_resource_name(source.name, path.child("name"), errors);
  }
  if (source.container.empty()) {
    errors.required(path.child("container"), "must specify a container");
  } else {
    errors.invalid_each(path.child("container"), source.container,
                        api::validate_dns1123_label(source.container));
  }
  check_resource_target(source.target, path.child("target"), errors);
}

void check_metric(const MetricSpec& metric, const FieldPath& path, FieldErrors& errors) {
  // In the order in which upstream looks at them: only the first is looked into.
  struct Source {
    std::string_view type, member;
    bool set;
  };
  const Source sources[] = {
      {"Object", "object", metric.object.has_value()},
      {"External", "external", metric.external.has_value()},
      {"Pods", "pods", metric.pods.has_value()},
      {"Resource", "resource", metric.resource.has_value()},
      {"ContainerResource", "containerResource", metric.containerResource.has_value()}};
  const auto named = std::ranges::find(sources, metric.type, &Source::type);
  if (metric.type.empty()) {
    errors.required(path.child("type"), "must specify a metric source type");
  }
  if (named == std::end(sources)) {
    errors.not_supported(path.child("type"), metric.type,
                         {"ContainerResource", "External", "Object", "Pods", "Resource"});
  }
  if (metric.object) {
    check_source(*metric.object, path.child("object"), errors);
  } else if (metric.external) {
    check_source(*metric.external, path.child("external"), errors);
  } else if (metric.pods) {
    check_source(*metric.pods, path.child("pods"), errors);
  } else if (metric.resource) {
    check_source(*metric.resource, path.child("resource"), errors);
  } else if (metric.containerResource) {
    check_source(*metric.containerResource, path.child("containerResource"), errors);
  }
  if (named != std::end(sources) && !named->set) {
    errors.required(path.child(named->member),
                    "must populate information for the given metric source");
  }
  if (std::ranges::count(sources, true, &Source::set) == 1) return;
  for (const auto& source : sources) {
    if (!source.set || source.type == metric.type) continue;
    errors.forbidden(path.child(source.member), "must populate the given metric source only");
  }
}

void check_scaling(const autoscaling::v2::HPAScalingRules& rules, const FieldPath& path,
                   FieldErrors& errors) {
  const FieldPath window = path.child("stabilizationWindowSeconds");
  const std::int32_t seconds = rules.stabilizationWindowSeconds.value_or(0);
  if (seconds < 0) errors.invalid(window, seconds, "must be greater than or equal to zero");
  if (seconds > kWindowSecondsMax) {
    errors.invalid(window, seconds,
                   "must be less than or equal to " + std::to_string(kWindowSecondsMax));
  }
  const std::string select = rules.selectPolicy.value_or("Max");
  if (select != "Max" && select != "Min" && select != "Disabled") {
    errors.not_supported(path.child("selectPolicy"), select, {"Disabled", "Max", "Min"});
  }
  const FieldPath policies = path.child("policies");
  if (rules.policies.empty()) errors.required(policies, "must specify at least one Policy");
  for (std::size_t i = 0; i < rules.policies.size(); ++i) {
    const auto& policy = rules.policies[i];
    const FieldPath at = policies.index(i);
    if (policy.type != "Pods" && policy.type != "Percent") {
      errors.not_supported(at.child("type"), policy.type, {"Percent", "Pods"});
    }
    if (policy.value <= 0) {
      errors.invalid(at.child("value"), policy.value, "must be greater than zero");
    }
    if (policy.periodSeconds <= 0) {
      errors.invalid(at.child("periodSeconds"), policy.periodSeconds, "must be greater than zero");
    }
    if (policy.periodSeconds > kPeriodSecondsMax) {
      errors.invalid(at.child("periodSeconds"), policy.periodSeconds,
                     "must be less than or equal to " + std::to_string(kPeriodSecondsMax));
    }
  }
  if (rules.tolerance && rules.tolerance->sign() < 0) {
    errors.invalid(path.child("tolerance"), rules.tolerance->text(), api::kNegativeMessage);
  }
}

void check_autoscaler(const HorizontalPodAutoscaler& autoscaler, FieldErrors& errors) {
  const auto& spec = autoscaler.spec;
  const FieldPath path("spec");
  if (spec.minReplicas && *spec.minReplicas < 1) {
    errors.invalid(path.child("minReplicas"), *spec.minReplicas,
                   "must be greater than or equal to 1");
  }
  if (spec.maxReplicas < 1) {
    errors.invalid(path.child("maxReplicas"), spec.maxReplicas, "must be greater than 0");
  }
  if (spec.minReplicas && spec.maxReplicas < *spec.minReplicas) {
    errors.invalid(path.child("maxReplicas"), spec.maxReplicas,
                   "must be greater than or equal to `minReplicas`");
  }
  check_reference(spec.scaleTargetRef, path.child("scaleTargetRef"), errors);
  for (std::size_t i = 0; i < spec.metrics.size(); ++i) {
    check_metric(spec.metrics[i], path.child("metrics").index(i), errors);
  }
  if (!spec.behavior) return;
  const FieldPath behavior = path.child("behavior");
  if (spec.behavior->scaleUp) {
    check_scaling(*spec.behavior->scaleUp, behavior.child("scaleUp"), errors);
  }
  if (spec.behavior->scaleDown) {
    check_scaling(*spec.behavior->scaleDown, behavior.child("scaleDown"), errors);
  }
}

}  // namespace

FieldErrors AutoscalerStrategy::validate(const api::Document& object) const {
  return check_typed<HorizontalPodAutoscaler>(object, {}, check_autoscaler);
}

FieldErrors AutoscalerStrategy::validate_status_update(const api::Document& now,
                                                       const api::Document&) const {
  return check_typed<HorizontalPodAutoscaler>(
      now, {}, [](const HorizontalPodAutoscaler& autoscaler, FieldErrors& errors) {
        const FieldPath path("status");
        errors += api::validate_not_negative(autoscaler.status.currentReplicas,
                                             path.child("currentReplicas"));
        errors += api::validate_not_negative(autoscaler.status.desiredReplicas,
                                             path.child("desiredReplicas"));
      });
}

}  // namespace keelson::apiserver
