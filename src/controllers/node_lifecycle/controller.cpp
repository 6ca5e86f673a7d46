// SPDX-License-Identifier: Apache-2.0
// Two loops: reconcile() keeps the NoSchedule taints in step with the conditions of a node that has
// changed; watch_nodes() looks at all nodes every few seconds, since silence is no event.
#include "controllers/node_lifecycle/controller.h"

#include <set>

#include "api/coordination/v1.h"
#include "api/core/v1.h"
#include "base/log.h"
#include "controllers/node_lifecycle/health.h"
#include "controllers/node_lifecycle/taints.h"
#include "controllers/pods.h"

namespace keelson::controllers {
namespace node_lifecycle {
namespace {

using coordination::v1::Lease;
using core::v1::Node;
using core::v1::Pod;
using NodePtr = std::shared_ptr<const Node>;

constexpr std::size_t kWritesAtOnce = 8;  // Upstream: nodeUpdateWorkerSize.
constexpr std::string_view kExcluded = "node.kubernetes.io/exclude-disruption";

// A node after a look at it, and what its Ready condition said before.
struct Sight {
  NodePtr node;
  std::string observed;
};

class NodeLifecycleController final : public Controller {
 public:
  NodeLifecycleController(ControllerContext& context, NodeLifecycleOptions options)
      : context_(context), options_(options), queue_(context.executor) {
    nodes().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (now) {
        queue_.add(now->key());
      } else {
        health_.erase(before->name());
        mark_pods_.erase(before->name());
      }
    });
    context.informers.of<Lease>();
    index_by_node(context.informers);
    context.informers.of<Pod>().add_handler([this](const ObjectPtr& before, const ObjectPtr& now) {
      if (now) pod_placed(before ? before->as<Pod>().spec.nodeName : "", now->as<Pod>());
    });
  }

  std::string_view name() const override { return "node-lifecycle"; }

  Task<void> run() override {
    if (!co_await nodes().wait_synced()) co_return;
    if (!co_await context_.informers.of<Lease>().wait_synced()) co_return;
    if (!co_await context_.informers.of<Pod>().wait_synced()) co_return;
    const TaskContext& here = co_await this_context();
    TaskGroup group(*here.executor);
    std::stop_callback forward(here.stop, [&group] { group.request_stop(); });
    group.start(watch_nodes(this));
    co_await client::run_workers<ObjectKey>(
        queue_, 8, name(), [this](ObjectKey key) { return reconcile(std::move(key)); });
    co_await group.stop();
  }

 private:
  struct Zone {
    ZoneState state = ZoneState::Initial;
    EvictionQueue evictions;
  };

  client::Informer& nodes() { return context_.informers.of<Node>(); }

  // A pod may be bound to a node, or its binding be seen, only after the node went silent.
  void pod_placed(const std::string& former_node, const Pod& pod) {
    const std::string& name = pod.spec.nodeName;
    if (name.empty() || name == former_node) return;
    const auto node = nodes().find<Node>({"", name});
    if (!node) return;
    const std::string ready = ready_status(*node);
    if (!ready.empty() && ready != "True") mark_pods_.insert(name);
  }

  Task<Result<client::Requeue>> reconcile(ObjectKey key) {
    const auto node = nodes().find<Node>(key);
    if (!node) co_return client::Requeue::none();
    const Wall now = context_.executor.now();
    const auto correct = [now](Node& next) {
      const bool tainted = set_condition_taints(next, now);
      return set_beta_labels(next) || tainted;
    };
    if (Node copy = *node; !correct(copy)) co_return client::Requeue::none();
    auto written = co_await client::update_with_retry<Node>(context_.client, key, correct);
    if (!written && !written.error().is(Reason::NotFound))
      co_return fail(std::move(written).error());
    co_return client::Requeue::none();
  }

  static Task<void> watch_nodes(NodeLifecycleController* self) {
    const Executor& clock = self->context_.executor;
    Duration next_look = clock.monotonic();
    Duration wait{};
    do {
      if (clock.monotonic() >= next_look) {
        next_look = clock.monotonic() + self->options_.check_interval;
        co_await self->look_at_all();
      }
      co_await self->evict_due();
      Duration next = next_look;
      for (const auto& [name, zone] : self->zones_) {
        if (const auto due = zone.evictions.next()) next = std::min(next, *due);
      }
      wait = std::max(next - clock.monotonic(), Duration::zero());
    } while (co_await sleep_for(wait));
  }

  Task<void> look_at_all() {
    const auto all = nodes().list<Node>();
    announce(all);
    std::vector<Sight> sights;
    std::vector<Task<std::optional<Sight>>> writes;
    const Duration now = context_.executor.monotonic();
    for (const auto& node : all) {
      if (is_silent(*node, now)) {
        writes.push_back(write_silence(node));
      } else {
        sights.push_back({node, ready_status(*node)});
      }
    }
    for (auto& sight : co_await in_batches(std::move(writes))) {
      // One that could not be written is not judged: the server may know better.
      if (sight) sights.push_back(std::move(*sight));
    }

    std::map<std::string, ZoneHealth> zones;
    for (const auto& sight : sights) {
      if (sight.node->metadata.labels.contains(kExcluded)) continue;
      ZoneHealth& zone = zones[zone_of(*sight.node)];
      ++(ready_status(*sight.node) == "True" ? zone.ready : zone.unready);
    }
    std::vector<Task<bool>> steps;
    for (const auto& sight : sights) follow(sight, steps);
    co_await in_batches(std::move(steps));
    co_await handle_disruption(zones, all);
  }

  // Whether nobody has heard of the node for too long, and its conditions do not say so yet.
  bool is_silent(const Node& node, Duration now) {
    const auto lease =
        context_.informers.of<Lease>().find<Lease>({"kube-node-lease", node.metadata.name});
    const auto known = health_.find(node.metadata.name);
    const auto before =
        known == health_.end() ? std::optional<Health>() : std::optional<Health>(known->second);
    const Health health = observe(before, node, lease.get(), now, context_.executor.now());
    health_[node.metadata.name] = health;
    const Duration grace =
        ready_status(node).empty() ? options_.startup_grace : options_.grace_period;
    if (now - health.heard <= grace) return false;
    Node copy = node;
    return mark_silent(copy, context_.executor.now());
  }

  Task<std::optional<Sight>> write_silence(NodePtr node) {
    const Wall now = context_.executor.now();
    const auto* ready = find_condition(*node, "Ready");
    const auto heartbeat = ready ? ready->lastHeartbeatTime : api::Time();
    const std::string observed = ready ? ready->status : "Unknown";
    const auto mark = [now, heartbeat](Node& fresh) {
      const auto* current = find_condition(fresh, "Ready");
      // News that has not come to our copy yet.
      if (current && current->lastHeartbeatTime != heartbeat) return false;
      return mark_silent(fresh, now);
    };
    auto written = co_await client::update_with_retry<Node>(context_.client, key_of(*node), mark,
                                                            {.subresource = "status"});
    if (!written) {
      if (!written.error().is(Reason::NotFound) && !written.error().is(Reason::Canceled))
        log_warning("Cannot mark a silent node",
                    {{"node", node->metadata.name}, {"err", written.error().message()}});
      co_return std::nullopt;
    }
    if (ready_status(**written) == "Unknown")
      log_warning("Node stopped reporting", {{"node", node->metadata.name}});
    co_return Sight{std::move(*written), observed};
  }

  // Adds to `steps` what the sight calls for; queues its eviction.
  void follow(const Sight& sight, std::vector<Task<bool>>& steps) {
    const Node& node = *sight.node;
    const std::string& name = node.metadata.name;
    const std::string current = ready_status(node);
    if (current.empty()) return;
    if (sight.observed == "True") {
      zone(node).evictions.remove(name);
      if (has_eviction_taint(node)) steps.push_back(write_taints(name, false));
    } else if (has_eviction_taint(node)) {
      // One of the two is there already: the other takes its place without waiting.
      Node copy = node;
      if (set_eviction_taint(copy, context_.executor.now()))
        steps.push_back(write_taints(name, true));
    } else {
      zone(node).evictions.add(name);
    }
    if (current == "True") {
      mark_pods_.erase(name);
    } else if (sight.observed == "True") {
      context_.events.record(event_target(node), client::EventType::Normal, "NodeNotReady",
                             "Node " + name + " status is now: NodeNotReady");
      steps.push_back(mark_pods_unready(name));
    } else if (mark_pods_.contains(name)) {
      steps.push_back(mark_pods_unready(name));
    }
  }

  Zone& zone(const Node& node) {
    return zones_
        .try_emplace(zone_of(node), ZoneState::Initial, EvictionQueue(options_.rates.normal))
        .first->second;
  }

  Task<void> handle_disruption(std::map<std::string, ZoneHealth> health, std::vector<NodePtr> all) {
    std::map<std::string, ZoneState> before;
    for (const auto& [name, zone] : zones_) before[name] = zone.state;
    const DisruptionPlan plan = plan_disruption(before, health, options_.rates);
    std::erase_if(zones_, [&](const auto& entry) { return !health.contains(entry.first); });
    const Duration now = context_.executor.monotonic();
    for (const auto& [name, state] : plan.states) {
      Zone& zone =
          zones_.try_emplace(name, ZoneState::Initial, EvictionQueue(options_.rates.normal))
              .first->second;
      if (zone.state != state && zone.state != ZoneState::Initial)
        log_info("Zone is in a new state", {{"zone", name}, {"state", text(state)}});
      zone.state = state;
      if (const auto rate = plan.rates.find(name); rate != plan.rates.end())
        zone.evictions.set_rate(rate->second, now);
    }
    if (plan.recovered) {
      for (auto& [name, known] : health_) known.heard = now;
    }
    if (!plan.all_lost) co_return;
    log_warning("No node is ready: nothing is evicted", {});
    std::vector<Task<bool>> steps;
    for (const auto& node : all) {
      if (has_eviction_taint(*node)) steps.push_back(write_taints(node->metadata.name, false));
    }
    co_await in_batches(std::move(steps));
  }

  Task<void> evict_due() {
    for (auto& [name, zone] : zones_) {
      while (const auto due = zone.evictions.take(context_.executor.monotonic())) {
        const auto node = nodes().find<Node>({"", *due});
        // Ready again, or gone.
        if (!node || ready_status(*node) == "True") continue;
        if (!co_await write_taints(*due, true)) zone.evictions.add(*due);
      }
    }
  }

  // The NoExecute taint that its Ready condition calls for, or none.
  Task<bool> write_taints(std::string node, bool evict) {
    const Wall now = context_.executor.now();
    const auto change = [now, evict](Node& next) {
      return evict ? set_eviction_taint(next, now) : clear_eviction_taints(next);
    };
    auto written = co_await client::update_with_retry<Node>(context_.client, {"", node}, change);
    if (written || written.error().is(Reason::NotFound)) co_return true;
    if (!written.error().is(Reason::Canceled))
      log_warning("Cannot taint a node", {{"node", node}, {"err", written.error().message()}});
    co_return false;
  }

  // Services must not send anybody to a node that nobody hears of.
  Task<bool> mark_pods_unready(std::string node) {
    bool all_marked = true;
    for (const auto& pod : context_.informers.of<Pod>().by_index<Pod>(kByNode, node)) {
      if (!is_ready(*pod)) continue;
      Pod next = *pod;
      for (auto& condition : next.status.conditions) {
        if (condition.type != "Ready") continue;
        condition.status = "False";
        condition.lastTransitionTime = api::Time(context_.executor.now());
      }
      auto written = co_await context_.client.update_status(std::move(next));
      if (!written && written.error().is(Reason::NotFound)) continue;
      if (!written) {
        all_marked = false;
        continue;
      }
      context_.events.record(event_target(*pod), client::EventType::Warning, "NodeNotReady",
                             "Node is not ready");
    }
    // What failed is tried again at the next look.
    if (all_marked) {
      mark_pods_.erase(node);
    } else {
      mark_pods_.insert(node);
    }
    co_return all_marked;
  }

  void announce(const std::vector<NodePtr>& all) {
    std::map<std::string, client::EventTarget> seen;
    for (const auto& node : all) {
      const std::string& name = node->metadata.name;
      seen[name] = event_target(*node);
      if (!announced_.contains(name))
        context_.events.record(
            seen[name], client::EventType::Normal, "RegisteredNode",
            "Node " + name + " event: Registered Node " + name + " in Controller");
    }
    for (const auto& [name, target] : announced_) {
      if (!seen.contains(name))
        context_.events.record(
            target, client::EventType::Normal, "RemovingNode",
            "Node " + name + " event: Removing Node " + name + " from Controller");
    }
    announced_ = std::move(seen);
  }

  static std::string_view text(ZoneState state) {
    switch (state) {
      case ZoneState::Initial:
        return "Initial";
      case ZoneState::Normal:
        return "Normal";
      case ZoneState::PartialDisruption:
        return "PartialDisruption";
      case ZoneState::FullDisruption:
        return "FullDisruption";
    }
    return {};
  }

  template <class T>
  static Task<std::vector<T>> in_batches(std::vector<Task<T>> tasks) {
    std::vector<T> results;
    for (std::size_t first = 0; first < tasks.size(); first += kWritesAtOnce) {
      const auto last = std::min(first + kWritesAtOnce, tasks.size());
      std::vector<Task<T>> batch;
      for (std::size_t i = first; i < last; ++i) batch.push_back(std::move(tasks[i]));
      for (auto&& result : co_await when_all(std::move(batch))) results.push_back(result);
    }
    co_return results;
  }

  ControllerContext& context_;
  const NodeLifecycleOptions options_;
  client::WorkQueue<ObjectKey> queue_;
  std::map<std::string, Health> health_;
  std::map<std::string, Zone> zones_;
  std::set<std::string> mark_pods_;  // Nodes with pods that still have to be marked.
  std::map<std::string, client::EventTarget> announced_;
};

}  // namespace
}  // namespace node_lifecycle

std::unique_ptr<Controller> make_node_lifecycle_controller(ControllerContext& context,
                                                           NodeLifecycleOptions options) {
  return std::make_unique<node_lifecycle::NodeLifecycleController>(context, options);
}

}  // namespace keelson::controllers
