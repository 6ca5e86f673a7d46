// SPDX-License-Identifier: Apache-2.0
#include "kubelet/kubelet.h"

#include "base/log.h"
#include "kubelet/eviction.h"
#include "kubelet/logs/log_rotation.h"
#include "kubelet/node_admission.h"

namespace keelson::kubelet {

namespace {

using client::EventType;

// How often the runtime is asked how it is: once it is well, and before that.
constexpr Duration kRuntimeCheck = std::chrono::seconds(5);  // Upstream's.
constexpr Duration kRuntimeCheckUnready = std::chrono::milliseconds(250);
// A ConfigMap's or Secret's answer counts this long: half of what makes a pod's volumes stale.
constexpr Duration kConfigFresh = std::chrono::seconds(30);
// How long the end of an evicted pod is waited for before another has to go. Upstream's.
constexpr Duration kEvictionWait = std::chrono::seconds(30);

std::uint64_t seed_of(const std::string& name) { return std::hash<std::string>()(name); }

std::string condition_text(const cri::v1::RuntimeCondition& condition) {
  return condition.type() + "=" + (condition.status() ? "true" : "false") +
         " reason:" + condition.reason() + " message:" + condition.message();
}

}  // namespace

Kubelet::Kubelet(KubeletOptions options, KubeletDeps deps)
    : options_(std::move(options)),
      deps_(deps),
      informers_(deps.client, deps.executor, seed_of(options_.node_name)),
      pod_informer_(informers_.selected(api::resource_of<v1::Pod>(), "",
                                        "spec.nodeName=" + options_.node_name)),
      events_(deps.client, deps.executor, "kubelet", options_.node_name),
      own_configs_(deps.configs ? nullptr
                                : make_config_source(deps.client, deps.executor, kConfigFresh)),
      images_(deps.runtime, deps.executor, deps.configs ? *deps.configs : *own_configs_, events_,
              {.backoff = options_.image_backoff, .backoff_limit = options_.image_backoff_limit}),
      statuses_(deps.client, pod_informer_, deps.executor),
      crashes_(options_.crash_backoff, options_.crash_backoff_limit),
      sandbox_starts_(options_.parallel_starts),
      container_starts_(options_.parallel_starts),
      context_{.options = options_,
               .client = deps.client,
               .executor = deps.executor,
               .runtime = deps.runtime,
               .host = deps.host,
               .random = deps.random,
               .events = events_,
               .configs = deps.configs ? *deps.configs : *own_configs_,
               .images = images_,
               .statuses = statuses_,
               .services = informers_.of<v1::Service>(),
               .nodes = informers_.selected(api::resource_of<v1::Node>(), "",
                                            "metadata.name=" + options_.node_name),
               .crashes = crashes_,
               .sandbox_starts = sandbox_starts_,
               .container_starts = container_starts_,
               .machine = deps.host.machine(),
               .allocatable = {},
               .network_problem = "container runtime has not been asked yet"},
      agent_(context_),
      watch_(context_,
             [this](const std::string& uid) {
               if (const auto found = workers_.find(uid); found != workers_.end()) {
                 found->second.worker->wake();
               }
             }),
      image_collector_(context_),
      tasks_(deps.executor),
      worker_tasks_(deps.executor) {
  context_.allocatable = node_allocatable(options_, context_.machine);
}

Kubelet::~Kubelet() = default;

void Kubelet::start() {
  log_info("Starting kubelet", {{"node", options_.node_name}, {"version", options_.version}});
  informers_.start();
  tasks_.start(statuses_.run());
  tasks_.start(run_runtime_check());
  tasks_.start([](NodeAgent* agent) -> Task<void> {
    if (!co_await agent->register_node()) co_return;
    co_await agent->run_status();
  }(&agent_));
  tasks_.start(agent_.run_lease());
  tasks_.start(run_pods());
}

Task<void> Kubelet::stop() {
  accepting_ = false;
  co_await worker_tasks_.stop();
  co_await tasks_.stop();
  co_await informers_.stop();
  co_await events_.stop();
  workers_.clear();
}

Task<void> Kubelet::run_runtime_check() {
  const auto tell = [this](std::vector<std::string> problems) {
    if (watch_.is_stuck()) problems.push_back("PLEG is not healthy: pleg has not been active");
    agent_.set_problems(std::move(problems));
  };
  bool version_known = false;
  while (true) {
    bool well = false;
    auto status = co_await deps_.runtime.status();
    if (status && !version_known) {
      if (auto version = co_await deps_.runtime.version()) {
        agent_.set_runtime_version(version->runtime_name() + "://" + version->runtime_version());
        version_known = true;
      } else {
        status = fail(version.error());
      }
    }
    if (status) {
      std::vector<std::string> problems;
      std::string network = "container runtime has not said whether its network is ready";
      const bool was_ready = std::exchange(runtime_ready_, false);
      for (const auto& condition : status->conditions()) {
        if (condition.type() == "RuntimeReady") runtime_ready_ = condition.status();
        if (condition.type() == "NetworkReady") {
          network = condition.status()
                        ? ""
                        : "container runtime network not ready: " + condition_text(condition);
        } else if (!condition.status()) {
          problems.push_back("container runtime not ready: " + condition_text(condition));
        }
      }
      if (!network.empty()) problems.push_back(network);
      if (runtime_ready_) runtime_up_.set();
      well = problems.empty();
      if (context_.network_problem != network || (runtime_ready_ && !was_ready)) {
        context_.network_problem = network;
        for (auto& [uid, entry] : workers_) entry.worker->retry_now();
      }
      tell(std::move(problems));
    } else {
      if (status.error().is(Reason::Canceled)) co_return;
      runtime_ready_ = false;
      tell({"container runtime is down: " + status.error().message()});
    }
    if (!co_await sleep_for(well ? kRuntimeCheck : kRuntimeCheckUnready)) co_return;
  }
}

Task<void> Kubelet::run_pods() {
  // The informers fill meanwhile.
  if (!co_await runtime_up_.wait()) co_return;
  if (deps_.before_pods) co_await deps_.before_pods();
  if (!co_await informers_.wait_synced()) co_return;
  accepting_ = true;
  // Adds a worker for each pod there is, oldest first in key order, and follows changes.
  pod_informer_.add_handler([this](const client::ObjectPtr& before, const client::ObjectPtr& now) {
    on_pod(before, now);
  });
  tasks_.start(watch_.run());
  tasks_.start(run_housekeeping());
  tasks_.start(run_eviction());
  tasks_.start(run_image_collection());
  tasks_.start(run_log_rotation());
}

void Kubelet::on_pod(const client::ObjectPtr& before, const client::ObjectPtr& now) {
  if (!accepting_) return;
  if (before && (!now || now->uid() != before->uid())) {
    if (const auto found = workers_.find(before->uid()); found != workers_.end()) {
      // The last state tells how much time was given.
      if (before->is_deleting()) found->second.worker->update(api::share<v1::Pod>(before));
      found->second.worker->removed();
    }
  }
  if (!now) return;
  auto pod = api::share<v1::Pod>(now);
  if (const auto found = workers_.find(now->uid()); found != workers_.end()) {
    found->second.worker->update(std::move(pod));
  } else {
    add_worker(pod);
  }
}

std::vector<PodPtr> Kubelet::admitted_pods(const std::string& but) const {
  std::vector<PodPtr> out;
  for (const auto& [uid, entry] : workers_) {
    if (uid != but && !entry.worker->is_ended()) out.push_back(entry.worker->pod());
  }
  return out;
}

void Kubelet::add_worker(const PodPtr& pod) {
  const std::string uid = pod->metadata.uid;
  std::optional<PodFailure> refused;
  // A pod that has a start time was admitted before, by this kubelet or the one before it.
  const bool fresh = !pod->status.startTime && !is_deleting(*pod) && !is_terminal(pod->status);
  if (fresh) {
    const auto others = admitted_pods(uid);
    const auto node = context_.nodes.find<v1::Node>({"", options_.node_name});
    refused = refuse_pod({.pod = *pod,
                          .others = others,
                          .node = node.get(),
                          .allocatable = context_.allocatable,
                          .apparmor = context_.machine.apparmor});
  }
  context_.configs.add_pod(*pod);
  Entry& entry = workers_[uid];
  entry.worker = std::make_unique<PodWorker>(context_, pod, [this, uid] {
    if (const auto found = workers_.find(uid); found != workers_.end()) {
      found->second.finished = true;
    }
  });
  if (refused) {
    context_.event(*pod, EventType::Warning, refused->reason, refused->message);
    entry.worker->fail_pod(std::move(*refused));
  }
  worker_tasks_.start(run_worker(uid, entry.worker.get()));
}

Task<void> Kubelet::run_worker(std::string uid, PodWorker* worker) {
  co_await worker->run();
  const auto found = workers_.find(uid);
  if (found == workers_.end() || !found->second.finished) co_return;
  workers_.erase(found);
  context_.configs.forget_pod(uid);
  watch_.forget(uid);
}

// --- Housekeeping --------------------------------------------------------------------------------

Task<void> Kubelet::run_housekeeping() {
  while (true) {
    if (watch_.has_listed()) collect_orphans();
    if (!co_await sleep_for(options_.housekeeping_period)) co_return;
  }
}

void Kubelet::collect_orphans() {
  for (const auto& [uid, outline] : watch_.pods()) {
    if (workers_.contains(uid) || orphans_.contains(uid)) continue;
    log_info("Removing a pod that the API server does not know",
             {{"pod", outline.namespace_ + "/" + outline.name}, {"uid", uid}});
    orphans_.insert(uid);
    tasks_.start(remove_orphan_pod(uid));
  }
  for (const auto& uid : deps_.host.prepared_pods()) {
    if (workers_.contains(uid) || orphans_.contains(uid) || watch_.pods().contains(uid)) continue;
    orphans_.insert(uid);
    tasks_.start(release_volumes(uid));
  }
}

Task<void> Kubelet::remove_orphan_pod(std::string uid) {
  if (auto removed = co_await remove_orphan(context_, uid); !removed) {
    log_warning("Orphaned pod could not be removed",
                {{"uid", uid}, {"err", removed.error().message()}});
  }
  // The next relist shows whether it is gone.
  [[maybe_unused]] auto slept = co_await sleep_for(2 * options_.relist_period);
  orphans_.erase(uid);
}

Task<void> Kubelet::release_volumes(std::string uid) {
  if (auto released = co_await deps_.host.release(uid); !released) {
    log_warning("Orphaned volumes could not be released",
                {{"uid", uid}, {"err", released.error().message()}});
    [[maybe_unused]] auto slept = co_await sleep_for(options_.gc_period);
  }
  orphans_.erase(uid);
}

Task<void> Kubelet::run_eviction() {
  while (true) {
    if (!co_await sleep_for(options_.status_check_period)) co_return;
    if (!co_await enforce_disk_limits()) co_return;
    NodePressure pressure = agent_.measure_pressure();
    if (pressure.disk) {
      // Images can be had again.
      co_await collect_images(true);
      pressure = agent_.measure_pressure();
    }
    if (!pressure.memory && !pressure.disk && !pressure.pids) continue;
    auto stats = co_await deps_.runtime.container_stats();
    if (!stats) continue;
    std::vector<PodPtr> pods;
    for (const auto& [uid, entry] : workers_) {
      if (!entry.worker->is_ending()) pods.push_back(entry.worker->pod());
    }
    const auto victim = choose_victim(pods, *stats, pressure);
    if (!victim) continue;
    evict(victim->pod->metadata.uid, victim->failure);
    // What it held comes back only with its end.
    if (!co_await wait_ended(victim->pod->metadata.uid, kEvictionWait)) co_return;
  }
}

void Kubelet::evict(const std::string& uid, const PodFailure& failure) {
  const auto found = workers_.find(uid);
  if (found == workers_.end() || found->second.worker->is_ending()) return;
  context_.event(*found->second.worker->pod(), EventType::Warning, failure.reason, failure.message);
  found->second.worker->fail_pod(failure);
}

Task<Result<void>> Kubelet::enforce_disk_limits() {
  std::vector<PodPtr> pods;
  for (const auto& [uid, entry] : workers_) {
    const PodPtr& pod = entry.worker->pod();
    if (!entry.worker->is_ending() && limits_disk_use(*pod)) pods.push_back(pod);
  }
  if (pods.empty()) co_return Result<void>{};
  std::vector<cri::v1::ContainerStats> stats;
  if (auto asked = co_await deps_.runtime.container_stats()) stats = std::move(*asked);
  for (const auto& pod : pods) {
    CO_TRY(const auto use, co_await deps_.host.disk_use(pod));
    if (const auto failure = over_disk_limits(*pod, use, stats)) {
      evict(pod->metadata.uid, *failure);
    }
  }
  co_return Result<void>{};
}

Task<Result<void>> Kubelet::wait_ended(std::string uid, Duration limit) {
  const Duration end = deps_.executor.monotonic() + limit;
  while (deps_.executor.monotonic() < end) {
    const auto found = workers_.find(uid);
    if (found == workers_.end() || found->second.worker->is_ended()) break;
    CO_TRY_OK(co_await sleep_for(std::chrono::seconds(1)));
  }
  co_return Result<void>{};
}

Task<void> Kubelet::run_image_collection() {
  while (true) {
    if (!co_await sleep_for(options_.gc_period)) co_return;
    co_await collect_images(agent_.pressure().disk);
  }
}

Task<void> Kubelet::collect_images(bool urgent) {
  std::set<std::string> in_use{options_.pause_image};
  for (const auto& [uid, entry] : workers_) {
    for (const auto& record : entry.worker->runtime_pod().containers) {
      in_use.insert(record.image_id);
      in_use.insert(record.image);
    }
    for (const auto* container : all_containers(*entry.worker->pod())) {
      in_use.insert(container->image);
    }
  }
  co_await image_collector_.collect(std::move(in_use), urgent);
}

Task<void> Kubelet::run_log_rotation() {
  if (options_.log_size_limit <= 0) co_return;
  while (true) {
    if (!co_await sleep_for(std::chrono::seconds(10))) co_return;  // Upstream's.
    std::vector<RotatedLog> logs;
    for (const auto& [uid, entry] : workers_) {
      for (const auto& record : entry.worker->runtime_pod().containers) {
        if (record.state == ContainerState::Running && !record.log_path.empty()) {
          logs.push_back({record.id, record.log_path});
        }
      }
    }
    for (const auto& log : logs) {
      co_await rotate_log(deps_.runtime, log, options_.log_size_limit, options_.log_file_limit,
                          deps_.executor.now());
    }
  }
}

// --- For the server ------------------------------------------------------------------------------

std::vector<v1::Pod> Kubelet::pods() const {
  std::vector<v1::Pod> out;
  for (const auto& [uid, entry] : workers_) {
    out.push_back(*entry.worker->pod());
    if (const auto* status = statuses_.find(uid)) out.back().status = *status;
  }
  return out;
}

const PodWorker* Kubelet::find_worker(const client::ObjectKey& key, std::string_view uid) const {
  const PodWorker* removed = nullptr;
  for (const auto& [worker_uid, entry] : workers_) {
    const auto& metadata = entry.worker->pod()->metadata;
    if (metadata.name != key.name || metadata.namespace_ != key.namespace_) continue;
    if (!uid.empty() && uid != worker_uid) continue;
    if (!entry.worker->is_removed()) return entry.worker.get();
    removed = entry.worker.get();
  }
  return removed;
}

}  // namespace keelson::kubelet
