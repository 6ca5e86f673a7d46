// SPDX-License-Identifier: Apache-2.0
#include "api/autoscaling/v1.h"
#include "api/autoscaling/v2.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using autoscaling::v2::MetricSpec;
using autoscaling::v2::MetricStatus;
using autoscaling::v2::MetricTarget;
using autoscaling::v2::MetricValueStatus;

constexpr std::size_t kMetricsShown = 2;

std::string text_of(const std::optional<api::Quantity>& quantity) {
  return quantity ? quantity->text() : std::string(kUnknown);
}

std::string percent(const std::optional<std::int32_t>& value, std::string_view instead) {
  return value ? std::to_string(*value) + "%" : std::string(instead);
}

// Of an object or an external metric. `current` is null before the first measurement.
std::string value_metric(const MetricTarget& target, const MetricValueStatus* current) {
  if (target.averageValue) {
    return (current ? text_of(current->averageValue) : std::string(kUnknown)) + "/" +
           target.averageValue->text() + " (avg)";
  }
  return (current ? text_of(current->value) : std::string(kUnknown)) + "/" + text_of(target.value);
}

// "cpu: 12%/80%"
std::string resource_metric(const std::string& name, const MetricTarget& target,
                            const MetricValueStatus* current) {
  if (target.averageValue) {
    return name + ": " + (current ? text_of(current->averageValue) : std::string(kUnknown)) + "/" +
           target.averageValue->text();
  }
  return name + ": " + percent(current ? current->averageUtilization : std::nullopt, kUnknown) +
         "/" + percent(target.averageUtilization, "<auto>");
}

template <class Status>
const MetricValueStatus* current_of(const api::Box<Status>& status) {
  return status ? &status->current : nullptr;
}

std::string metric_text(const MetricSpec& spec, const MetricStatus& status) {
  if (spec.external) return value_metric(spec.external->target, current_of(status.external));
  if (spec.object) return value_metric(spec.object->target, current_of(status.object));
  if (spec.pods) {
    const MetricValueStatus* current = current_of(status.pods);
    return (current ? text_of(current->averageValue) : std::string(kUnknown)) + "/" +
           text_of(spec.pods->target.averageValue);
  }
  if (spec.resource) {
    return resource_metric(spec.resource->name, spec.resource->target, current_of(status.resource));
  }
  if (spec.containerResource) {
    return resource_metric(spec.containerResource->name, spec.containerResource->target,
                           current_of(status.containerResource));
  }
  return "<unknown type>";
}

std::string targets_of(const autoscaling::v2::HorizontalPodAutoscaler& autoscaler) {
  const auto& specs = autoscaler.spec.metrics;
  const auto& statuses = autoscaler.status.currentMetrics;
  if (specs.empty()) return std::string(kNone);
  static const MetricStatus kNotMeasured;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < specs.size() && i < kMetricsShown; ++i) {
    shown.push_back(metric_text(specs[i], i < statuses.size() ? statuses[i] : kNotMeasured));
  }
  std::string out = join(shown, ", ");
  if (specs.size() > kMetricsShown) {
    out += " + " + std::to_string(specs.size() - kMetricsShown) + " more...";
  }
  return out;
}

// The first version knows one metric only.
std::string targets_of(const autoscaling::v1::HorizontalPodAutoscaler& autoscaler) {
  const auto& target = autoscaler.spec.targetCPUUtilizationPercentage;
  if (!target) return std::string(kNone);
  return "cpu: " + percent(autoscaler.status.currentCPUUtilizationPercentage, kUnknown) + "/" +
         percent(target, "<auto>");
}

template <class Autoscaler>
Cells autoscaler_cells(const Autoscaler& autoscaler, Wall now) {
  const auto& spec = autoscaler.spec;
  return {autoscaler.metadata.name,
          spec.scaleTargetRef.kind + "/" + spec.scaleTargetRef.name,
          targets_of(autoscaler),
          spec.minReplicas ? std::to_string(*spec.minReplicas) : std::string(kUnset),
          spec.maxReplicas,
          autoscaler.status.currentReplicas,
          age_of(autoscaler, now)};
}

Cells scale_cells(const autoscaling::v1::Scale& scale, Wall now) {
  return {scale.metadata.name, scale.spec.replicas, scale.status.replicas, age_of(scale, now)};
}

constexpr Printer kPrinters[] = {
    printer<autoscaling::v1::HorizontalPodAutoscaler,
            autoscaler_cells<autoscaling::v1::HorizontalPodAutoscaler>>(),
    printer<autoscaling::v2::HorizontalPodAutoscaler,
            autoscaler_cells<autoscaling::v2::HorizontalPodAutoscaler>>(),
    printer<autoscaling::v1::Scale, scale_cells>(),
};

}  // namespace

std::span<const Printer> autoscaling_printers() { return kPrinters; }

}  // namespace keelson::apiserver
