// SPDX-License-Identifier: Apache-2.0
// How big each of a Deployment's ReplicaSets should be now, and how the roll-out stands. Pure
// functions. Source: Kubernetes documentation, "Deployments"; upstream's rolling.go and
// progress.go.
#pragma once

#include <vector>

#include "base/executor.h"
#include "controllers/deployment/revisions.h"

namespace keelson::controllers::deployment {

struct Scaling {
  ReplicaSetPtr set;
  int replicas;
};

struct Limits {
  int surge = 0;
  int unavailable = 0;
};
// Percentages of spec.replicas: surge rounds up, unavailable down; not both 0. 0 and 0 for
// Recreate.
Limits limits(const Deployment& deployment);

// Steps of a rolling update. `current` may be null only for the old ones' part.
std::vector<Scaling> scale_new(const Deployment& deployment, const ReplicaSetPtr& current,
                               const std::vector<ReplicaSetPtr>& old);
std::vector<Scaling> scale_old(const Deployment& deployment, const ReplicaSetPtr& current,
                               const std::vector<ReplicaSetPtr>& old);

// spec.replicas changed since the sets were last sized.
bool was_resized(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets);
// Spreads a new size over the sets in proportion, as in the middle of a roll-out or while paused.
std::vector<Scaling> resize(const Deployment& deployment, const ReplicaSetPtr& current,
                            const std::vector<ReplicaSetPtr>& old);

// How many pods the new set of a deployment gets at its creation.
int initial_replicas(const Deployment& deployment, const std::vector<ReplicaSetPtr>& old);

// The status that the sets make, with the conditions Available, Progressing, ReplicaFailure.
apps::v1::DeploymentStatus rollout_status(const Deployment& deployment,
                                          const ReplicaSetPtr& current,
                                          const std::vector<ReplicaSetPtr>& old, Wall now);
bool is_complete(const Deployment& deployment, const apps::v1::DeploymentStatus& status);
// When the progress deadline has to be looked at; 0: not at all.
Duration until_deadline(const Deployment& deployment, const apps::v1::DeploymentStatus& status,
                        Wall now);

// Sets a condition; keeps the transition time where the status stays, does nothing where status and
// reason stay.
void set_condition(apps::v1::DeploymentStatus& status, std::string_view type,
                   std::string_view value, std::string_view reason, std::string message, Wall now);
const apps::v1::DeploymentCondition* find_condition(const apps::v1::DeploymentStatus& status,
                                                    std::string_view type);

}  // namespace keelson::controllers::deployment
