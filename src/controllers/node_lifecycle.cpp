// SPDX-License-Identifier: Apache-2.0
#include "controllers/node_lifecycle.h"

#include <map>

#include "api/coordination/v1.h"
#include "api/core/v1.h"
#include "base/log.h"
#include "controllers/pods.h"

namespace keelson::controllers {
namespace {

using core::v1::Node;
using core::v1::NodeCondition;
using core::v1::Taint;

constexpr std::string_view kNotReady = "node.kubernetes.io/not-ready";
constexpr std::string_view kUnreachable = "node.kubernetes.io/unreachable";

const NodeCondition* find(const Node& node, std::string_view type) {
  const auto found = std::ranges::find(node.status.conditions, type, &NodeCondition::type);
  return found == node.status.conditions.end() ? nullptr : &*found;
}

// The taints that a node's conditions call for. Source: upstream's nodeConditionToTaintKeyStatusMap.
std::vector<Taint> wanted_taints(const Node& node) {
  struct Rule {
    std::string_view condition, status, key;
  };
  static constexpr Rule kRules[] = {
      {"Ready", "False", kNotReady},
      {"Ready", "Unknown", kUnreachable},
      {"MemoryPressure", "True", "node.kubernetes.io/memory-pressure"},
      {"DiskPressure", "True", "node.kubernetes.io/disk-pressure"},
      {"NetworkUnavailable", "True", "node.kubernetes.io/network-unavailable"},
      {"PIDPressure", "True", "node.kubernetes.io/pid-pressure"},
  };
  std::vector<Taint> taints;
  for (const auto& rule : kRules) {
    const auto* condition = find(node, rule.condition);
    if (!condition || condition->status != rule.status) continue;
    taints.push_back({.key = std::string(rule.key), .effect = "NoSchedule"});
    if (rule.condition == "Ready")
      taints.push_back({.key = std::string(rule.key), .effect = "NoExecute"});
  }
  if (node.spec.unschedulable)
    taints.push_back({.key = "node.kubernetes.io/unschedulable", .effect = "NoSchedule"});
  return taints;
}

// Taints that this controller sets and takes away.
bool is_managed(const Taint& taint) {
  static constexpr std::string_view kKeys[] = {
      kNotReady, kUnreachable, "node.kubernetes.io/memory-pressure",
      "node.kubernetes.io/disk-pressure", "node.kubernetes.io/network-unavailable",
      "node.kubernetes.io/pid-pressure", "node.kubernetes.io/unschedulable"};
  if (std::ranges::find(kKeys, taint.key) == std::end(kKeys)) return false;
  return taint.effect == "NoSchedule" ||
         (taint.effect == "NoExecute" && (taint.key == kNotReady || taint.key == kUnreachable));
}

class NodeLifecycleController final : public Controller {
 public:
  NodeLifecycleController(ControllerContext& context, NodeLifecycleOptions options)
      : context_(context), options_(options), queue_(context.executor) {
    context.informers.of<Node>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (now) {
        queue_.add(now->key());
      } else {
        health_.erase(before->name());
      }
    });
    context.informers.of<coordination::v1::Lease>();
    context.informers.of<core::v1::Pod>();
  }

  std::string_view name() const override { return "node-lifecycle"; }

  Task<void> run() override {
    if (!co_await context_.informers.of<Node>().wait_synced()) co_return;
    if (!co_await context_.informers.of<coordination::v1::Lease>().wait_synced()) co_return;
    if (!co_await context_.informers.of<core::v1::Pod>().wait_synced()) co_return;
    const TaskContext& here = co_await this_context();
    TaskGroup monitor(*here.executor);
    std::stop_callback forward(here.stop, [&monitor] { monitor.request_stop(); });
    monitor.start(watch_health(this));
    co_await client::run_workers<ObjectKey>(
        queue_, 8, name(), [this](ObjectKey key) { return reconcile_taints(std::move(key)); });
    co_await monitor.stop();
  }

 private:
  // When a node's Lease or status was last seen to move, on our own clock: the node's may be wrong.
  struct Health {
    std::string seen;
    Duration since{};
    bool ever = false;
  };

  static Task<void> watch_health(NodeLifecycleController* self) {
    do {
      for (const auto& node : self->context_.informers.of<Node>().list<Node>())
        co_await self->check(node);
    } while (co_await sleep_for(self->options_.check_interval));
  }

  Task<void> check(std::shared_ptr<const Node> node) {
    const auto lease = context_.informers.of<coordination::v1::Lease>().find(
        {"kube-node-lease", node->metadata.name});
    const auto* ready = find(*node, "Ready");
    std::string sign = lease ? std::to_string(lease->resource_version()) : "";
    if (ready) sign += "/" + ready->lastHeartbeatTime.text();
    Health& health = health_[node->metadata.name];
    const Duration now = context_.executor.monotonic();
    if (!health.ever || health.seen != sign) health = {std::move(sign), now, true};

    const Duration allowed = ready ? options_.grace_period : options_.startup_grace;
    if (now - health.since <= allowed) co_return;
    if (ready && ready->status == "Unknown") co_return;
    co_await mark_silent(*node);
  }

  Task<void> mark_silent(const Node& node) {
    const api::Time now(context_.executor.now());
    Node next = node;
    for (const std::string_view type :
         {"Ready", "MemoryPressure", "DiskPressure", "PIDPressure"}) {
      const auto* known = find(next, type);
      const std::string reason = known ? "NodeStatusUnknown" : "NodeStatusNeverUpdated";
      const std::string message =
          known ? "Kubelet stopped posting node status." : "Kubelet never posted node status.";
      if (!known) {
        next.status.conditions.push_back({.type = std::string(type),
                                          .status = "Unknown",
                                          .lastHeartbeatTime = node.metadata.creationTimestamp,
                                          .lastTransitionTime = now,
                                          .reason = reason,
                                          .message = message});
        continue;
      }
      auto& condition =
          *std::ranges::find(next.status.conditions, type, &NodeCondition::type);
      if (condition.status == "Unknown") continue;
      condition.status = "Unknown";
      condition.reason = reason;
      condition.message = message;
      condition.lastTransitionTime = now;
    }
    auto written = co_await context_.client.update_status(std::move(next));
    if (!written) {
      if (!written.error().is(Reason::Conflict) && !written.error().is(Reason::NotFound))
        log_warning("Cannot mark a silent node",
                    {{"node", node.metadata.name}, {"err", written.error().message()}});
      co_return;
    }
    log_warning("Node stopped reporting", {{"node", node.metadata.name}});
    context_.events.record(event_target(node), client::EventType::Normal, "NodeNotReady",
                           "Node " + node.metadata.name + " status is now: NodeNotReady");
    co_await mark_pods_unready(node.metadata.name);
  }

  // Services must not send anybody to a node that nobody hears of.
  Task<void> mark_pods_unready(std::string node_name) {
    for (const auto& pod : context_.informers.of<core::v1::Pod>().list<core::v1::Pod>()) {
      if (pod->spec.nodeName != node_name || !is_ready(*pod)) continue;
      core::v1::Pod next = *pod;
      for (auto& condition : next.status.conditions) {
        if (condition.type != "Ready") continue;
        condition.status = "False";
        condition.lastTransitionTime = api::Time(context_.executor.now());
      }
      auto written = co_await context_.client.update_status(std::move(next));
      if (!written && !written.error().is(Reason::Conflict) &&
          !written.error().is(Reason::NotFound))
        log_warning("Cannot mark a pod of a silent node",
                    {{"pod", key_of(*pod).text()}, {"err", written.error().message()}});
    }
  }

  Task<Result<client::Requeue>> reconcile_taints(ObjectKey key) {
    const auto node = context_.informers.of<Node>().find<Node>(key);
    if (!node) co_return client::Requeue::none();
    const std::vector<Taint> wanted = wanted_taints(*node);
    Node next = *node;
    auto& taints = next.spec.taints;
    const auto same = [](const Taint& a, const Taint& b) {
      return a.key == b.key && a.effect == b.effect;
    };
    std::erase_if(taints, [&](const Taint& taint) {
      return is_managed(taint) && std::ranges::none_of(wanted, [&](const Taint& other) {
               return same(taint, other);
             });
    });
    for (const auto& taint : wanted) {
      if (std::ranges::any_of(taints, [&](const Taint& other) { return same(taint, other); }))
        continue;
      taints.push_back(taint);
      if (taint.effect == "NoExecute") taints.back().timeAdded = api::Time(context_.executor.now());
    }
    if (taints != node->spec.taints) CO_TRY_OK(co_await context_.client.update(std::move(next)));
    co_return client::Requeue::none();
  }

  ControllerContext& context_;
  const NodeLifecycleOptions options_;
  client::WorkQueue<ObjectKey> queue_;
  std::map<std::string, Health> health_;
};

}  // namespace

std::unique_ptr<Controller> make_node_lifecycle_controller(ControllerContext& context,
                                                           NodeLifecycleOptions options) {
  return std::make_unique<NodeLifecycleController>(context, options);
}

}  // namespace keelson::controllers
