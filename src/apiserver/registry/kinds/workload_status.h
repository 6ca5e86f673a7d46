// SPDX-License-Identifier: Apache-2.0
// What controllers count in the status of what makes pods. Source: upstream,
// pkg/apis/apps/validation and pkg/apis/core/validation.
#pragma once

#include "api/apps/v1.h"
#include "api/core/v1.h"
#include "apiserver/registry/kinds/typed_check.h"

namespace keelson::apiserver {

void check_status(const apps::v1::DeploymentStatus& now, const apps::v1::DeploymentStatus& before,
                  api::FieldErrors& errors);
void check_status(const apps::v1::ReplicaSetStatus& now, const apps::v1::ReplicaSetStatus& before,
                  api::FieldErrors& errors);
void check_status(const core::v1::ReplicationControllerStatus& now,
                  const core::v1::ReplicationControllerStatus& before, api::FieldErrors& errors);
void check_status(const apps::v1::DaemonSetStatus& now, const apps::v1::DaemonSetStatus& before,
                  api::FieldErrors& errors);
void check_status(const apps::v1::StatefulSetStatus& now, const apps::v1::StatefulSetStatus& before,
                  api::FieldErrors& errors);

// Of an update of /status.
template <class Workload>
api::FieldErrors validate_workload_status(const api::Document& now, const api::Document& before) {
  return check_typed<Workload>(now, {}, [&](const Workload& workload, api::FieldErrors& errors) {
    const auto old = api::decode<Workload>(before);
    if (old) check_status(workload.status, old->status, errors);
  });
}

}  // namespace keelson::apiserver
