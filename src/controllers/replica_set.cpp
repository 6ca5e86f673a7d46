// SPDX-License-Identifier: Apache-2.0
#include "controllers/replica_set.h"

#include "api/apps/v1.h"
#include "api/core/v1.h"
#include "api/selector.h"
#include "base/log.h"
#include "controllers/expectations.h"
#include "controllers/own_writes.h"
#include "controllers/ownership.h"
#include "controllers/pods.h"
#include "controllers/replicas.h"
#include "controllers/slow_start.h"

namespace keelson::controllers {
namespace {

using core::v1::Pod;
using PodPtr = std::shared_ptr<const Pod>;

// What differs between the two kinds.
struct ReplicaSetKind {
  using Object = apps::v1::ReplicaSet;
  using Condition = apps::v1::ReplicaSetCondition;
  static constexpr std::string_view kName = "replicaset";
  static Result<api::LabelSelector> selector(const Object& object) {
    return api::LabelSelector::from(object.spec.selector.get());
  }
  static const core::v1::PodTemplateSpec& pod_template(const Object& object) {
    return object.spec.template_;
  }
  static void set_terminating(apps::v1::ReplicaSetStatus& status, int count) {
    status.terminatingReplicas = count;
  }
};

struct ReplicationControllerKind {
  using Object = core::v1::ReplicationController;
  using Condition = core::v1::ReplicationControllerCondition;
  static constexpr std::string_view kName = "replicationcontroller";
  static Result<api::LabelSelector> selector(const Object& object) {
    return api::LabelSelector::from_set(object.spec.selector);
  }
  static const core::v1::PodTemplateSpec& pod_template(const Object& object) {
    static const core::v1::PodTemplateSpec kNone;
    return object.spec.template_ ? *object.spec.template_ : kNone;
  }
  static void set_terminating(core::v1::ReplicationControllerStatus&, int) {}
};

template <class Kind>
class ReplicaController final : public Controller {
  using Object = typename Kind::Object;

 public:
  explicit ReplicaController(ControllerContext& context)
      : context_(context),
        queue_(context.executor),
        expectations_(context.executor),
        own_writes_(context.executor) {
    index_by_controller<Pod>(context.informers);
    context.informers.of<Object>().add_handler(
        [this](const ObjectPtr& before, const ObjectPtr& now) {
          if (before && !now) {
            expectations_.forget(before->uid());
            own_writes_.forget(before->uid());
          }
          queue_.add((now ? now : before)->key());
        });
    context.informers.of<Pod>().add_handler(
        [this](const ObjectPtr& before, const ObjectPtr& now) { pod_changed(before, now); });
  }

  std::string_view name() const override { return Kind::kName; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Object>().wait_synced()) co_return;
    if (!co_await context_.informers.of<Pod>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 5, Kind::kName, [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  void pod_changed(const ObjectPtr& before, const ObjectPtr& now) {
    const auto* old_owner = before ? controller_of(before->as<Pod>().metadata) : nullptr;
    const auto* new_owner = now ? controller_of(now->as<Pod>().metadata) : nullptr;
    const bool leaves = !now || now->is_deleting();
    const ObjectPtr& any = now ? now : before;
    if (old_owner && owns(*old_owner) && (leaves || !new_owner || new_owner->uid != old_owner->uid))
      expectations_.deletion_observed(old_owner->uid, pod_id(*any));
    if (new_owner && owns(*new_owner)) {
      if (!before) expectations_.creation_observed(new_owner->uid);
      if (leaves) expectations_.deletion_observed(new_owner->uid, pod_id(*any));
    }
    if (old_owner && owns(*old_owner)) queue_.add({any->namespace_(), old_owner->name});
    if (new_owner && owns(*new_owner)) {
      queue_.add({any->namespace_(), new_owner->name});
    } else if (!new_owner && now && !now->is_deleting()) {
      // An orphan: whoever's selector finds it may adopt it.
      for (const auto& candidate :
           context_.informers.of<Object>().template list<Object>(now->namespace_())) {
        const auto selector = Kind::selector(*candidate);
        if (selector && !selector->selects_everything() && selector->matches(now->labels()))
          queue_.add(key_of(*candidate));
      }
    }
  }

  static bool owns(const meta::v1::OwnerReference& reference) {
    const api::Resource& resource = api::resource_of<Object>();
    return reference.kind == resource.kind && reference.apiVersion == resource.api_version();
  }
  static std::string pod_id(const api::Object& pod) { return pod.key().text(); }

  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto object = context_.informers.of<Object>().template find<Object>(key);
    // Deleted; the garbage collector removes its pods.
    if (!object) co_return client::Requeue::none();
    if (const Duration wait = own_writes_.behind(object->metadata); wait > Duration::zero())
      co_return client::Requeue::in(wait);

    // Asked before the pods are read: what is expected cannot become true in between.
    const bool may_act = expectations_.satisfied(object->metadata.uid);
    const auto selector = Kind::selector(*object);
    if (!selector) {
      log_error(
          "Selector cannot be used",
          {{"controller", Kind::kName}, {"key", key.text()}, {"err", selector.error().message()}});
      co_return client::Requeue::none();
    }
    CO_TRY(auto pods, co_await claim_objects<Pod>(
                          context_, *object, [&selector](const meta::v1::ObjectMeta& metadata) {
                            return !selector->selects_everything() &&
                                   selector->matches(metadata.labels);
                          }));
    std::string failure;
    if (may_act && !object->metadata.deletionTimestamp) {
      if (auto done = co_await manage(*object, pods); !done) {
        if (done.error().is(Reason::Canceled)) co_return fail(std::move(done).error());
        failure = done.error().message();
      }
    }
    CO_TRY(Duration next, co_await report(*object, pods, failure));
    // A failure is in the status and the events; the retry backs off.
    if (!failure.empty()) co_return fail(Status::internal(failure));
    co_return client::Requeue::in(next);
  }

  // Creates or removes pods towards what is wanted.
  Task<Result<void>> manage(const Object& object, const std::vector<PodPtr>& pods) {
    std::vector<PodPtr> active;
    for (const auto& pod : pods) {
      if (is_active(*pod)) active.push_back(pod);
    }
    const int wanted = object.spec.replicas.value_or(1);
    // Only a choice needs to know the others.
    const bool too_many = wanted < static_cast<int>(active.size());
    const ReplicaPlan plan = plan_replicas(
        wanted, active, too_many ? related_pods(object, active) : active, context_.executor.now());
    if (plan.create > 0) co_return co_await create_pods(object, plan.create);
    if (!plan.remove.empty()) co_return co_await remove_pods(object, plan.remove);
    co_return Result<void>{};
  }

  // All active pods under the same owner's sets: during a rolling update old and new crowd nodes
  // together.
  std::vector<PodPtr> related_pods(const Object& object, const std::vector<PodPtr>& active) {
    const auto* owner = controller_of(object.metadata);
    if (!owner) return active;
    std::vector<PodPtr> related;
    for (const auto& sibling :
         context_.informers.of<Object>().template list<Object>(object.metadata.namespace_)) {
      const auto* other = controller_of(sibling->metadata);
      if (!other || other->uid != owner->uid) continue;
      for (auto& pod : context_.informers.of<Pod>().template by_index<Pod>(kByController,
                                                                           sibling->metadata.uid))
        if (is_active(*pod)) related.push_back(std::move(pod));
    }
    return related;
  }

  Task<Result<void>> create_pods(const Object& object, int count) {
    expectations_.expect_creations(object.metadata.uid, count);
    auto started = co_await slow_start(count, [this, &object](int) { return create_pod(object); });
    // What is not even tried will not be seen.
    for (int i = 0; i < started.untried; ++i) expectations_.creation_observed(object.metadata.uid);
    co_return started.outcome;
  }

  Task<Result<void>> create_pod(const Object& object) {
    auto created = co_await context_.client.create(pod_from_template(
        Kind::pod_template(object), object.metadata, controller_reference(object)));
    if (created) {
      context_.events.record(event_target(object), client::EventType::Normal, "SuccessfulCreate",
                             "Created pod: " + (*created)->metadata.name);
      co_return Result<void>{};
    }
    expectations_.creation_observed(object.metadata.uid);
    // A namespace on its way out refuses every pod; that is no news.
    if (is_namespace_ending(created.error())) co_return Result<void>{};
    context_.events.record(event_target(object), client::EventType::Warning, "FailedCreate",
                           "Error creating: " + created.error().message());
    co_return fail(std::move(created).error());
  }

  Task<Result<void>> remove_pods(const Object& object, const std::vector<PodPtr>& pods) {
    std::set<std::string> ids;
    for (const auto& pod : pods) ids.insert(key_of(*pod).text());
    expectations_.expect_deletions(object.metadata.uid, std::move(ids));
    std::vector<Task<Result<void>>> tasks;
    for (const auto& pod : pods) tasks.push_back(remove_pod(object, pod));
    Result<void> outcome;
    for (auto& result : co_await when_all(std::move(tasks))) {
      if (!result) outcome = std::move(result);
    }
    co_return outcome;
  }

  Task<Result<void>> remove_pod(const Object& object, PodPtr pod) {
    auto removed = co_await context_.client.remove<Pod>(
        key_of(*pod), client::DeleteOptions{.precondition_uid = pod->metadata.uid});
    if (removed) {
      context_.events.record(event_target(object), client::EventType::Normal, "SuccessfulDelete",
                             "Deleted pod: " + pod->metadata.name);
      co_return Result<void>{};
    }
    expectations_.deletion_observed(object.metadata.uid, key_of(*pod).text());
    if (removed.error().is(Reason::NotFound)) co_return Result<void>{};
    context_.events.record(event_target(object), client::EventType::Warning, "FailedDelete",
                           "Error deleting: " + removed.error().message());
    co_return fail(std::move(removed).error());
  }

  // Writes the status where it changed; returns when to look again.
  Task<Result<Duration>> report(const Object& object, const std::vector<PodPtr>& pods,
                                const std::string& failure) {
    const ReplicaCounts counts =
        count_replicas(pods, Kind::pod_template(object).metadata.labels,
                       std::chrono::seconds(object.spec.minReadySeconds), context_.executor.now());
    Object next = object;
    auto& status = next.status;
    status.replicas = counts.replicas;
    status.fullyLabeledReplicas = counts.fully_labeled;
    status.readyReplicas = counts.ready;
    status.availableReplicas = counts.available;
    Kind::set_terminating(status, counts.terminating);
    status.observedGeneration = object.metadata.generation;
    set_failure(status.conditions, failure, counts.replicas < object.spec.replicas.value_or(1));
    if (status == object.status) co_return counts.next_available;
    auto written = co_await context_.client.update_status(std::move(next));
    if (written) own_writes_.note((*written)->metadata);
    if (!written && !written.error().is(Reason::NotFound))
      co_return fail(std::move(written).error());
    co_return counts.next_available;
  }

  void set_failure(std::vector<typename Kind::Condition>& conditions, const std::string& failure,
                   bool too_few) {
    const auto found = std::ranges::find(conditions, "ReplicaFailure", &Kind::Condition::type);
    if (failure.empty()) {
      if (found != conditions.end()) conditions.erase(found);
    } else if (found == conditions.end()) {
      conditions.push_back({.type = "ReplicaFailure",
                            .status = "True",
                            .lastTransitionTime = api::Time(context_.executor.now()),
                            .reason = too_few ? "FailedCreate" : "FailedDelete",
                            .message = failure});
    }
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
  Expectations expectations_;
  OwnWrites own_writes_;
};

}  // namespace

std::unique_ptr<Controller> make_replica_set_controller(ControllerContext& context) {
  return std::make_unique<ReplicaController<ReplicaSetKind>>(context);
}

std::unique_ptr<Controller> make_replication_controller(ControllerContext& context) {
  return std::make_unique<ReplicaController<ReplicationControllerKind>>(context);
}

}  // namespace keelson::controllers
