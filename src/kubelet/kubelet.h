// SPDX-License-Identifier: Apache-2.0
// The agent of one node: runs the pods that are bound to it and tells the cluster how they are.
// Everything from outside is injected, so that a simulation runs hollow nodes by the thousand.
// All of it lives on one serial executor. See README.md.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/random.h"
#include "client/event_recorder.h"
#include "client/informer.h"
#include "kubelet/host.h"
#include "kubelet/images/image_collector.h"
#include "kubelet/node_agent.h"
#include "kubelet/options.h"
#include "kubelet/pod_worker.h"
#include "kubelet/runtime_watch.h"

namespace keelson::kubelet {

struct KubeletDeps {
  client::Client& client;
  Executor& executor;  // Serial.
  cri::Runtime& runtime;
  PodHost& host;
  Random& random;
  ConfigSource* configs = nullptr;  // Shared with the host; null: one of its own.
  // What has to be done once the runtime is there and before the first pod, such as importing
  // images.
  std::function<Task<void>()> before_pods = nullptr;
};

class Kubelet final {
 public:
  // The dependencies outlive it.
  Kubelet(KubeletOptions options, KubeletDeps deps);
  ~Kubelet();

  // Starts all loops; returns at once. On the executor.
  void start();
  // Ends all loops and leaves the containers running: the next kubelet adopts them.
  Task<void> stop();

  // --- For the server; on the executor ----------------------------------------------------------

  const KubeletOptions& options() const { return options_; }
  NodeContext& context() { return context_; }
  NodeAgent& agent() { return agent_; }
  // All pods of the node with the newest status.
  std::vector<v1::Pod> pods() const;
  // Null if the node has no such pod. `uid` empty: that of the name which the API has now, rather
  // than one before it that is still being ended.
  const PodWorker* find_worker(const client::ObjectKey& key, std::string_view uid) const;
  bool is_healthy() const { return !watch_.is_stuck(); }

 private:
  void on_pod(const client::ObjectPtr& before, const client::ObjectPtr& now);
  void add_worker(const PodPtr& pod);
  Task<void> run_worker(std::string uid, PodWorker* worker);
  Task<void> run_pods();
  Task<void> run_runtime_check();
  Task<void> run_housekeeping();
  Task<void> run_eviction();
  // Ends pods that have written more than they may.
  Task<Result<void>> enforce_disk_limits();
  void evict(const std::string& uid, const PodFailure& failure);
  // At most `limit`, until nothing of the pod runs any more. Errors: Canceled.
  Task<Result<void>> wait_ended(std::string uid, Duration limit);
  Task<void> collect_images(bool urgent);
  Task<void> run_image_collection();
  Task<void> run_log_rotation();
  void collect_orphans();
  Task<void> remove_orphan_pod(std::string uid);
  Task<void> release_volumes(std::string uid);
  std::vector<PodPtr> admitted_pods(const std::string& but) const;

  struct Entry {
    std::unique_ptr<PodWorker> worker;
    bool finished = false;
  };

  const KubeletOptions options_;
  const KubeletDeps deps_;
  client::InformerSet informers_;
  client::Informer& pod_informer_;
  client::EventRecorder events_;
  std::unique_ptr<ConfigSource> own_configs_;
  ImagePuller images_;
  StatusManager statuses_;
  Backoff crashes_;
  Gate sandbox_starts_, container_starts_;
  NodeContext context_;
  NodeAgent agent_;
  RuntimeWatch watch_;
  ImageCollector image_collector_;
  std::map<std::string, Entry> workers_;  // By pod uid.
  std::set<std::string> orphans_;         // Being removed.
  bool accepting_ = false;                // The runtime is there and the first list is known.
  bool runtime_ready_ = false;
  Event runtime_up_;  // Set once it has been ready.
  TaskGroup tasks_;
  TaskGroup worker_tasks_;
};

}  // namespace keelson::kubelet
