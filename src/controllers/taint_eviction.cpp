// SPDX-License-Identifier: Apache-2.0
#include "controllers/taint_eviction.h"

#include <set>

#include "base/log.h"
#include "controllers/pods.h"
#include "podspec/placement.h"

namespace keelson::controllers {
namespace {

using core::v1::Node;
using core::v1::Pod;
using core::v1::Taint;

// When the pod came to its node, as far as it says.
Wall placed_at(const Pod& pod) {
  const auto* scheduled = find_condition(pod, "PodScheduled");
  if (scheduled && scheduled->status == "True" && scheduled->lastTransitionTime)
    return scheduled->lastTransitionTime.point();
  return pod.metadata.creationTimestamp.point();
}

class TaintEvictionController final : public Controller {
 public:
  explicit TaintEvictionController(ControllerContext& context)
      : context_(context), queue_(context.executor) {
    auto& pods = context.informers.of<Pod>();
    index_by_node(context.informers);
    context.informers.of<Node>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (now && (!before || before->as<Node>().spec.taints != now->as<Node>().spec.taints))
        add_pods(now->name());
    });
    pods.add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (!now) {
        doomed_.erase(before->key());
        return;
      }
      const Pod& pod = now->as<Pod>();
      if (!pod.spec.nodeName.empty() &&
          (!before || before->as<Pod>().spec.nodeName != pod.spec.nodeName ||
           before->as<Pod>().spec.tolerations != pod.spec.tolerations))
        queue_.add(now->key());
    });
  }

  std::string_view name() const override { return "taint-eviction"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Pod>().wait_synced()) co_return;
    if (!co_await context_.informers.of<Node>().wait_synced()) co_return;
    co_await client::run_workers<ObjectKey>(
        queue_, 8, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
  }

 private:
  void add_pods(const std::string& node) {
    for (const auto& pod : context_.informers.of<Pod>().by_index(kByNode, node))
      queue_.add(pod->key());
  }

  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto pod = context_.informers.of<Pod>().find<Pod>(key);
    if (!pod || pod->metadata.deletionTimestamp) co_return client::Requeue::none();
    const auto node = context_.informers.of<Node>().find<Node>({"", pod->spec.nodeName});
    if (!node) co_return client::Requeue::none();
    const auto left = tolerated_time(*pod, node->spec.taints, context_.executor.now());
    if (!left) {
      if (doomed_.erase(key) > 0)
        context_.events.record(event_target(*pod), client::EventType::Normal,
                               "TaintManagerEviction", "Cancelling deletion of Pod " + key.text());
      co_return client::Requeue::none();
    }
    // A millisecond more, so that the deadline has passed when we look again.
    if (*left > Duration::zero()) {
      doomed_.insert(key);
      co_return client::Requeue::in(*left + std::chrono::milliseconds(1));
    }
    doomed_.erase(key);
    context_.events.record(event_target(*pod), client::EventType::Normal, "TaintManagerEviction",
                           "Marking for deletion Pod " + key.text());
    Pod next = *pod;
    std::erase_if(next.status.conditions,
                  [](const auto& condition) { return condition.type == "DisruptionTarget"; });
    next.status.conditions.push_back({.type = "DisruptionTarget",
                                      .status = "True",
                                      .lastTransitionTime = api::Time(context_.executor.now()),
                                      .reason = "DeletionByTaintManager",
                                      .message = "Taint manager: deleting due to NoExecute taint"});
    auto written = co_await context_.client.update_status(std::move(next));
    if (!written && !written.error().is(Reason::NotFound))
      co_return fail(std::move(written).error());
    auto removed = co_await context_.client.remove<Pod>(
        key, client::DeleteOptions{.precondition_uid = pod->metadata.uid});
    if (!removed && !removed.error().is(Reason::NotFound) && !removed.error().is(Reason::Conflict))
      co_return fail(std::move(removed).error());
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  client::WorkQueue<ObjectKey> queue_;
  std::set<ObjectKey> doomed_;  // Pods that will be deleted when their time is over.
};

}  // namespace

std::optional<Duration> tolerated_time(const Pod& pod, const std::vector<Taint>& taints, Wall now) {
  std::optional<Duration> shortest;
  for (const auto& taint : taints) {
    if (taint.effect != "NoExecute") continue;
    // Of several that match, the first counts, as upstream has it.
    const auto found = std::ranges::find_if(pod.spec.tolerations, [&taint](const auto& toleration) {
      return podspec::tolerates(toleration, taint);
    });
    if (found == pod.spec.tolerations.end()) return Duration::zero();
    if (!found->tolerationSeconds) continue;
    const Wall tainted = taint.timeAdded ? Wall(taint.timeAdded->point()) : now;
    const Wall since = std::max(tainted, placed_at(pod));
    const auto seconds = std::chrono::seconds(std::max<std::int64_t>(*found->tolerationSeconds, 0));
    const Duration left = std::max<Duration>(since + seconds - now, Duration::zero());
    shortest = shortest ? std::min(*shortest, left) : left;
  }
  return shortest;
}

std::unique_ptr<Controller> make_taint_eviction_controller(ControllerContext& context) {
  return std::make_unique<TaintEvictionController>(context);
}

}  // namespace keelson::controllers
