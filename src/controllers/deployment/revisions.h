// SPDX-License-Identifier: Apache-2.0
// A Deployment's ReplicaSets as its history. Pure functions. Source: upstream's deployment/util.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "api/apps/v1.h"

namespace keelson::controllers::deployment {

using apps::v1::Deployment;
using apps::v1::ReplicaSet;
using ReplicaSetPtr = std::shared_ptr<const ReplicaSet>;

inline constexpr std::string_view kRevision = "deployment.kubernetes.io/revision";
inline constexpr std::string_view kRevisionHistory = "deployment.kubernetes.io/revision-history";
inline constexpr std::string_view kDesiredReplicas = "deployment.kubernetes.io/desired-replicas";
inline constexpr std::string_view kMaxReplicas = "deployment.kubernetes.io/max-replicas";
inline constexpr std::string_view kTemplateHash = "pod-template-hash";

// By time of creation, then by name.
bool older(const ReplicaSetPtr& a, const ReplicaSetPtr& b);

// Of a pod template: stable over restarts, changed by any change of it and by `collisions`; made of
// characters that spell no word.
std::string template_hash(const core::v1::PodTemplateSpec& pod_template, int collisions);

// The set that runs the deployment's present template (the oldest of several); null if there is
// none.
ReplicaSetPtr find_new(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets);
// All others.
std::vector<ReplicaSetPtr> find_old(const ReplicaSetPtr& current,
                                    const std::vector<ReplicaSetPtr>& sets);

// 0 where the annotation is missing or no number.
std::int64_t revision(const meta::v1::ObjectMeta& metadata);
std::int64_t highest_revision(const std::vector<ReplicaSetPtr>& sets);

// The set that a deployment with no current one needs.
ReplicaSet make_new(const Deployment& deployment, std::int64_t revision_number, int replicas);

// Carries annotations and revision over to `set`; true if anything changed.
bool refresh_annotations(const Deployment& deployment, std::int64_t revision_number, bool is_new,
                         ReplicaSet& set);
// Sets desired and max replicas; true if anything changed.
bool set_size_annotations(ReplicaSet& set, int desired, int most);
std::optional<int> annotated_number(const ReplicaSet& set, std::string_view annotation);

// Old sets without pods beyond the history limit, oldest first.
std::vector<ReplicaSetPtr> beyond_history(const Deployment& deployment,
                                          const std::vector<ReplicaSetPtr>& old);

}  // namespace keelson::controllers::deployment
