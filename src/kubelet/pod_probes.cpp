// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_probes.h"

namespace keelson::kubelet {

namespace {

const v1::Probe* probe_of(const v1::Container& spec, ProbeKind kind) {
  switch (kind) {
    case ProbeKind::Startup:
      return spec.startupProbe.get();
    case ProbeKind::Liveness:
      return spec.livenessProbe.get();
    case ProbeKind::Readiness:
      return spec.readinessProbe.get();
  }
  return nullptr;
}

// What the API says of this very instance: after a restart of the kubelet it still holds.
const v1::ContainerStatus* known_status(const v1::Pod& pod, const ContainerRecord& record) {
  const std::string id = "containerd://" + record.id;
  for (const auto* list : {&pod.status.containerStatuses, &pod.status.initContainerStatuses}) {
    for (const auto& status : *list) {
      if (status.containerID == id) return &status;
    }
  }
  return nullptr;
}

}  // namespace

PodProbes::PodProbes(NodeContext& node, std::function<void()> changed)
    : node_(node), changed_(std::move(changed)), retired_(node.executor) {}

PodProbes::~PodProbes() = default;

void PodProbes::update(const PodPtr& pod, const RuntimePod& runtime) {
  std::string ip;
  if (const SandboxRecord* sandbox = runtime.ready_sandbox()) {
    if (sandbox->host_network && !node_.options.node_ips.empty()) ip = node_.options.node_ips[0];
    if (!sandbox->ips.empty()) ip = sandbox->ips.front();
  }
  for (const v1::Container* spec : all_containers(*pod)) {
    const ContainerRecord* record = runtime.latest(spec->name);
    const bool running = record && record->state == ContainerState::Running;
    auto found = watched_.find(spec->name);
    if (found != watched_.end() && (!running || found->second.container_id != record->id)) {
      retired_.start(retire(std::move(found->second.tasks)));
      watched_.erase(found);
      found = watched_.end();
    }
    if (!running) health_.erase(spec->name);
    if (running && found == watched_.end()) watch(pod, *spec, *record, ip);
  }
}

Task<void> PodProbes::retire(std::unique_ptr<TaskGroup> tasks) { co_await tasks->stop(); }

void PodProbes::watch(const PodPtr& pod, const v1::Container& spec, const ContainerRecord& record,
                      const std::string& pod_ip) {
  ContainerHealth health{.container_id = record.id};
  health.started = !spec.startupProbe;
  health.ready = !spec.readinessProbe;
  if (const auto* known = known_status(*pod, record)) {
    health.started |= known->started.value_or(false);
    health.ready |= known->ready;
  }
  health_[spec.name] = std::move(health);
  Watched& watched = watched_[spec.name];
  watched.container_id = record.id;
  watched.tasks = std::make_unique<TaskGroup>(node_.executor);
  for (const ProbeKind kind : {ProbeKind::Startup, ProbeKind::Liveness, ProbeKind::Readiness}) {
    if (!probe_of(spec, kind)) continue;
    watched.tasks->start(probe_loop(pod, &spec, kind, record, pod_ip));
  }
}

bool PodProbes::is_started(const std::string& container) const {
  const auto found = health_.find(container);
  return found != health_.end() && found->second.started;
}

// `spec` is part of `pod`.
Task<void> PodProbes::probe_loop(PodPtr pod, const v1::Container* spec, ProbeKind kind,
                                 ContainerRecord record, std::string pod_ip) {
  const v1::Probe& probe = *probe_of(*spec, kind);
  const Duration period = std::chrono::seconds(std::max(1, probe.periodSeconds));
  const ProbeTarget target{.container_id = record.id, .pod_ip = std::move(pod_ip)};
  const Wall first = record.started + std::chrono::seconds(probe.initialDelaySeconds);
  int in_a_row = 0;
  bool last = false;
  if (const Duration wait = first - node_.executor.now(); wait > Duration::zero()) {
    if (!co_await sleep_for(wait)) co_return;
  }
  while (true) {
    const bool started = is_started(spec->name);
    if (kind == ProbeKind::Startup && started) co_return;  // Its work is done.
    if (ending_ && kind != ProbeKind::Readiness) co_return;
    if (kind == ProbeKind::Startup || started) {
      auto outcome = co_await run_probe(node_, pod, spec, &probe, target);
      if (!outcome) co_return;
      in_a_row = outcome->success == last ? in_a_row + 1 : 1;
      last = outcome->success;
      if (!outcome->success) {
        node_.event(*pod, spec->name, client::EventType::Warning, "Unhealthy",
                    std::string(probe_name(kind)) + " probe failed: " + outcome->output);
      } else if (!outcome->warning.empty()) {
        node_.event(*pod, spec->name, client::EventType::Warning, "ProbeWarning",
                    std::string(probe_name(kind)) + " probe warning: " + outcome->warning);
      }
      const int needed = std::max(1, last ? probe.successThreshold : probe.failureThreshold);
      if (in_a_row >= needed) apply(spec->name, record.id, kind, last);
      // Once it has failed, the container is on its way out: more looks would only repeat that.
      if (!last && in_a_row >= needed && kind != ProbeKind::Readiness) co_return;
    }
    if (!co_await sleep_for(period)) co_return;
  }
}

void PodProbes::apply(const std::string& container, const std::string& id, ProbeKind kind,
                      bool success) {
  const auto found = health_.find(container);
  if (found == health_.end() || found->second.container_id != id) return;
  ContainerHealth& health = found->second;
  const auto set = [&](bool& member, bool value) {
    if (std::exchange(member, value) != value) changed_();
  };
  switch (kind) {
    case ProbeKind::Startup:
      if (success) {
        set(health.started, true);
      } else {
        set(health.startup_failed, true);
      }
      break;
    case ProbeKind::Liveness:
      set(health.live, success);
      break;
    case ProbeKind::Readiness:
      set(health.ready, success);
      break;
  }
}

Task<void> PodProbes::stop() {
  for (auto& [name, watched] : watched_) co_await watched.tasks->stop();
  watched_.clear();
  co_await retired_.stop();
}

}  // namespace keelson::kubelet
