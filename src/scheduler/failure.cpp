// SPDX-License-Identifier: Apache-2.0
#include "scheduler/failure.h"

#include <boost/json.hpp>

#include "podspec/phase.h"

namespace keelson::scheduler {
namespace {

using podspec::find_condition;

boost::json::object condition_of(const Pod& pod, std::string_view type, std::string_view status,
                                 std::string_view reason, std::string_view message, Wall now) {
  const auto* before = find_condition(pod, type);
  const api::Time since =
      before && before->status == status ? before->lastTransitionTime : api::Time(now);
  boost::json::object condition{{"type", type},
                                {"status", status},
                                {"reason", reason},
                                {"message", message},
                                {"lastTransitionTime", since.text()}};
  if (pod.metadata.generation > 0) condition["observedGeneration"] = pod.metadata.generation;
  return condition;
}

}  // namespace

std::optional<std::string> status_patch(const Pod& pod, const Failure& failure, Wall now) {
  const std::string_view reason = failure.unschedulable ? "Unschedulable" : "SchedulerError";
  const auto* before = find_condition(pod, core::v1::PodConditionType::PodScheduled);
  const bool same_condition = before && before->status == "False" && before->reason == reason &&
                              before->message == failure.message;
  // Without a nomination the earlier one stays: it may be on its way to come true.
  const bool same_node =
      failure.nominated_node.empty() || failure.nominated_node == pod.status.nominatedNodeName;
  if (same_condition && same_node) return std::nullopt;
  boost::json::object status;
  if (!same_condition) {
    status["conditions"] = boost::json::array{condition_of(
        pod, core::v1::PodConditionType::PodScheduled, "False", reason, failure.message, now)};
  }
  if (!same_node) status["nominatedNodeName"] = failure.nominated_node;
  return boost::json::serialize(boost::json::object{{"status", std::move(status)}});
}

std::string event_text(const std::string& message) {
  constexpr std::size_t kTextMax = 1024;  // Of events.k8s.io, note.
  constexpr std::string_view kEnd = " ...";
  if (message.size() <= kTextMax) return message;
  return message.substr(0, kTextMax - kEnd.size()).append(kEnd);
}

std::string disruption_patch(const Pod& victim, const std::string& scheduler_name, Wall now) {
  return boost::json::serialize(boost::json::object{
      {"status",
       boost::json::object{
           {"conditions",
            boost::json::array{condition_of(
                victim, core::v1::PodConditionType::DisruptionTarget, "True",
                "PreemptionByScheduler",
                scheduler_name + ": preempting to accommodate a higher priority pod", now)}}}}});
}

}  // namespace keelson::scheduler
