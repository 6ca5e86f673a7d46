// SPDX-License-Identifier: Apache-2.0
#include "controllers/deployment/controller.h"

#include "api/selector.h"
#include "base/log.h"
#include "controllers/deployment/revisions.h"
#include "controllers/deployment/rollout.h"
#include "controllers/own_writes.h"
#include "controllers/ownership.h"
#include "controllers/pods.h"

namespace keelson::controllers {
namespace deployment {
namespace {

using core::v1::Pod;

class DeploymentController final : public Controller {
 public:
  explicit DeploymentController(ControllerContext& context)
      : context_(context), queue_(context.executor), own_writes_(context.executor) {
    index_by_controller<ReplicaSet>(context.informers);
    index_by_controller<Pod>(context.informers);
    context.informers.of<Deployment>().add_handler(
        [this](const ObjectPtr& before, const ObjectPtr& now) {
          if (!now) own_writes_.forget(before->uid());
          queue_.add((now ? now : before)->key());
        });
    context.informers.of<ReplicaSet>().add_handler(
        [this](const ObjectPtr& before, const ObjectPtr& now) {
          if (!now) own_writes_.forget(before->uid());
          if (before) add_owner(before->as<ReplicaSet>().metadata);
          if (now) add_owner(now->as<ReplicaSet>().metadata);
        });
    // A Recreate deployment waits for the last old pod to go.
    context.informers.of<Pod>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (before && (!now || is_terminal(now->as<Pod>()))) pod_gone(before->as<Pod>());
    });
  }

  std::string_view name() const override { return "deployment"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Deployment>().wait_synced()) co_return;
    if (!co_await context_.informers.of<ReplicaSet>().wait_synced()) co_return;
    if (!co_await context_.informers.of<Pod>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 5, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  using Sets = std::vector<ReplicaSetPtr>;
  using DeploymentPtr = std::shared_ptr<const Deployment>;

  void add_owner(const meta::v1::ObjectMeta& metadata) {
    const auto* owner = controller_of(metadata);
    if (owner && owner->kind == "Deployment") {
      queue_.add({metadata.namespace_, owner->name});
      return;
    }
    if (owner || metadata.deletionTimestamp) return;
    for (const auto& candidate :
         context_.informers.of<Deployment>().list<Deployment>(metadata.namespace_)) {
      const auto selector = api::LabelSelector::from(candidate->spec.selector.get());
      if (selector && !selector->selects_everything() && selector->matches(metadata.labels))
        queue_.add(key_of(*candidate));
    }
  }

  void pod_gone(const Pod& pod) {
    const auto* owner = controller_of(pod.metadata);
    if (!owner || owner->kind != "ReplicaSet") return;
    const auto set = context_.informers.of<ReplicaSet>().find<ReplicaSet>(
        {pod.metadata.namespace_, owner->name});
    if (set) add_owner(set->metadata);
  }

  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto deployment = context_.informers.of<Deployment>().find<Deployment>(key);
    if (!deployment) co_return client::Requeue::none();
    if (const Duration wait = own_writes_.behind(deployment->metadata); wait > Duration::zero())
      co_return client::Requeue::in(wait);
    const auto selector = api::LabelSelector::from(deployment->spec.selector.get());
    if (!selector || selector->selects_everything()) {
      context_.events.record(
          event_target(*deployment), client::EventType::Warning, "SelectingAll",
          "This deployment is selecting all pods. A non-empty selector is required.");
      co_return client::Requeue::none();
    }
    CO_TRY(auto sets, co_await claim_objects<ReplicaSet>(
                          context_, *deployment, [&selector](const meta::v1::ObjectMeta& metadata) {
                            return selector->matches(metadata.labels);
                          }));
    for (const auto& set : sets) {
      if (const Duration wait = own_writes_.behind(set->metadata); wait > Duration::zero())
        co_return client::Requeue::in(wait);
    }
    const ReplicaSetPtr current = find_new(*deployment, sets);
    const Sets old = find_old(current, sets);

    if (deployment->metadata.deletionTimestamp)
      co_return co_await report(*deployment, deployment->status.conditions, current, old);
    if (auto conditions = pause_conditions(*deployment)) {
      Deployment next = *deployment;
      next.status.conditions = std::move(*conditions);
      CO_TRY(const auto written, co_await context_.client.update_status(std::move(next)));
      own_writes_.note(written->metadata);
      co_return client::Requeue::none();  // The change comes back as an event.
    }
    if (deployment->spec.paused || was_resized(*deployment, sets)) {
      CO_TRY_OK(co_await apply(*deployment, resize(*deployment, current, old)));
      CO_TRY_OK(co_await refresh_sizes(*deployment, sets));
      if (deployment->spec.paused) CO_TRY_OK(co_await clean_up(*deployment, old));
      co_return co_await report(*deployment, deployment->status.conditions, current, old);
    }
    if (deployment->spec.strategy.type == "Recreate")
      co_return co_await recreate(deployment, current, old);
    co_return co_await roll(deployment, current, old);
  }

  Task<Result<client::Requeue>> roll(DeploymentPtr deployment, ReplicaSetPtr current, Sets old) {
    auto conditions = deployment->status.conditions;
    CO_TRY(current, co_await ensure_new(deployment, std::move(current), old, conditions));
    if (!current) co_return client::Requeue::none();
    auto plan = scale_new(*deployment, current, old);
    // Growing first: what the new set gains in this step does not yet let the old ones shrink.
    if (plan.empty()) plan = scale_old(*deployment, current, old);
    CO_TRY_OK(co_await apply(*deployment, plan));
    co_return co_await finish(*deployment, std::move(conditions), current, old);
  }

  Task<Result<client::Requeue>> recreate(DeploymentPtr deployment, ReplicaSetPtr current,
                                         Sets old) {
    auto conditions = deployment->status.conditions;
    std::vector<Scaling> plan;
    for (const auto& set : old) {
      if (set->spec.replicas.value_or(1) > 0) plan.push_back({set, 0});
    }
    if (!plan.empty()) {
      CO_TRY_OK(co_await apply(*deployment, plan));
      co_return co_await report(*deployment, std::move(conditions), current, old);
    }
    for (const auto& set : old) {
      for (const auto& pod :
           context_.informers.of<Pod>().by_index<Pod>(kByController, set->metadata.uid)) {
        if (!is_terminal(*pod))
          co_return co_await report(*deployment, std::move(conditions), current, old);
      }
    }
    CO_TRY(current, co_await ensure_new(deployment, std::move(current), old, conditions));
    if (!current) co_return client::Requeue::none();
    CO_TRY_OK(co_await apply(*deployment, scale_new(*deployment, current, old)));
    co_return co_await finish(*deployment, std::move(conditions), current, old);
  }

  Task<Result<client::Requeue>> finish(const Deployment& deployment,
                                       std::vector<apps::v1::DeploymentCondition> conditions,
                                       const ReplicaSetPtr& current, const Sets& old) {
    if (is_complete(deployment, deployment.status)) CO_TRY_OK(co_await clean_up(deployment, old));
    co_return co_await report(deployment, std::move(conditions), current, old);
  }

  // The set for the present template, made if there is none, with number and annotations up to
  // date. Null when the status had to be changed first (a name was taken): look again. `deployment`
  // is replaced by what is written of it here, so that a later write does not meet a newer version.
  Task<Result<ReplicaSetPtr>> ensure_new(DeploymentPtr& deployment, ReplicaSetPtr current,
                                         const Sets& old,
                                         std::vector<apps::v1::DeploymentCondition>& conditions) {
    const std::int64_t number = highest_revision(old) + 1;
    apps::v1::DeploymentStatus status = deployment->status;
    status.conditions = conditions;
    const bool has_deadline = deployment->spec.progressDeadlineSeconds.has_value();
    if (current) {
      ReplicaSet next = *current;
      bool changed = refresh_annotations(*deployment, number, true, next);
      if (next.spec.minReadySeconds != deployment->spec.minReadySeconds) {
        next.spec.minReadySeconds = deployment->spec.minReadySeconds;
        changed = true;
      }
      if (changed) {
        CO_TRY(current, co_await context_.client.update(std::move(next)));
        own_writes_.note(current->metadata);
      }
      if (!find_condition(status, "Progressing") && has_deadline)
        set_condition(status, "Progressing", "True", "FoundNewReplicaSet",
                      "Found new replica set \"" + current->metadata.name + "\"",
                      context_.executor.now());
    } else {
      ReplicaSet wanted = make_new(*deployment, number, initial_replicas(*deployment, old));
      set_size_annotations(wanted, deployment->spec.replicas.value_or(1), most(*deployment));
      const std::string set_name = wanted.metadata.name;
      auto created = co_await context_.client.create(std::move(wanted));
      if (!created && created.error().is(Reason::AlreadyExists))
        co_return co_await resolve_collision(*deployment, set_name);
      if (!created) {
        if (!is_namespace_ending(created.error()))
          co_await report_creation_error(*deployment, set_name, created.error());
        co_return fail(std::move(created).error());
      }
      current = std::move(*created);
      if (current->spec.replicas.value_or(0) > 0)
        record_scaling(*deployment, *current, 0, *current->spec.replicas);
      if (has_deadline)
        set_condition(status, "Progressing", "True", "NewReplicaSetCreated",
                      "Created new replica set \"" + set_name + "\"", context_.executor.now());
    }
    conditions = std::move(status.conditions);
    // kubectl rollout reads the number from the deployment itself.
    if (revision(deployment->metadata) != revision(current->metadata)) {
      // On this version only: the rest of the round judges by the spec that was read. By way of the
      // status, so that the generation, which is the user's, stays.
      const std::string patch = boost::json::serialize(boost::json::object{
          {"metadata",
           {{"resourceVersion", deployment->metadata.resourceVersion},
            {"annotations", {{kRevision, std::to_string(revision(current->metadata))}}}}}});
      CO_TRY(deployment,
             co_await context_.client.patch<Deployment>(
                 key_of(*deployment), client::PatchType::Merge, patch, {.subresource = "status"}));
      own_writes_.note(deployment->metadata);
    }
    co_return current;
  }

  Task<void> report_creation_error(const Deployment& deployment, std::string set_name,
                                   Status error) {
    const std::string message =
        "Failed to create new replica set \"" + set_name + "\": " + error.message();
    context_.events.record(event_target(deployment), client::EventType::Warning,
                           "ReplicaSetCreateError", message);
    if (!deployment.spec.progressDeadlineSeconds) co_return;
    Deployment next = deployment;
    set_condition(next.status, "Progressing", "False", "ReplicaSetCreateError", message,
                  context_.executor.now());
    if (next.status == deployment.status) co_return;
    // The creation's failure, which is returned, is the one that counts.
    auto written = co_await context_.client.update_status(std::move(next));
    if (written)
      own_writes_.note((*written)->metadata);
    else
      log_verbose(2, "Cannot report that a replica set was not created",
                  {{"deployment", key_of(deployment).text()}, {"err", written.error().message()}});
  }

  // The name is taken. By our own set, when the local copy is behind: wait for it. Else count up,
  // which gives another name.
  Task<Result<ReplicaSetPtr>> resolve_collision(const Deployment& deployment,
                                                const std::string& set_name) {
    CO_TRY(auto existing,
           co_await context_.client.get<ReplicaSet>({deployment.metadata.namespace_, set_name}));
    const auto* owner = controller_of(existing->metadata);
    if (owner && owner->uid == deployment.metadata.uid && find_new(deployment, {existing}))
      co_return existing;
    Deployment next = deployment;
    next.status.collisionCount = next.status.collisionCount.value_or(0) + 1;
    CO_TRY(const auto written, co_await context_.client.update_status(std::move(next)));
    own_writes_.note(written->metadata);
    co_return ReplicaSetPtr();
  }

  Task<Result<void>> apply(const Deployment& deployment, const std::vector<Scaling>& plan) {
    for (const auto& [set, replicas] : plan) {
      const int before = set->spec.replicas.value_or(1);
      ReplicaSet next = *set;
      next.spec.replicas = replicas;
      const bool annotated =
          set_size_annotations(next, deployment.spec.replicas.value_or(1), most(deployment));
      if (before == replicas && !annotated) continue;
      CO_TRY(const auto written, co_await context_.client.update(std::move(next)));
      own_writes_.note(written->metadata);
      if (before != replicas) record_scaling(deployment, *set, before, replicas);
    }
    co_return Result<void>{};
  }

  // After a resize every set has to carry the new size, or it would look like another one.
  Task<Result<void>> refresh_sizes(const Deployment& deployment, const Sets& sets) {
    for (const auto& set : sets) {
      const auto fresh = context_.informers.of<ReplicaSet>().find<ReplicaSet>(key_of(*set));
      if (!fresh || fresh->spec.replicas.value_or(1) == 0) continue;
      // apply() has just written this one; its event brings us back.
      if (own_writes_.behind(fresh->metadata) > Duration::zero()) continue;
      ReplicaSet next = *fresh;
      if (!set_size_annotations(next, deployment.spec.replicas.value_or(1), most(deployment)))
        continue;
      CO_TRY(const auto written, co_await context_.client.update(std::move(next)));
      own_writes_.note(written->metadata);
    }
    co_return Result<void>{};
  }

  Task<Result<void>> clean_up(const Deployment& deployment, const Sets& old) {
    for (const auto& set : beyond_history(deployment, old)) {
      auto removed = co_await context_.client.remove<ReplicaSet>(key_of(*set));
      if (!removed && !removed.error().is(Reason::NotFound))
        co_return fail(std::move(removed).error());
    }
    co_return Result<void>{};
  }

  Task<Result<client::Requeue>> report(const Deployment& deployment,
                                       std::vector<apps::v1::DeploymentCondition> conditions,
                                       const ReplicaSetPtr& current, const Sets& old) {
    Deployment next = deployment;
    next.status.conditions = std::move(conditions);
    next.status = rollout_status(next, current, old, context_.executor.now());
    const Duration later = until_deadline(deployment, next.status, context_.executor.now());
    if (next.status != deployment.status) {
      auto written = co_await context_.client.update_status(std::move(next));
      if (written) own_writes_.note((*written)->metadata);
      if (!written && !written.error().is(Reason::NotFound))
        co_return fail(std::move(written).error());
    }
    co_return client::Requeue::in(later);
  }

  // The conditions with the pause noted, where that is news.
  std::optional<std::vector<apps::v1::DeploymentCondition>> pause_conditions(
      const Deployment& deployment) {
    if (!deployment.spec.progressDeadlineSeconds) return std::nullopt;
    const auto* progressing = find_condition(deployment.status, "Progressing");
    // A deadline that has passed stays the more important news.
    if (progressing && progressing->reason == "ProgressDeadlineExceeded") return std::nullopt;
    const bool noted = progressing && progressing->reason == "DeploymentPaused";
    apps::v1::DeploymentStatus status = deployment.status;
    const Wall now = context_.executor.now();
    if (deployment.spec.paused && !noted) {
      set_condition(status, "Progressing", "Unknown", "DeploymentPaused", "Deployment is paused",
                    now);
    } else if (!deployment.spec.paused && noted) {
      set_condition(status, "Progressing", "Unknown", "DeploymentResumed", "Deployment is resumed",
                    now);
    } else {
      return std::nullopt;
    }
    return std::move(status.conditions);
  }

  static int most(const Deployment& deployment) {
    return deployment.spec.replicas.value_or(1) + limits(deployment).surge;
  }

  void record_scaling(const Deployment& deployment, const ReplicaSet& set, int before, int after) {
    const std::string_view direction = after > before ? "up" : "down";
    context_.events.record(event_target(deployment), client::EventType::Normal, "ScalingReplicaSet",
                           "Scaled " + std::string(direction) + " replica set " +
                               set.metadata.name + " from " + std::to_string(before) + " to " +
                               std::to_string(after));
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
  OwnWrites own_writes_;  // Of deployments and of their sets.
};

}  // namespace
}  // namespace deployment

std::unique_ptr<Controller> make_deployment_controller(ControllerContext& context) {
  return std::make_unique<deployment::DeploymentController>(context);
}

}  // namespace keelson::controllers
