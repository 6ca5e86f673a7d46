// SPDX-License-Identifier: Apache-2.0
// HorizontalPodAutoscaler: v1 knows one CPU target; the rest of v2 travels in annotations, so that
// a client of v1 loses nothing. Source: upstream apis/autoscaling/v1 conversion and annotations.go.
#include "api/codec/json.h"
#include "apiserver/registry/conversion/convert.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

constexpr std::string_view kMetrics = "autoscaling.alpha.kubernetes.io/metrics";
constexpr std::string_view kCurrentMetrics = "autoscaling.alpha.kubernetes.io/current-metrics";
constexpr std::string_view kConditions = "autoscaling.alpha.kubernetes.io/conditions";
constexpr std::string_view kBehavior = "autoscaling.alpha.kubernetes.io/behavior";

// A CPU metric with a target in percent, which v1 has a field for.
bool is_cpu_utilization(const json::value& metric, std::string_view detail) {
  return api::string_at(metric, {"type"}) == "Resource" &&
         api::string_at(metric, {"resource", "name"}) == "cpu" &&
         api::find_at(metric, {"resource", detail, "averageUtilization"}) != nullptr;
}

void keep_in_annotation(api::Document& autoscaler, std::string_view name,
                        const json::value& value) {
  api::object_at(autoscaler, {"metadata", "annotations"})[name] = api::to_json(value);
}

// Takes an annotation away and returns the value that it held; null if there is none.
json::value take_annotation(api::Document& autoscaler, std::string_view name) {
  auto* annotations = api::find_at(autoscaler, {"metadata", "annotations"});
  if (annotations == nullptr || !annotations->is_object()) return {};
  auto& object = annotations->get_object();
  const auto* text = object.if_contains(name);
  if (text == nullptr || !text->is_string()) return {};
  auto parsed = api::parse_json(std::string_view(text->get_string()));
  object.erase(name);
  if (object.empty()) api::object_at(autoscaler, {"metadata"}).erase("annotations");
  return parsed ? *std::move(parsed) : json::value();
}

json::value cpu_metric(std::string_view detail, const json::value& percent) {
  json::object amount{{"averageUtilization", percent}};
  if (detail == "target") amount["type"] = "Utilization";
  return json::object{{"type", "Resource"},
                      {"resource", json::object{{"name", "cpu"}, {detail, std::move(amount)}}}};
}

void move_metrics_to_v2(api::Document& autoscaler, std::string_view part, std::string_view field,
                        std::string_view list_name, std::string_view detail,
                        std::string_view annotation) {
  json::array list;
  if (json::value kept = take_annotation(autoscaler, annotation); kept.is_array()) {
    list = std::move(kept.get_array());
  }
  auto* section = api::find_at(autoscaler, {part});
  if (section == nullptr || !section->is_object()) return;
  auto& object = section->get_object();
  if (const auto* percent = object.if_contains(field); percent != nullptr && !percent->is_null()) {
    list.insert(list.begin(), cpu_metric(detail, *percent));
    object.erase(field);
  }
  if (!list.empty()) object[list_name] = std::move(list);
}

void move_metrics_to_v1(api::Document& autoscaler, std::string_view part, std::string_view field,
                        std::string_view list_name, std::string_view detail,
                        std::string_view annotation) {
  auto* section = api::find_at(autoscaler, {part});
  if (section == nullptr || !section->is_object()) return;
  auto& object = section->get_object();
  json::value* found = object.if_contains(list_name);
  if (found == nullptr) return;
  const json::value metrics = std::move(*found);
  object.erase(list_name);
  json::array rest;
  if (metrics.is_array()) {
    for (const auto& metric : metrics.get_array()) {
      if (!object.contains(field) && is_cpu_utilization(metric, detail)) {
        object[field] = *api::find_at(metric, {"resource", detail, "averageUtilization"});
      } else {
        rest.push_back(metric);
      }
    }
  }
  if (!rest.empty()) keep_in_annotation(autoscaler, annotation, std::move(rest));
}

}  // namespace

void autoscaler_to_v2(api::Document& autoscaler) {
  move_metrics_to_v2(autoscaler, "spec", "targetCPUUtilizationPercentage", "metrics", "target",
                     kMetrics);
  move_metrics_to_v2(autoscaler, "status", "currentCPUUtilizationPercentage", "currentMetrics",
                     "current", kCurrentMetrics);
  if (json::value behavior = take_annotation(autoscaler, kBehavior); behavior.is_object()) {
    api::object_at(autoscaler, {"spec"})["behavior"] = std::move(behavior);
  }
  if (json::value conditions = take_annotation(autoscaler, kConditions); conditions.is_array()) {
    api::object_at(autoscaler, {"status"})["conditions"] = std::move(conditions);
  }
}

void autoscaler_from_v2(api::Document& autoscaler) {
  move_metrics_to_v1(autoscaler, "spec", "targetCPUUtilizationPercentage", "metrics", "target",
                     kMetrics);
  move_metrics_to_v1(autoscaler, "status", "currentCPUUtilizationPercentage", "currentMetrics",
                     "current", kCurrentMetrics);
  const auto keep = [&](std::string_view part, std::string_view name, std::string_view annotation) {
    const auto* value = api::find_at(autoscaler, {part, name});
    if (value == nullptr) return;
    const json::value moved = *value;
    api::object_at(autoscaler, {part}).erase(name);
    keep_in_annotation(autoscaler, annotation, moved);
  };
  keep("spec", "behavior", kBehavior);
  keep("status", "conditions", kConditions);
}

}  // namespace keelson::apiserver
