// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/workload_status.h"

#include <initializer_list>
#include <optional>
#include <string_view>
#include <utility>

#include "api/validation/object_meta.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using Counts = std::initializer_list<std::pair<std::string_view, std::int64_t>>;

constexpr std::string_view kMoreThanAll = "cannot be greater than status.replicas";
constexpr std::string_view kMoreThanReady = "cannot be greater than readyReplicas";

void check_not_negative(Counts counts, FieldErrors& errors) {
  for (const auto& [member, count] : counts) {
    errors += api::validate_not_negative(count, FieldPath("status").child(member));
  }
}

// Parts of `whole`; the text says what that is.
void check_parts(Counts parts, std::int64_t whole, std::string_view text, FieldErrors& errors) {
  for (const auto& [member, count] : parts) {
    if (count > whole) errors.invalid(FieldPath("status").child(member), count, text);
  }
}

void check_collisions(const std::optional<std::int32_t>& now,
                      const std::optional<std::int32_t>& before, FieldErrors& errors) {
  if (!before || now.value_or(0) >= *before) return;
  errors.invalid(FieldPath("status").child("collisionCount"), now.value_or(0),
                 "cannot be decremented");
}

// ReplicaSets and ReplicationControllers count alike.
void check_replicas(const auto& status, FieldErrors& errors) {
  check_not_negative({{"replicas", status.replicas},
                      {"fullyLabeledReplicas", status.fullyLabeledReplicas},
                      {"readyReplicas", status.readyReplicas},
                      {"availableReplicas", status.availableReplicas},
                      {"observedGeneration", status.observedGeneration}},
                     errors);
  check_parts({{"fullyLabeledReplicas", status.fullyLabeledReplicas},
               {"readyReplicas", status.readyReplicas},
               {"availableReplicas", status.availableReplicas}},
              status.replicas, kMoreThanAll, errors);
  check_parts({{"availableReplicas", status.availableReplicas}}, status.readyReplicas,
              kMoreThanReady, errors);
}

}  // namespace

void check_status(const apps::v1::DeploymentStatus& now, const apps::v1::DeploymentStatus& before,
                  FieldErrors& errors) {
  check_not_negative({{"observedGeneration", now.observedGeneration},
                      {"replicas", now.replicas},
                      {"updatedReplicas", now.updatedReplicas},
                      {"readyReplicas", now.readyReplicas},
                      {"availableReplicas", now.availableReplicas},
                      {"unavailableReplicas", now.unavailableReplicas},
                      {"collisionCount", now.collisionCount.value_or(0)}},
                     errors);
  check_parts({{"updatedReplicas", now.updatedReplicas},
               {"readyReplicas", now.readyReplicas},
               {"availableReplicas", now.availableReplicas}},
              now.replicas, kMoreThanAll, errors);
  check_parts({{"availableReplicas", now.availableReplicas}}, now.readyReplicas, kMoreThanReady,
              errors);
  check_collisions(now.collisionCount, before.collisionCount, errors);
}

void check_status(const apps::v1::ReplicaSetStatus& now, const apps::v1::ReplicaSetStatus&,
                  FieldErrors& errors) {
  check_replicas(now, errors);
}

void check_status(const core::v1::ReplicationControllerStatus& now,
                  const core::v1::ReplicationControllerStatus&, FieldErrors& errors) {
  check_replicas(now, errors);
}

void check_status(const apps::v1::DaemonSetStatus& now, const apps::v1::DaemonSetStatus& before,
                  FieldErrors& errors) {
  check_not_negative({{"currentNumberScheduled", now.currentNumberScheduled},
                      {"numberMisscheduled", now.numberMisscheduled},
                      {"desiredNumberScheduled", now.desiredNumberScheduled},
                      {"numberReady", now.numberReady},
                      {"observedGeneration", now.observedGeneration},
                      {"updatedNumberScheduled", now.updatedNumberScheduled},
                      {"numberAvailable", now.numberAvailable},
                      {"numberUnavailable", now.numberUnavailable},
                      {"collisionCount", now.collisionCount.value_or(0)}},
                     errors);
  check_collisions(now.collisionCount, before.collisionCount, errors);
}

void check_status(const apps::v1::StatefulSetStatus& now, const apps::v1::StatefulSetStatus& before,
                  FieldErrors& errors) {
  check_not_negative({{"replicas", now.replicas},
                      {"readyReplicas", now.readyReplicas},
                      {"currentReplicas", now.currentReplicas},
                      {"updatedReplicas", now.updatedReplicas},
                      {"availableReplicas", now.availableReplicas},
                      {"observedGeneration", now.observedGeneration},
                      {"collisionCount", now.collisionCount.value_or(0)}},
                     errors);
  check_parts({{"readyReplicas", now.readyReplicas},
               {"currentReplicas", now.currentReplicas},
               {"updatedReplicas", now.updatedReplicas},
               {"availableReplicas", now.availableReplicas}},
              now.replicas, kMoreThanAll, errors);
  check_parts({{"availableReplicas", now.availableReplicas}}, now.readyReplicas,
              "cannot be greater than status.readyReplicas", errors);
  check_collisions(now.collisionCount, before.collisionCount, errors);
}

}  // namespace keelson::apiserver
