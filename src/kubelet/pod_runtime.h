// SPDX-License-Identifier: Apache-2.0
// Carries out what was planned for a pod, on the container runtime.
// Source: upstream pkg/kubelet/kuberuntime.
#pragma once

#include <set>
#include <string>

#include "kubelet/node_context.h"
#include "kubelet/pod_config.h"

namespace keelson::kubelet {

// Why a container did not start, and when to try again.
struct StartFailure {
  WaitingReason why;
  Duration retry_after{};
};

class PodRuntime final {
 public:
  explicit PodRuntime(NodeContext& node) : node_(node) {}

  // Errors: the runtime's; told as an event too.
  Task<Result<SandboxRecord>> create_sandbox(PodPtr pod, std::uint32_t attempt);

  struct Start {
    PodPtr pod;
    const v1::Container* container;  // Of `pod`.
    SandboxRecord sandbox;
    VolumePaths volumes;
    std::uint32_t instance = 0;
  };
  // Image, configuration, creation, start and postStart hook, each with its events. Nothing: it
  // runs.
  Task<std::optional<StartFailure>> start(Start start);

  // preStop hook and stop signal. `spec` null: no longer known, so no hook.
  Task<Result<void>> stop(PodPtr pod, const v1::Container* spec, ContainerRecord record,
                          std::chrono::seconds grace, std::string message);
  // All containers, sidecars after the others, then the sandboxes. `running` is what there is.
  Task<Result<void>> kill(PodPtr pod, RuntimePod running, std::chrono::seconds grace);
  // Removes all containers and sandboxes, which have stopped.
  Task<Result<void>> remove(RuntimePod stopped);
  // Removes instances that restarts have left behind, all but the newest two.
  Task<void> prune(const v1::Pod& pod, RuntimePod runtime);

 private:
  Task<Result<cri::v1::ContainerConfig>> configure(const Start& start, const cri::v1::Image& image);
  Result<cri::v1::PodSandboxConfig> sandbox_config(const v1::Pod& pod, std::uint32_t attempt,
                                                   std::string cgroup);
  std::vector<std::string> addresses(const SandboxRecord& sandbox) const;
  // Empty: the runtime's default.
  Task<Result<std::string>> runtime_handler(PodPtr pod);

  NodeContext& node_;
  // Hooks run once, even when an interrupted stop is taken up again.
  std::set<std::string> pre_stopped_;
  // Sandboxes that kill() stopped, so that remove() does not have their network torn down again:
  // each time runs all its plugins.
  std::set<std::string> stopped_;
};

// Kills and removes a pod of which only the runtime knows: its spec is gone.
Task<Result<void>> remove_orphan(NodeContext& node, std::string uid);

}  // namespace keelson::kubelet
