// SPDX-License-Identifier: Apache-2.0
#include "controllers/pod_gc.h"

#include <map>
#include <tuple>

#include "api/core/v1.h"
#include "base/log.h"
#include "controllers/pods.h"

namespace keelson::controllers {
namespace {

using core::v1::Node;
using core::v1::Pod;
using PodPtr = std::shared_ptr<const Pod>;

constexpr auto kInterval = std::chrono::seconds(20);
// A node may be just being registered, or its deletion not yet meant: pods wait so long.
constexpr auto kQuarantine = std::chrono::seconds(40);

class PodGcController final : public Controller {
 public:
  PodGcController(ControllerContext& context, PodGcOptions options)
      : context_(context), options_(options) {
    index_by_node(context.informers);
    context.informers.of<Node>();
  }

  std::string_view name() const override { return "pod-garbage-collector"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Pod>().wait_synced()) co_return;
    if (!co_await context_.informers.of<Node>().wait_synced()) co_return;
    while (co_await sleep_for(kInterval)) {
      const auto pods = context_.informers.of<Pod>().list<Pod>();
      co_await remove_finished(pods);
      co_await remove_terminating(pods);
      co_await remove_homeless(pods);
      co_await remove_unscheduled(pods);
    }
  }

 private:
  Task<void> remove_finished(const std::vector<PodPtr>& pods) {
    std::vector<PodPtr> finished;
    for (const auto& pod : pods) {
      if (is_terminal(*pod)) finished.push_back(pod);
    }
    if (options_.finished_max == 0 || finished.size() <= options_.finished_max) co_return;
    // Evicted ones first: nobody asks for their logs.
    std::ranges::sort(finished, {}, [](const PodPtr& pod) {
      return std::tuple(pod->status.reason != "Evicted", pod->metadata.creationTimestamp,
                        pod->metadata.name);
    });
    finished.resize(finished.size() - options_.finished_max);
    for (const auto& pod : finished) co_await remove(pod, false);
  }

  // Pods that wait for a kubelet which, as somebody has said of its node, will not answer any more.
  Task<void> remove_terminating(const std::vector<PodPtr>& pods) {
    for (const auto& pod : pods) {
      if (!pod->metadata.deletionTimestamp || pod->spec.nodeName.empty()) continue;
      const auto node = context_.informers.of<Node>().find<Node>({"", pod->spec.nodeName});
      if (node && is_out_of_service(*node)) co_await remove(pod, false);
    }
  }

  static bool is_out_of_service(const Node& node) {
    const bool is_tainted = std::ranges::any_of(node.spec.taints, [](const auto& taint) {
      return taint.key == "node.kubernetes.io/out-of-service";
    });
    return is_tainted && std::ranges::none_of(node.status.conditions, [](const auto& condition) {
             return condition.type == "Ready" && condition.status == "True";
           });
  }

  Task<void> remove_homeless(const std::vector<PodPtr>& pods) {
    std::map<std::string, Duration> missing;
    for (const auto& pod : pods) {
      const std::string& node = pod->spec.nodeName;
      if (node.empty() || context_.informers.of<Node>().find({"", node})) continue;
      const auto known = missing_since_.find(node);
      missing.emplace(
          node, known == missing_since_.end() ? context_.executor.monotonic() : known->second);
    }
    missing_since_ = std::move(missing);
    for (const auto& [node, since] : missing_since_) {
      if (context_.executor.monotonic() - since < kQuarantine) continue;
      // The local copy may lag; only the server's word counts.
      const auto fresh = co_await context_.client.get<Node>({"", node});
      if (fresh || !fresh.error().is(Reason::NotFound)) continue;
      for (const auto& pod : context_.informers.of<Pod>().by_index<Pod>(kByNode, node))
        co_await remove(pod, true);
    }
  }

  Task<void> remove_unscheduled(const std::vector<PodPtr>& pods) {
    for (const auto& pod : pods) {
      if (pod->metadata.deletionTimestamp && pod->spec.nodeName.empty())
        co_await remove(pod, false);
    }
  }

  Task<void> remove(PodPtr pod, bool disrupted) {
    log_verbose(2, "Removing pod", {{"pod", key_of(*pod).text()}, {"node", pod->spec.nodeName}});
    // No kubelet will end it, and whoever counts it (a Job) waits for its last phase.
    if (!is_terminal(*pod)) {
      Pod next = *pod;
      next.status.phase = core::v1::PodPhase::Failed;
      if (disrupted) {
        std::erase_if(next.status.conditions,
                      [](const auto& condition) { return condition.type == "DisruptionTarget"; });
        next.status.conditions.push_back({.type = "DisruptionTarget",
                                          .status = "True",
                                          .lastTransitionTime = api::Time(context_.executor.now()),
                                          .reason = "DeletionByPodGC",
                                          .message = "PodGC: node no longer exists"});
      }
      if (auto written = co_await context_.client.update_status(std::move(next)); !written) {
        if (!written.error().is(Reason::NotFound))
          log_warning("Cannot mark a pod that is to be removed",
                      {{"pod", key_of(*pod).text()}, {"err", written.error().message()}});
        co_return;
      }
    }
    auto removed = co_await context_.client.remove<Pod>(
        key_of(*pod),
        client::DeleteOptions{.grace_period_seconds = 0, .precondition_uid = pod->metadata.uid});
    if (!removed && !removed.error().is(Reason::NotFound) && !removed.error().is(Reason::Conflict))
      log_warning("Cannot remove a pod",
                  {{"pod", key_of(*pod).text()}, {"err", removed.error().message()}});
  }

  ControllerContext& context_;
  const PodGcOptions options_;
  std::map<std::string, Duration> missing_since_;
};

}  // namespace

std::unique_ptr<Controller> make_pod_gc_controller(ControllerContext& context,
                                                   PodGcOptions options) {
  return std::make_unique<PodGcController>(context, options);
}

}  // namespace keelson::controllers
