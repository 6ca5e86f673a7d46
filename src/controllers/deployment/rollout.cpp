// SPDX-License-Identifier: Apache-2.0
#include "controllers/deployment/rollout.h"

#include <algorithm>
#include <cmath>

namespace keelson::controllers::deployment {
namespace {

int wanted(const Deployment& deployment) { return deployment.spec.replicas.value_or(1); }
int size(const ReplicaSet& set) { return set.spec.replicas.value_or(1); }

int total_size(const std::vector<ReplicaSetPtr>& sets) {
  int total = 0;
  for (const auto& set : sets) total += size(*set);
  return total;
}

std::vector<ReplicaSetPtr> with(const ReplicaSetPtr& current, std::vector<ReplicaSetPtr> old) {
  if (current) old.push_back(current);
  return old;
}

int most_replicas(const Deployment& deployment) {
  return wanted(deployment) == 0 ? 0 : wanted(deployment) + limits(deployment).surge;
}

// The only set with pods, or the newest when none has; null when several have.
ReplicaSetPtr sole_active(const ReplicaSetPtr& current, const std::vector<ReplicaSetPtr>& old) {
  std::vector<ReplicaSetPtr> active;
  for (const auto& set : with(current, old)) {
    if (size(*set) > 0) active.push_back(set);
  }
  if (active.size() == 1) return active.front();
  if (!active.empty()) return nullptr;
  if (current) return current;
  const auto newest = std::ranges::max_element(old, older);
  return newest == old.end() ? nullptr : *newest;
}

bool is_saturated(const Deployment& deployment, const ReplicaSetPtr& set) {
  return set && size(*set) == wanted(deployment) &&
         annotated_number(*set, kDesiredReplicas) == wanted(deployment) &&
         set->status.availableReplicas == wanted(deployment);
}

// By how much `set` changes when the whole goes to its new size.
int fraction(const Deployment& deployment, const ReplicaSet& set) {
  if (wanted(deployment) == 0) return -size(set);
  const int before = annotated_number(set, kMaxReplicas).value_or(deployment.status.replicas);
  if (before == 0) return 0;
  const double scaled =
      static_cast<double>(size(set)) * most_replicas(deployment) / static_cast<double>(before);
  return static_cast<int>(std::lround(scaled)) - size(set);
}

std::string subject(const Deployment& deployment, const ReplicaSetPtr& current) {
  return current ? "ReplicaSet \"" + current->metadata.name + "\""
                 : "Deployment \"" + deployment.metadata.name + "\"";
}

bool has_deadline(const Deployment& deployment) {
  return deployment.spec.progressDeadlineSeconds &&
         *deployment.spec.progressDeadlineSeconds != INT32_MAX;
}

bool has_progressed(const apps::v1::DeploymentStatus& before,
                    const apps::v1::DeploymentStatus& now) {
  return now.updatedReplicas > before.updatedReplicas ||
         now.replicas - now.updatedReplicas < before.replicas - before.updatedReplicas ||
         now.readyReplicas > before.readyReplicas ||
         now.availableReplicas > before.availableReplicas;
}

bool has_timed_out(const Deployment& deployment, const apps::v1::DeploymentStatus& status,
                   Wall now) {
  const auto* progressing = find_condition(status, "Progressing");
  // A complete roll-out has no deadline any more, whatever happens to its pods later.
  if (!progressing || progressing->reason == "NewReplicaSetAvailable") return false;
  if (progressing->reason == "ProgressDeadlineExceeded") return true;
  return progressing->lastUpdateTime.point() +
             std::chrono::seconds(*deployment.spec.progressDeadlineSeconds) <
         now;
}

// Progress is news even where the status stays, so the update time moves.
void renew_progress(apps::v1::DeploymentStatus& status, std::string_view value,
                    std::string_view reason, std::string message, Wall now) {
  const auto* current = find_condition(status, "Progressing");
  const bool same = current && current->status == value;
  const api::Time transition = same ? current->lastTransitionTime : api::Time(now);
  std::erase_if(status.conditions, [](const auto& c) { return c.type == "Progressing"; });
  status.conditions.push_back({.type = "Progressing",
                               .status = std::string(value),
                               .lastUpdateTime = api::Time(now),
                               .lastTransitionTime = transition,
                               .reason = std::string(reason),
                               .message = std::move(message)});
}

void set_progress(const Deployment& deployment, const ReplicaSetPtr& current,
                  apps::v1::DeploymentStatus& status, Wall now) {
  if (!has_deadline(deployment)) {
    std::erase_if(status.conditions, [](const auto& c) { return c.type == "Progressing"; });
    return;
  }
  const auto* progressing = find_condition(status, "Progressing");
  const bool was_complete = status.replicas == status.updatedReplicas && progressing &&
                            progressing->reason == "NewReplicaSetAvailable";
  if (was_complete) return;
  if (is_complete(deployment, status)) {
    set_condition(status, "Progressing", "True", "NewReplicaSetAvailable",
                  subject(deployment, current) + " has successfully progressed.", now);
  } else if (has_progressed(deployment.status, status)) {
    renew_progress(status, "True", "ReplicaSetUpdated",
                   subject(deployment, current) + " is progressing.", now);
  } else if (has_timed_out(deployment, status, now)) {
    set_condition(status, "Progressing", "False", "ProgressDeadlineExceeded",
                  subject(deployment, current) + " has timed out progressing.", now);
  }
}

void set_failure(const std::vector<ReplicaSetPtr>& sets, const ReplicaSetPtr& current,
                 apps::v1::DeploymentStatus& status) {
  std::erase_if(status.conditions, [](const auto& c) { return c.type == "ReplicaFailure"; });
  std::vector<ReplicaSetPtr> ordered = sets;
  // The newest set's trouble is the most telling.
  if (current) ordered.insert(ordered.begin(), current);
  for (const auto& set : ordered) {
    for (const auto& condition : set->status.conditions) {
      if (condition.type != "ReplicaFailure") continue;
      status.conditions.push_back({.type = condition.type,
                                   .status = condition.status,
                                   .lastUpdateTime = condition.lastTransitionTime,
                                   .lastTransitionTime = condition.lastTransitionTime,
                                   .reason = condition.reason,
                                   .message = condition.message});
      return;
    }
  }
}

}  // namespace

Limits limits(const Deployment& deployment) {
  const auto& strategy = deployment.spec.strategy;
  if (strategy.type != "RollingUpdate" || wanted(deployment) == 0) return {};
  Limits out;
  if (strategy.rollingUpdate) {
    const auto& rolling = *strategy.rollingUpdate;
    if (rolling.maxSurge)
      out.surge = api::scaled_value(*rolling.maxSurge, wanted(deployment), true).value_or(0);
    if (rolling.maxUnavailable)
      out.unavailable =
          api::scaled_value(*rolling.maxUnavailable, wanted(deployment), false).value_or(0);
  }
  // Rounded down to nothing, nothing could ever move.
  if (out.surge == 0 && out.unavailable == 0) out.unavailable = 1;
  out.unavailable = std::min(out.unavailable, wanted(deployment));
  return out;
}

int initial_replicas(const Deployment& deployment, const std::vector<ReplicaSetPtr>& old) {
  if (deployment.spec.strategy.type != "RollingUpdate") return wanted(deployment);
  const int room = wanted(deployment) + limits(deployment).surge - total_size(old);
  return std::clamp(room, 0, wanted(deployment));
}

std::vector<Scaling> scale_new(const Deployment& deployment, const ReplicaSetPtr& current,
                               const std::vector<ReplicaSetPtr>& old) {
  const int now = size(*current);
  if (now == wanted(deployment)) return {};
  if (now > wanted(deployment)) return {{current, wanted(deployment)}};
  if (deployment.spec.strategy.type != "RollingUpdate") return {{current, wanted(deployment)}};
  const int room = wanted(deployment) + limits(deployment).surge - total_size(old) - now;
  if (room <= 0) return {};
  return {{current, now + std::min(room, wanted(deployment) - now)}};
}

std::vector<Scaling> scale_old(const Deployment& deployment, const ReplicaSetPtr& current,
                               const std::vector<ReplicaSetPtr>& old) {
  const int needed = wanted(deployment) - limits(deployment).unavailable;
  const int new_unavailable = size(*current) - current->status.availableReplicas;
  // Pods of the new set that are not available yet may become so: they keep their share.
  const int most = total_size(old) + size(*current) - needed - new_unavailable;
  if (most <= 0) return {};

  std::vector<ReplicaSetPtr> ordered = old;
  std::ranges::sort(ordered, older);
  std::vector<int> left;
  for (const auto& set : ordered) left.push_back(size(*set));

  // Pods that are not available anyway go first: their end costs nothing.
  int removed = 0;
  for (std::size_t i = 0; i < ordered.size() && removed < most; ++i) {
    const int useless = std::max(0, left[i] - ordered[i]->status.availableReplicas);
    const int count = std::min(most - removed, useless);
    left[i] -= count;
    removed += count;
  }
  int available = current->status.availableReplicas;
  for (const auto& set : ordered) available += set->status.availableReplicas;
  int spare = available - needed;
  for (std::size_t i = 0; i < ordered.size() && spare > 0; ++i) {
    const int count = std::min(spare, left[i]);
    left[i] -= count;
    spare -= count;
  }

  std::vector<Scaling> plan;
  for (std::size_t i = 0; i < ordered.size(); ++i) {
    if (left[i] != size(*ordered[i])) plan.push_back({ordered[i], left[i]});
  }
  return plan;
}

bool was_resized(const Deployment& deployment, const std::vector<ReplicaSetPtr>& sets) {
  return std::ranges::any_of(sets, [&deployment](const auto& set) {
    if (size(*set) == 0) return false;
    const auto desired = annotated_number(*set, kDesiredReplicas);
    return desired && *desired != wanted(deployment);
  });
}

std::vector<Scaling> resize(const Deployment& deployment, const ReplicaSetPtr& current,
                            const std::vector<ReplicaSetPtr>& old) {
  if (const auto sole = sole_active(current, old)) {
    if (size(*sole) == wanted(deployment)) return {};
    return {{sole, wanted(deployment)}};
  }
  std::vector<Scaling> plan;
  if (is_saturated(deployment, current)) {
    for (const auto& set : old) {
      if (size(*set) > 0) plan.push_back({set, 0});
    }
    return plan;
  }
  if (deployment.spec.strategy.type != "RollingUpdate") return {};

  std::vector<ReplicaSetPtr> active;
  for (const auto& set : with(current, old)) {
    if (size(*set) > 0) active.push_back(set);
  }
  int left = most_replicas(deployment) - total_size(active);
  if (left == 0) return {};
  const bool grow = left > 0;
  // What rounding leaves over goes to the largest; among equals, growth to the newer, shrinking to
  // the older.
  std::ranges::sort(active, [grow](const auto& a, const auto& b) {
    if (size(*a) != size(*b)) return size(*a) > size(*b);
    return grow ? older(b, a) : older(a, b);
  });
  std::vector<int> sizes;
  for (const auto& set : active) {
    int change = fraction(deployment, *set);
    change = grow ? std::clamp(change, 0, left) : std::clamp(change, left, 0);
    sizes.push_back(size(*set) + change);
    left -= change;
  }
  if (left != 0) sizes.front() = std::max(0, sizes.front() + left);
  for (std::size_t i = 0; i < active.size(); ++i) plan.push_back({active[i], sizes[i]});
  return plan;
}

apps::v1::DeploymentStatus rollout_status(const Deployment& deployment,
                                          const ReplicaSetPtr& current,
                                          const std::vector<ReplicaSetPtr>& old, Wall now) {
  apps::v1::DeploymentStatus status;
  status.observedGeneration = deployment.metadata.generation;
  status.collisionCount = deployment.status.collisionCount;
  status.conditions = deployment.status.conditions;
  int terminating = 0;
  const auto sets = with(current, old);
  for (const auto& set : sets) {
    status.replicas += set->status.replicas;
    status.readyReplicas += set->status.readyReplicas;
    status.availableReplicas += set->status.availableReplicas;
    terminating += set->status.terminatingReplicas.value_or(0);
  }
  status.terminatingReplicas = terminating;
  status.updatedReplicas = current ? current->status.replicas : 0;
  // A set that is being scaled down may have more available pods than it wants.
  status.unavailableReplicas = std::max(0, total_size(sets) - status.availableReplicas);

  if (status.availableReplicas >= wanted(deployment) - limits(deployment).unavailable) {
    set_condition(status, "Available", "True", "MinimumReplicasAvailable",
                  "Deployment has minimum availability.", now);
  } else {
    set_condition(status, "Available", "False", "MinimumReplicasUnavailable",
                  "Deployment does not have minimum availability.", now);
  }
  if (!deployment.spec.paused) set_progress(deployment, current, status, now);
  set_failure(old, current, status);
  return status;
}

bool is_complete(const Deployment& deployment, const apps::v1::DeploymentStatus& status) {
  return status.updatedReplicas == wanted(deployment) && status.replicas == wanted(deployment) &&
         status.availableReplicas == wanted(deployment) &&
         status.observedGeneration >= deployment.metadata.generation;
}

Duration until_deadline(const Deployment& deployment, const apps::v1::DeploymentStatus& status,
                        Wall now) {
  const auto* progressing = find_condition(status, "Progressing");
  if (!has_deadline(deployment) || !progressing || deployment.spec.paused ||
      progressing->reason == "NewReplicaSetAvailable" ||
      progressing->reason == "ProgressDeadlineExceeded")
    return Duration::zero();
  const Wall deadline = progressing->lastUpdateTime.point() +
                        std::chrono::seconds(*deployment.spec.progressDeadlineSeconds);
  // One more second, because times are kept in whole ones.
  return std::max(deadline - now, Duration::zero()) + std::chrono::seconds(1);
}

const apps::v1::DeploymentCondition* find_condition(const apps::v1::DeploymentStatus& status,
                                                    std::string_view type) {
  const auto found =
      std::ranges::find(status.conditions, type, &apps::v1::DeploymentCondition::type);
  return found == status.conditions.end() ? nullptr : &*found;
}

void set_condition(apps::v1::DeploymentStatus& status, std::string_view type,
                   std::string_view value, std::string_view reason, std::string message, Wall now) {
  const auto* current = find_condition(status, type);
  if (current && current->status == value && current->reason == reason) return;
  const api::Time transition =
      current && current->status == value ? current->lastTransitionTime : api::Time(now);
  std::erase_if(status.conditions, [type](const auto& c) { return c.type == type; });
  status.conditions.push_back({.type = std::string(type),
                               .status = std::string(value),
                               .lastUpdateTime = api::Time(now),
                               .lastTransitionTime = transition,
                               .reason = std::string(reason),
                               .message = std::move(message)});
}

}  // namespace keelson::controllers::deployment
