// SPDX-License-Identifier: Apache-2.0
// What the container runtime has of one pod, in the words of the kubelet.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/task.h"
#include "kubelet/cri/runtime.h"

namespace keelson::kubelet {

enum class ContainerState : std::uint8_t { Created, Running, Exited, Unknown };

// One instance of a container: a restart makes another.
struct ContainerRecord {
  std::string id, name, sandbox_id;
  std::string image;     // As asked for.
  std::string image_id;  // As found: a digest.
  ContainerState state = ContainerState::Unknown;
  std::int32_t restart_count = 0;
  std::uint64_t hash = 0;  // container_hash() of what it was made from; 0: not known.
  Wall created{}, started{}, finished{};  // The epoch: not yet.
  std::int32_t exit_code = 0;
  std::string reason, message;
  std::string log_path;
  // Where the container's termination message is on this node; empty: nowhere.
  std::string message_file;
  bool message_from_log = false;  // Policy FallbackToLogsOnError.
};

struct SandboxRecord {
  std::string id;
  std::uint32_t attempt = 0;
  bool ready = false;
  bool host_network = false;
  Wall created{};
  std::vector<std::string> ips;
};

struct RuntimePod {
  std::vector<SandboxRecord> sandboxes;     // Newest first.
  std::vector<ContainerRecord> containers;  // Newest first.

  // The newest instance, and the one before it; null if there is none.
  const ContainerRecord* latest(std::string_view name) const;
  const ContainerRecord* previous(std::string_view name) const;
  // The sandbox that containers are put into; null unless it is ready.
  const SandboxRecord* ready_sandbox() const;
  bool any_running() const;
};

// Asks the runtime. `before` (may be null; must outlive the task) saves asking again for what has
// ended already. Errors: the runtime's.
Task<Result<RuntimePod>> inspect_pod(cri::Runtime& runtime, std::string uid,
                                     const RuntimePod* before);

// A pod in short, as two list calls show it: enough to see that something changed.
struct PodOutline {
  std::string name, namespace_;
  std::map<std::string, ContainerState> containers;  // By id.
  std::map<std::string, bool> sandboxes;             // By id: ready or not.

  bool operator==(const PodOutline&) const = default;
};
// All pods of the runtime by uid.
Task<Result<std::map<std::string, PodOutline>>> list_pods(cri::Runtime& runtime);

// The text of a termination message file, of at most 4 KiB, or the end of the log.
std::string read_termination_message(const ContainerRecord& container);

}  // namespace keelson::kubelet
