// SPDX-License-Identifier: Apache-2.0
// A runtime that runs nothing: containers are entries in a table that start, run and exit on the
// executor's clock as they are told. For hollow nodes and tests; the same calls give the same run.
// One executor only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/sync.h"
#include "kubelet/cri/runtime.h"

namespace keelson::cri {

// What containers of an image do.
struct FakeBehavior {
  Duration runs_for = Duration::max();  // Then exits by itself.
  std::int32_t exit_code = 0;
  bool ignores_stop = false;        // Only SIGKILL ends it.
  std::int32_t stop_exit_code = 0;  // After a stop signal that it heeds.
};

struct FakeRuntimeOptions {
  bool events = true;      // Tell of changes; else callers relist.
  bool all_images = true;  // Every image is present; else only those that were added or pulled.
  bool failed_sandboxes_stay = false;  // As containerd does when the network cannot be set up.
  Duration sandbox_time{};             // What it takes to make a sandbox.
  Duration start_time{};
  Duration pull_time{};
};

class FakeRuntime final : public Runtime {
 public:
  explicit FakeRuntime(Executor& executor, FakeRuntimeOptions options = {});
  ~FakeRuntime() override;

  // --- Arranging and asserting ------------------------------------------------------------------

  void behave(const std::string& image, FakeBehavior behavior) { behaviors_[image] = behavior; }
  void add_image(const std::string& image) { images_.insert(image); }
  void set_network_ready(bool ready) { network_ready_ = ready; }
  // Answers exec_sync(); by default every command succeeds without output.
  using Exec = std::function<v1::ExecSyncResponse(const std::string& container_name,
                                                  const std::vector<std::string>& command)>;
  void on_exec(Exec exec) { exec_ = std::move(exec); }
  // The next `count` calls of that name ("RunPodSandbox", "StartContainer", ...) fail.
  void fail_next(const std::string& call, int count, const Status& status);
  // Forgets the failures that are still to come.
  void heal() { failures_.clear(); }
  int calls(const std::string& call) const;

  // Ends running containers of that name, as a crash would; true if there was one.
  bool crash(const std::string& container_name, std::int32_t exit_code);
  // All sandboxes stop and their containers die, as after a reboot.
  void reboot();
  std::vector<std::string> running() const;  // Names of running containers, sorted.
  std::size_t container_count() const { return containers_.size(); }
  std::size_t sandbox_count() const { return sandboxes_.size(); }
  // Of the newest container of that name; null if there is none.
  const v1::ContainerConfig* config_of(const std::string& container_name) const;
  const v1::PodSandboxConfig* sandbox_config_of(const std::string& pod_name) const;

  // --- Runtime ----------------------------------------------------------------------------------

  Task<Result<v1::VersionResponse>> version() override;
  Task<Result<v1::RuntimeStatus>> status() override;
  Task<Result<void>> update_pod_cidr(std::string cidr) override;
  Task<Result<std::string>> run_sandbox(v1::PodSandboxConfig config,
                                        std::string runtime_handler) override;
  Task<Result<void>> stop_sandbox(std::string id) override;
  Task<Result<void>> remove_sandbox(std::string id) override;
  Task<Result<v1::PodSandboxStatus>> sandbox_status(std::string id) override;
  Task<Result<std::vector<v1::PodSandbox>>> list_sandboxes(std::string pod_uid) override;
  Task<Result<std::string>> create_container(std::string sandbox_id, v1::ContainerConfig config,
                                             v1::PodSandboxConfig sandbox_config) override;
  Task<Result<void>> start_container(std::string id) override;
  Task<Result<void>> stop_container(std::string id, std::chrono::seconds grace) override;
  Task<Result<void>> remove_container(std::string id) override;
  Task<Result<std::vector<v1::Container>>> list_containers(std::string pod_uid) override;
  Task<Result<v1::ContainerStatus>> container_status(std::string id) override;
  Task<Result<void>> update_resources(std::string id, v1::LinuxContainerResources limits) override;
  Task<Result<void>> reopen_log(std::string id) override;
  Task<Result<v1::ExecSyncResponse>> exec_sync(std::string id, std::vector<std::string> command,
                                               std::chrono::seconds timeout) override;
  Task<Result<std::string>> exec_url(v1::ExecRequest request) override;
  Task<Result<std::string>> attach_url(v1::AttachRequest request) override;
  Task<Result<std::string>> port_forward_url(v1::PortForwardRequest request) override;
  Task<Result<std::vector<v1::ContainerStats>>> container_stats() override;
  Task<Result<std::unique_ptr<EventStream>>> events() override;
  Task<Result<std::vector<v1::Image>>> list_images() override;
  Task<Result<std::optional<v1::Image>>> image_status(std::string image) override;
  Task<Result<std::string>> pull_image(std::string image, const v1::AuthConfig* auth,
                                       v1::PodSandboxConfig sandbox_config) override;
  Task<Result<void>> remove_image(std::string image) override;
  Task<Result<v1::FilesystemUsage>> image_filesystem() override;

 private:
  struct Sandbox {
    v1::PodSandboxConfig config;
    std::string ip;
    bool ready = true;
    std::int64_t created = 0;
  };
  struct Container {
    std::string sandbox_id;
    v1::ContainerConfig config;
    v1::ContainerState state = v1::CONTAINER_CREATED;
    std::int64_t created = 0, started = 0, finished = 0;
    std::int32_t exit_code = 0;
    std::string reason;
    TimerId timer = 0;
    std::shared_ptr<Event> exited = std::make_shared<Event>();
  };
  using Subscribers = std::vector<std::weak_ptr<Channel<v1::ContainerEventResponse>>>;

  // Counts a call and answers the failure it is to have.
  Result<void> enter(const std::string& call);
  std::string next_id(std::string_view prefix);
  std::string next_ip();
  std::int64_t now_nanoseconds() const;
  FakeBehavior behavior_of(const Container& container) const;
  void exit(const std::string& id, std::int32_t code, std::string reason);
  void tell(const Container& container, const std::string& id, v1::ContainerEventType type);
  v1::Image image_of(const std::string& name) const;

  Executor& executor_;
  const FakeRuntimeOptions options_;
  std::map<std::string, Sandbox> sandboxes_;
  std::map<std::string, Container> containers_;
  std::map<std::string, FakeBehavior> behaviors_;
  std::set<std::string> images_;
  Exec exec_;
  bool network_ready_ = true;
  std::uint32_t network_base_ = 0x0a580000;  // 10.88.0.0
  std::uint32_t last_ip_ = 1;
  std::uint64_t last_id_ = 0;
  std::map<std::string, std::deque<Status>> failures_;
  std::map<std::string, int> calls_;
  Subscribers subscribers_;
  // Tells timers already posted that the runtime is gone.
  std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
};

}  // namespace keelson::cri
