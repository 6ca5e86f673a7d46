// SPDX-License-Identifier: Apache-2.0
#include "controllers/job/controller.h"

#include <map>

#include "api/selector.h"
#include "base/log.h"
#include "controllers/expectations.h"
#include "controllers/job/plan.h"
#include "controllers/own_writes.h"
#include "controllers/ownership.h"
#include "controllers/pods.h"
#include "controllers/slow_start.h"

namespace keelson::controllers {
namespace job {
namespace {

// Changes of pods come in crowds; one status write tells of them all. Upstream: syncJobBatchPeriod.
constexpr auto kBatch = std::chrono::seconds(1);
constexpr client::QueueDelays kRetries{.delay_min = std::chrono::seconds(1),
                                       .delay_max = std::chrono::minutes(1)};

bool is_ours(const Job& job) {
  return !job.spec.managedBy || *job.spec.managedBy == batch::v1::JobControllerName;
}

std::string release_patch(const std::string& uid) {
  return boost::json::serialize(
      boost::json::object{{"metadata",
                           {{"uid", uid},
                            {"$deleteFromPrimitiveList/finalizers",
                             boost::json::array{batch::v1::JobTrackingFinalizer}}}}});
}

class JobController final : public Controller {
 public:
  explicit JobController(ControllerContext& context)
      : context_(context),
        queue_(context.executor, kRetries),
        orphans_(context.executor, kRetries),
        expectations_(context.executor),
        own_writes_(context.executor) {
    index_by_controller<Pod>(context.informers);
    context.informers.of<Job>().add_handler(
        [this](const ObjectPtr& before, const ObjectPtr& now) { job_changed(before, now); });
    context.informers.of<Pod>().add_handler(
        [this](const ObjectPtr& before, const ObjectPtr& now) { pod_changed(before, now); });
  }

  std::string_view name() const override { return "job"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Job>().wait_synced()) co_return;
    if (!co_await context_.informers.of<Pod>().wait_synced()) co_return;
    const TaskContext& here = co_await this_context();
    TaskGroup group(*here.executor);
    std::stop_callback forward(here.stop, [&group] { group.request_stop(); });
    group.start(client::run_workers<ObjectKey>(
        orphans_, 1, "job-orphans", [this](ObjectKey key) { return free_orphan(std::move(key)); }));
    co_await client::run_workers<ObjectKey>(
        queue_, 5, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
    co_await group.stop();
  }

 private:
  // What is remembered of a job between two looks at it.
  struct Memory {
    FailureStreak streak;
    std::set<std::string> released;  // Pods whose finalizer is off, until that is seen here.
  };

  void job_changed(const ObjectPtr& before, const ObjectPtr& now) {
    if (before && (!now || before->uid() != now->uid())) forget(before->uid());
    if (!now || is_finished(now->as<Job>())) {
      // Nobody counts these any more.
      for (const auto& pod :
           context_.informers.of<Pod>().by_index<Pod>(kByController, (now ? now : before)->uid())) {
        if (has_finalizer(pod->metadata)) orphans_.add(key_of(*pod));
      }
    }
    queue_.add((now ? now : before)->key());
  }

  void pod_changed(const ObjectPtr& before, const ObjectPtr& now) {
    const ObjectPtr& any = now ? now : before;
    const Pod& pod = any->as<Pod>();
    const auto* owner = controller_of(pod.metadata);
    const auto* former = before ? controller_of(before->as<Pod>().metadata) : nullptr;
    if (former && is_job(*former) && (!owner || owner->uid != former->uid)) {
      expectations_.deletion_observed(former->uid, any->key().text());
      queue_.add({any->namespace_(), former->name});
    }
    const bool held = has_finalizer(pod.metadata);
    if (!owner || !is_job(*owner)) {
      if (!owner && now && held) orphans_.add(now->key());
      if (!owner && now && !now->is_deleting()) wake_adopters(*now);
      return;
    }
    if (now && !before) expectations_.creation_observed(owner->uid);
    if (!now || now->is_deleting()) expectations_.deletion_observed(owner->uid, any->key().text());
    if (!now || !held) {
      if (const auto memory = memories_.find(owner->uid); memory != memories_.end())
        memory->second.released.erase(any->uid());
    }
    const auto job = context_.informers.of<Job>().find<Job>({any->namespace_(), owner->name});
    if (now && held && (!job || job->metadata.uid != owner->uid || is_finished(*job)))
      orphans_.add(now->key());
    queue_.add_after({any->namespace_(), owner->name}, kBatch);
  }

  void wake_adopters(const api::Object& pod) {
    for (const auto& candidate : context_.informers.of<Job>().list<Job>(pod.namespace_())) {
      const auto selector = api::LabelSelector::from(candidate->spec.selector.get());
      if (selector && !selector->selects_everything() && selector->matches(pod.labels()))
        queue_.add(key_of(*candidate));
    }
  }

  static bool is_job(const meta::v1::OwnerReference& reference) {
    const api::Resource& resource = api::resource_of<Job>();
    return reference.kind == resource.kind && reference.apiVersion == resource.api_version();
  }

  void forget(const std::string& uid) {
    expectations_.forget(uid);
    own_writes_.forget(uid);
    memories_.erase(uid);
  }

  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto job = context_.informers.of<Job>().find<Job>(key);
    if (!job || !is_ours(*job)) co_return client::Requeue::none();
    const std::string uid = job->metadata.uid;
    if (is_finished(*job)) {
      forget(uid);
      co_return client::Requeue::none();
    }
    if (const Duration wait = own_writes_.behind(job->metadata); wait > Duration::zero())
      co_return client::Requeue::in(wait);
    if (job->spec.completionMode && *job->spec.completionMode != "NonIndexed" &&
        *job->spec.completionMode != "Indexed") {
      context_.events.record(event_target(*job), client::EventType::Warning,
                             "UnknownCompletionMode",
                             "Skipped Job sync because completion mode is unknown");
      co_return client::Requeue::none();
    }
    // Asked before the pods are read: what is expected cannot become true in between.
    const bool may_act = expectations_.satisfied(uid);
    CO_TRY(const auto pods, co_await read_pods(*job));
    // Copied: the job may be forgotten while this waits.
    const Memory memory = memories_[uid];
    const JobView view{.job = *job,
                       .pods = pods,
                       .released = memory.released,
                       .may_act = may_act,
                       .streak = memory.streak,
                       .now = context_.executor.now()};
    const JobPlan plan = job::plan(view);

    Result<void> outcome;
    const Acted acted = co_await act(*job, plan, outcome);
    if (!outcome && outcome.error().is(Reason::Canceled)) co_return fail(outcome.error());
    CO_TRY_OK(co_await track(view, plan, acted));
    CO_TRY_OK(std::move(outcome));
    co_return client::Requeue::in(plan.look_again);
  }

  Task<Result<std::vector<PodPtr>>> read_pods(const Job& job) {
    const auto selector = api::LabelSelector::from(job.spec.selector.get());
    if (!selector) co_return fail(selector.error());
    CO_TRY(auto pods, co_await claim_objects<Pod>(
                          context_, job,
                          [&selector](const meta::v1::ObjectMeta& metadata) {
                            return !selector->selects_everything() &&
                                   selector->matches(metadata.labels);
                          },
                          std::string(batch::v1::JobTrackingFinalizer)));
    std::ranges::sort(pods, {}, [](const PodPtr& pod) {
      return std::pair(completion_index(pod->metadata).value_or(INT32_MAX), pod->metadata.name);
    });
    co_return pods;
  }

  // Creates and removes as planned. What failed is in `outcome`; the status tells of the rest.
  Task<Acted> act(const Job& job, const JobPlan& plan, Result<void>& outcome) {
    Acted acted;
    if (!plan.remove.empty()) {
      std::vector<Task<Result<void>>> tasks;
      if (!plan.verdict) {
        std::set<std::string> ids;
        for (const auto& pod : plan.remove) ids.insert(key_of(*pod).text());
        expectations_.expect_deletions(job.metadata.uid, std::move(ids));
      }
      for (const auto& pod : plan.remove)
        tasks.push_back(remove_pod(job, pod, plan.verdict.has_value()));
      const auto results = co_await when_all(std::move(tasks));
      for (std::size_t i = 0; i < results.size(); ++i) {
        if (!results[i]) {
          outcome = results[i];
          continue;
        }
        ++acted.removed;
        if (is_ready(*plan.remove[i])) ++acted.removed_ready;
      }
    } else if (!plan.create.empty()) {
      const int count = static_cast<int>(plan.create.size());
      expectations_.expect_creations(job.metadata.uid, count);
      auto started = co_await slow_start(count, [this, &job, &plan](int number) {
        return create_pod(job, plan.create[static_cast<std::size_t>(number)]);
      });
      // What is not even tried will not be seen.
      for (int i = 0; i < started.untried; ++i) expectations_.creation_observed(job.metadata.uid);
      acted.created = started.succeeded;
      outcome = std::move(started.outcome);
    }
    co_return acted;
  }

  Task<Result<void>> create_pod(const Job& job, const NewPod& wanted) {
    auto created = co_await context_.client.create(make_pod(job, wanted));
    if (created) {
      context_.events.record(event_target(job), client::EventType::Normal, "SuccessfulCreate",
                             "Created pod: " + (*created)->metadata.name);
      co_return Result<void>{};
    }
    expectations_.creation_observed(job.metadata.uid);
    context_.events.record(event_target(job), client::EventType::Warning, "FailedCreate",
                           "Error creating: " + created.error().message());
    co_return fail(std::move(created).error());
  }

  // A pod that ends with its job is still counted; one that is too many is not.
  Task<Result<void>> remove_pod(const Job& job, PodPtr pod, bool counted) {
    if (!counted && has_finalizer(pod->metadata)) {
      if (auto released = co_await release(*pod); !released) {
        expectations_.deletion_observed(job.metadata.uid, key_of(*pod).text());
        co_return released;
      }
    }
    auto removed = co_await context_.client.remove<Pod>(
        key_of(*pod), client::DeleteOptions{.precondition_uid = pod->metadata.uid});
    if (removed) {
      context_.events.record(event_target(job), client::EventType::Normal, "SuccessfulDelete",
                             "Deleted pod: " + pod->metadata.name);
      co_return Result<void>{};
    }
    expectations_.deletion_observed(job.metadata.uid, key_of(*pod).text());
    if (removed.error().is(Reason::NotFound)) co_return Result<void>{};
    context_.events.record(event_target(job), client::EventType::Warning, "FailedDelete",
                           "Error deleting: " + removed.error().message());
    co_return fail(std::move(removed).error());
  }

  // Takes the finalizer off. A pod that is gone, or another of its name, needs nothing.
  Task<Result<void>> release(const Pod& pod) {
    auto patched = co_await context_.client.patch<Pod>(key_of(pod), client::PatchType::Strategic,
                                                       release_patch(pod.metadata.uid));
    if (!patched && !patched.error().is(Reason::NotFound) && !patched.error().is(Reason::Conflict))
      co_return fail(std::move(patched).error());
    co_return Result<void>{};
  }

  // Counts finished pods in the status, takes their finalizers off, and ends the job when all is
  // done. The order is what makes the count exact: see plan.h.
  Task<Result<void>> track(const JobView& view, const JobPlan& plan, const Acted& acted) {
    const std::string uid = view.job.metadata.uid;
    Accounting accounting = account(view, plan, acted);
    Job next = view.job;
    std::set<std::string> held;
    for (const auto& pod : view.pods) {
      if (has_finalizer(pod->metadata) && !view.released.contains(pod->metadata.uid))
        held.insert(pod->metadata.uid);
    }
    // Uncounted ones of an earlier round whose finalizer is off by now.
    settle(accounting.status, held);
    next.status = accounting.status;
    if (next.status != view.job.status) {
      CO_TRY(const auto written, co_await context_.client.update_status(next));
      own_writes_.note(written->metadata);
      next = *written;
    }
    if (const auto memory = memories_.find(uid); memory != memories_.end())
      memory->second.streak = plan.streak;
    if (accounting.suspended)
      context_.events.record(event_target(view.job), client::EventType::Normal, "Suspended",
                             "Job suspended");
    if (accounting.resumed)
      context_.events.record(event_target(view.job), client::EventType::Normal, "Resumed",
                             "Job resumed");

    Result<void> outcome;
    std::vector<Task<Result<void>>> tasks;
    for (const auto& pod : accounting.release) tasks.push_back(release(*pod));
    const auto results = co_await when_all(std::move(tasks));
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (!results[i]) {
        outcome = results[i];
        continue;
      }
      const std::string& pod_uid = accounting.release[i]->metadata.uid;
      held.erase(pod_uid);
      // The news may have come first.
      const auto now = context_.informers.of<Pod>().find<Pod>(key_of(*accounting.release[i]));
      const auto memory = memories_.find(uid);
      if (memory != memories_.end() && now && now->metadata.uid == pod_uid &&
          has_finalizer(now->metadata))
        memory->second.released.insert(pod_uid);
    }
    const JobStatus before = next.status;
    settle(next.status, held);
    const bool finished = finish(next.status, accounting, context_.executor.now());
    if (next.status != before) {
      CO_TRY(const auto written, co_await context_.client.update_status(next));
      own_writes_.note(written->metadata);
    }
    if (finished) report_end(next, *accounting.verdict);
    // More than could be noted at a time: on with the rest.
    if (accounting.overflow) queue_.add(key_of(view.job));
    co_return outcome;
  }

  void report_end(const Job& job, const JobCondition& verdict) {
    if (verdict.type == batch::v1::JobConditionType::Failed) {
      context_.events.record(event_target(job), client::EventType::Warning, verdict.reason,
                             verdict.message);
      return;
    }
    if (job.spec.completions && job.status.succeeded > *job.spec.completions)
      context_.events.record(event_target(job), client::EventType::Warning, "TooManySucceededPods",
                             "Too many succeeded pods running after completion count reached");
    context_.events.record(event_target(job), client::EventType::Normal, "Completed",
                           "Job completed");
  }

  // Takes the finalizer off a pod that no job counts any more.
  Task<Result<client::Requeue>> free_orphan(ObjectKey key) {
    const auto pod = context_.informers.of<Pod>().find<Pod>(key);
    if (!pod || !has_finalizer(pod->metadata)) co_return client::Requeue::none();
    if (const auto* owner = controller_of(pod->metadata); owner && is_job(*owner)) {
      auto job = context_.informers.of<Job>().find<Job>({key.namespace_, owner->name});
      if (!job || job->metadata.uid != owner->uid) {
        // The local copy may be behind; only the server's word ends the count.
        const std::string uid = owner->uid;
        auto fresh = co_await context_.client.get<Job>({key.namespace_, owner->name});
        if (!fresh && !fresh.error().is(Reason::NotFound)) co_return fail(std::move(fresh).error());
        job = fresh && (*fresh)->metadata.uid == uid ? *fresh : nullptr;
      }
      if (job && (!is_ours(*job) || !is_finished(*job))) co_return client::Requeue::none();
    }
    CO_TRY_OK(co_await release(*pod));
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_, orphans_;
  Expectations expectations_;
  OwnWrites own_writes_;
  std::map<std::string, Memory> memories_;  // By the job's uid.
};

}  // namespace
}  // namespace job

std::unique_ptr<Controller> make_job_controller(ControllerContext& context) {
  return std::make_unique<job::JobController>(context);
}

}  // namespace keelson::controllers
