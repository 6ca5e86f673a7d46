// SPDX-License-Identifier: Apache-2.0
// A container runtime as a kubelet sees it. GrpcRuntime speaks to containerd or CRI-O; FakeRuntime
// runs nothing, for hollow nodes and tests. Used on the kubelet's executor.
// Source: CRI v1 (api/cri/v1.proto).
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "cri/v1.pb.h"

namespace keelson::cri {

namespace v1 = ::runtime::v1;

// What happens to containers, as it happens. Destroying it ends the subscription.
class EventStream {
 public:
  virtual ~EventStream() = default;
  // Waits for the next. Errors: Unavailable when the runtime has gone: subscribe again, list
  // before.
  virtual Task<Result<v1::ContainerEventResponse>> next() = 0;
};

// Errors of all calls: NotFound for an unknown id, Timeout, ServiceUnavailable while the runtime is
// away, InternalError with the runtime's own words. Stopping and removing what is gone succeeds.
class Runtime {
 public:
  virtual ~Runtime() = default;

  virtual Task<Result<v1::VersionResponse>> version() = 0;
  virtual Task<Result<v1::RuntimeStatus>> status() = 0;
  virtual Task<Result<void>> update_pod_cidr(std::string cidr) = 0;

  // Returns the sandbox's id.
  virtual Task<Result<std::string>> run_sandbox(v1::PodSandboxConfig config,
                                                std::string runtime_handler) = 0;
  virtual Task<Result<void>> stop_sandbox(std::string id) = 0;
  virtual Task<Result<void>> remove_sandbox(std::string id) = 0;
  virtual Task<Result<v1::PodSandboxStatus>> sandbox_status(std::string id) = 0;
  // `pod_uid` empty: all.
  virtual Task<Result<std::vector<v1::PodSandbox>>> list_sandboxes(std::string pod_uid) = 0;

  // Returns the container's id.
  virtual Task<Result<std::string>> create_container(std::string sandbox_id,
                                                     v1::ContainerConfig config,
                                                     v1::PodSandboxConfig sandbox_config) = 0;
  virtual Task<Result<void>> start_container(std::string id) = 0;
  // Returns once it has stopped, by SIGKILL after `grace`.
  virtual Task<Result<void>> stop_container(std::string id, std::chrono::seconds grace) = 0;
  virtual Task<Result<void>> remove_container(std::string id) = 0;
  virtual Task<Result<std::vector<v1::Container>>> list_containers(std::string pod_uid) = 0;
  virtual Task<Result<v1::ContainerStatus>> container_status(std::string id) = 0;
  virtual Task<Result<void>> update_resources(std::string id,
                                              v1::LinuxContainerResources limits) = 0;
  virtual Task<Result<void>> reopen_log(std::string id) = 0;

  // Runs a command to its end; `timeout` 0: none. Errors: Timeout when it took longer.
  virtual Task<Result<v1::ExecSyncResponse>> exec_sync(std::string id,
                                                       std::vector<std::string> command,
                                                       std::chrono::seconds timeout) = 0;
  // URLs of the runtime's own streaming server.
  virtual Task<Result<std::string>> exec_url(v1::ExecRequest request) = 0;
  virtual Task<Result<std::string>> attach_url(v1::AttachRequest request) = 0;
  virtual Task<Result<std::string>> port_forward_url(v1::PortForwardRequest request) = 0;

  virtual Task<Result<std::vector<v1::ContainerStats>>> container_stats() = 0;

  // Errors: NotImplemented where the runtime has no event stream (containerd 1.6).
  virtual Task<Result<std::unique_ptr<EventStream>>> events() = 0;

  virtual Task<Result<std::vector<v1::Image>>> list_images() = 0;
  // Nothing if the image is not there.
  virtual Task<Result<std::optional<v1::Image>>> image_status(std::string image) = 0;
  // Returns the image's reference. `auth` null: anonymously.
  virtual Task<Result<std::string>> pull_image(std::string image, const v1::AuthConfig* auth,
                                               v1::PodSandboxConfig sandbox_config) = 0;
  virtual Task<Result<void>> remove_image(std::string image) = 0;
  virtual Task<Result<v1::FilesystemUsage>> image_filesystem() = 0;
};

}  // namespace keelson::cri
