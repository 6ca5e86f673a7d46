// SPDX-License-Identifier: Apache-2.0
// The probes of one pod: a task for each probe of each running container, and what they say.
// Source: upstream pkg/kubelet/prober, worker.
#pragma once

#include <functional>
#include <map>
#include <memory>

#include "kubelet/pod_plan.h"
#include "kubelet/probe.h"

namespace keelson::kubelet {

class PodProbes final {
 public:
  // `changed` is called (on the executor) when health() has changed. `node` outlives this.
  PodProbes(NodeContext& node, std::function<void()> changed);
  ~PodProbes();

  // Starts the probes of containers that run now, ends those of others.
  void update(const PodPtr& pod, const RuntimePod& runtime);
  // The pod is being ended: from now on only readiness counts.
  void end_restarts() { ending_ = true; }
  const PodHealth& health() const { return health_; }
  Task<void> stop();

 private:
  // One container's probes; a restarted container has others.
  struct Watched {
    std::string container_id;
    std::unique_ptr<TaskGroup> tasks;
  };

  void watch(const PodPtr& pod, const v1::Container& spec, const ContainerRecord& record,
             const std::string& pod_ip);
  Task<void> probe_loop(PodPtr pod, const v1::Container* spec, ProbeKind kind,
                        ContainerRecord record, std::string pod_ip);
  void apply(const std::string& container, const std::string& id, ProbeKind kind, bool success);
  bool is_started(const std::string& container) const;
  static Task<void> retire(std::unique_ptr<TaskGroup> tasks);

  NodeContext& node_;
  const std::function<void()> changed_;
  bool ending_ = false;
  PodHealth health_;
  std::map<std::string, Watched> watched_;  // By container name.
  TaskGroup retired_;
};

}  // namespace keelson::kubelet
