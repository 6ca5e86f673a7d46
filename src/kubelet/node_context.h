// SPDX-License-Identifier: Apache-2.0
// What the parts of one kubelet share. Made by Kubelet; outlives all of them.
#pragma once

#include <functional>

#include "base/random.h"
#include "base/sync.h"
#include "kubelet/backoff.h"
#include "kubelet/config_source.h"
#include "kubelet/cri/runtime.h"
#include "kubelet/host.h"
#include "kubelet/images/image_puller.h"
#include "kubelet/options.h"
#include "kubelet/status_manager.h"

namespace keelson::kubelet {

// Some may pass at a time; the others wait in the order of their coming.
class Gate final {
 public:
  explicit Gate(std::size_t width) : inside_(width) {}

  class Pass {
   public:
    explicit Pass(Gate* gate) : gate_(gate) {}
    Pass(Pass&& other) noexcept : gate_(std::exchange(other.gate_, nullptr)) {}
    Pass& operator=(Pass&&) = delete;
    ~Pass() {
      if (gate_) gate_->inside_.try_pop();
    }

   private:
    Gate* gate_;
  };
  // Errors: Canceled.
  Task<Result<Pass>> enter() {
    if (!co_await inside_.push(true)) co_return fail(Status::canceled());
    co_return Pass(this);
  }

 private:
  Channel<bool> inside_;
};

struct NodeContext {
  const KubeletOptions& options;
  client::Client& client;
  Executor& executor;
  cri::Runtime& runtime;
  PodHost& host;
  Random& random;
  client::EventRecorder& events;
  ConfigSource& configs;
  ImagePuller& images;
  StatusManager& statuses;
  client::Informer& services;
  client::Informer& nodes;  // This node only.
  Backoff& crashes;
  // Apart, so that a pod begun early does not wait for the sandboxes of all that came later.
  Gate& sandbox_starts;
  Gate& container_starts;
  MachineInfo machine;
  podspec::ResourceList allocatable;
  // Empty: the network is ready; else why it is not.
  std::string network_problem;

  void event(const v1::Pod& pod, client::EventType type, std::string reason, std::string message) {
    events.record(event_target(pod), type, std::move(reason), std::move(message));
  }
  void event(const v1::Pod& pod, std::string_view container, client::EventType type,
             std::string reason, std::string message) {
    events.record(event_target(pod, container), type, std::move(reason), std::move(message));
  }
  NodeValues node_values(std::vector<std::string> pod_ips) const {
    return {.node_name = options.node_name,
            .host_ips = options.node_ips,
            .pod_ips = std::move(pod_ips),
            .allocatable = allocatable};
  }
};

}  // namespace keelson::kubelet
