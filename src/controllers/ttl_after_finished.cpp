// SPDX-License-Identifier: Apache-2.0
#include "controllers/ttl_after_finished.h"

#include "base/log.h"
#include "controllers/job/plan.h"

namespace keelson::controllers {
namespace {

using batch::v1::Job;

// When its time is over; nothing if it has none or is not finished.
std::optional<Wall> expiry(const Job& job) {
  const api::Time end = job::finished_at(job);
  if (!end || !job.spec.ttlSecondsAfterFinished || job.metadata.deletionTimestamp)
    return std::nullopt;
  return end.point() + std::chrono::seconds(*job.spec.ttlSecondsAfterFinished);
}

class TtlAfterFinishedController final : public Controller {
 public:
  explicit TtlAfterFinishedController(ControllerContext& context)
      : context_(context), queue_(context.executor) {
    context.informers.of<Job>().add_handler([this](const ObjectPtr&, const ObjectPtr& now) {
      if (now && expiry(now->as<Job>())) queue_.add(now->key());
    });
  }

  std::string_view name() const override { return "ttl-after-finished"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Job>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 5, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    auto job = context_.informers.of<Job>().find<Job>(key);
    if (!job) co_return client::Requeue::none();
    // Looked at twice: the copy here may not know that the time was prolonged.
    for (const bool fresh : {false, true}) {
      if (fresh) {
        auto current = co_await context_.client.get<Job>(key);
        if (!current) {
          if (current.error().is(Reason::NotFound)) co_return client::Requeue::none();
          co_return fail(std::move(current).error());
        }
        job = std::move(*current);
      }
      const auto due = expiry(*job);
      if (!due) co_return client::Requeue::none();
      if (const Duration left = *due - context_.executor.now(); left > Duration::zero())
        co_return client::Requeue::in(left);
    }
    log_info("Removing a finished job", {{"job", key.text()}});
    auto removed = co_await context_.client.remove<Job>(
        key, client::DeleteOptions{.propagation = client::Propagation::Foreground,
                                   .precondition_uid = job->metadata.uid});
    if (!removed && !removed.error().is(Reason::NotFound) && !removed.error().is(Reason::Conflict))
      co_return fail(std::move(removed).error());
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
};

}  // namespace

std::unique_ptr<Controller> make_ttl_after_finished_controller(ControllerContext& context) {
  return std::make_unique<TtlAfterFinishedController>(context);
}

}  // namespace keelson::controllers
