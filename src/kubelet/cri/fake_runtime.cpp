// SPDX-License-Identifier: Apache-2.0
#include "kubelet/cri/fake_runtime.h"

#include "kubelet/cri/labels.h"

namespace keelson::cri {

namespace {

constexpr std::size_t kEventLimit = 1024;
constexpr std::int32_t kKilled = 137;

Status no_container(const std::string& id) {
  return Status(Reason::NotFound, "container \"" + id + "\": not found");
}
Status no_sandbox(const std::string& id) {
  return Status(Reason::NotFound, "sandbox \"" + id + "\": not found");
}

class FakeEvents final : public EventStream {
 public:
  explicit FakeEvents(std::shared_ptr<Channel<v1::ContainerEventResponse>> channel)
      : channel_(std::move(channel)) {}

  Task<Result<v1::ContainerEventResponse>> next() override {
    auto event = co_await channel_->pop();
    if (!event) co_return fail(Status::canceled());
    co_return std::move(*event);
  }

 private:
  std::shared_ptr<Channel<v1::ContainerEventResponse>> channel_;
};

bool has_uid(const google::protobuf::Map<std::string, std::string>& labels,
             const std::string& pod_uid) {
  if (pod_uid.empty()) return true;
  const auto found = labels.find(kPodUidLabel);
  return found != labels.end() && found->second == pod_uid;
}

}  // namespace

FakeRuntime::FakeRuntime(Executor& executor, FakeRuntimeOptions options)
    : executor_(executor), options_(options) {}

FakeRuntime::~FakeRuntime() {
  for (const auto& [id, container] : containers_) {
    if (container.timer) executor_.cancel(container.timer);
  }
}

void FakeRuntime::fail_next(const std::string& call, int count, const Status& status) {
  for (int i = 0; i < count; ++i) failures_[call].push_back(status);
}

int FakeRuntime::calls(const std::string& call) const {
  const auto found = calls_.find(call);
  return found == calls_.end() ? 0 : found->second;
}

Result<void> FakeRuntime::enter(const std::string& call) {
  ++calls_[call];
  const auto found = failures_.find(call);
  if (found == failures_.end() || found->second.empty()) return {};
  Status status = std::move(found->second.front());
  found->second.pop_front();
  return fail(std::move(status));
}

std::string FakeRuntime::next_id(std::string_view prefix) {
  return std::string(prefix) + std::to_string(++last_id_);
}

std::string FakeRuntime::next_ip() {
  const std::uint32_t ip = network_base_ + ++last_ip_;
  return std::to_string(ip >> 24) + "." + std::to_string((ip >> 16) & 255) + "." +
         std::to_string((ip >> 8) & 255) + "." + std::to_string(ip & 255);
}

std::int64_t FakeRuntime::now_nanoseconds() const {
  return executor_.now().time_since_epoch().count();
}

FakeBehavior FakeRuntime::behavior_of(const Container& container) const {
  const auto found = behaviors_.find(container.config.image().user_specified_image());
  return found == behaviors_.end() ? FakeBehavior() : found->second;
}

void FakeRuntime::tell(const Container& container, const std::string& id,
                       v1::ContainerEventType type) {
  const auto sandbox = sandboxes_.find(container.sandbox_id);
  if (!options_.events || sandbox == sandboxes_.end()) return;
  v1::ContainerEventResponse event;
  event.set_container_id(id);
  event.set_container_event_type(type);
  event.set_created_at(now_nanoseconds());
  *event.mutable_pod_sandbox_status()->mutable_metadata() = sandbox->second.config.metadata();
  std::erase_if(subscribers_, [](const auto& subscriber) { return subscriber.expired(); });
  for (const auto& subscriber : subscribers_) {
    if (const auto channel = subscriber.lock()) channel->try_push(event);
  }
}

void FakeRuntime::exit(const std::string& id, std::int32_t code, std::string reason) {
  const auto found = containers_.find(id);
  if (found == containers_.end() || found->second.state != v1::CONTAINER_RUNNING) return;
  Container& container = found->second;
  if (container.timer) executor_.cancel(std::exchange(container.timer, 0));
  container.state = v1::CONTAINER_EXITED;
  container.exit_code = code;
  container.reason = std::move(reason);
  container.finished = now_nanoseconds();
  container.exited->set();
  tell(container, id, v1::CONTAINER_STOPPED_EVENT);
}

bool FakeRuntime::crash(const std::string& container_name, std::int32_t exit_code) {
  bool any = false;
  for (auto& [id, container] : containers_) {
    if (container.config.metadata().name() != container_name ||
        container.state != v1::CONTAINER_RUNNING) {
      continue;
    }
    exit(id, exit_code, exit_code == 0 ? "Completed" : "Error");
    any = true;
  }
  return any;
}

void FakeRuntime::reboot() {
  for (auto& [id, container] : containers_) exit(id, 255, "Unknown");
  for (auto& [id, sandbox] : sandboxes_) sandbox.ready = false;
}

std::vector<std::string> FakeRuntime::running() const {
  std::vector<std::string> out;
  for (const auto& [id, container] : containers_) {
    if (container.state == v1::CONTAINER_RUNNING) out.push_back(container.config.metadata().name());
  }
  std::ranges::sort(out);
  return out;
}

const v1::ContainerConfig* FakeRuntime::config_of(const std::string& container_name) const {
  const Container* newest = nullptr;
  for (const auto& [id, container] : containers_) {
    if (container.config.metadata().name() != container_name) continue;
    if (!newest || container.config.metadata().attempt() >= newest->config.metadata().attempt()) {
      newest = &container;
    }
  }
  return newest ? &newest->config : nullptr;
}

const v1::PodSandboxConfig* FakeRuntime::sandbox_config_of(const std::string& pod_name) const {
  for (const auto& [id, sandbox] : sandboxes_) {
    if (sandbox.config.metadata().name() == pod_name) return &sandbox.config;
  }
  return nullptr;
}

// --- Runtime -------------------------------------------------------------------------------------

Task<Result<v1::VersionResponse>> FakeRuntime::version() {
  CO_TRY_OK(enter("Version"));
  v1::VersionResponse response;
  response.set_runtime_name("hollow");
  response.set_runtime_version("1.0");
  response.set_runtime_api_version("v1");
  co_return response;
}

Task<Result<v1::RuntimeStatus>> FakeRuntime::status() {
  CO_TRY_OK(enter("Status"));
  v1::RuntimeStatus status;
  auto& runtime = *status.add_conditions();
  runtime.set_type("RuntimeReady");
  runtime.set_status(true);
  auto& network = *status.add_conditions();
  network.set_type("NetworkReady");
  network.set_status(network_ready_);
  if (!network_ready_) {
    network.set_reason("NetworkPluginNotReady");
    network.set_message("Network plugin returns error: cni plugin not initialized");
  }
  co_return status;
}

Task<Result<void>> FakeRuntime::update_pod_cidr(std::string cidr) {
  std::uint32_t base = 0;
  const char* cursor = cidr.data();
  const char* const end = cursor + cidr.size();
  for (int i = 0; i < 4; ++i) {
    std::uint32_t part = 0;
    const auto parsed = std::from_chars(cursor, end, part);
    if (parsed.ec != std::errc() || part > 255) {
      co_return fail(Status::bad_request("no IPv4 range: " + cidr));
    }
    base = base << 8 | part;
    cursor = parsed.ptr + (parsed.ptr != end);
  }
  network_base_ = base;
  co_return Result<void>{};
}

Task<Result<std::string>> FakeRuntime::run_sandbox(v1::PodSandboxConfig config, std::string) {
  if (auto entered = enter("RunPodSandbox"); !entered) {
    if (options_.failed_sandboxes_stay) {
      Sandbox& failed = sandboxes_[next_id("sandbox-")];
      failed.config = std::move(config);
      failed.created = now_nanoseconds();
      failed.ready = false;
    }
    co_return fail(std::move(entered).error());
  }
  if (options_.sandbox_time > Duration::zero())
    CO_TRY_OK(co_await sleep_for(options_.sandbox_time));
  const bool host_network =
      config.linux().security_context().namespace_options().network() == v1::NODE;
  const std::string id = next_id("sandbox-");
  Sandbox& sandbox = sandboxes_[id];
  sandbox.config = std::move(config);
  sandbox.created = now_nanoseconds();
  if (!host_network) sandbox.ip = next_ip();
  co_return id;
}

Task<Result<void>> FakeRuntime::stop_sandbox(std::string id) {
  CO_TRY_OK(enter("StopPodSandbox"));
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end()) co_return Result<void>{};
  found->second.ready = false;
  for (auto& [container_id, container] : containers_) {
    if (container.sandbox_id == id) exit(container_id, kKilled, "Error");
  }
  co_return Result<void>{};
}

Task<Result<void>> FakeRuntime::remove_sandbox(std::string id) {
  CO_TRY_OK(enter("RemovePodSandbox"));
  std::erase_if(containers_, [&](const auto& entry) { return entry.second.sandbox_id == id; });
  sandboxes_.erase(id);
  co_return Result<void>{};
}

Task<Result<v1::PodSandboxStatus>> FakeRuntime::sandbox_status(std::string id) {
  CO_TRY_OK(enter("PodSandboxStatus"));
  const auto found = sandboxes_.find(id);
  if (found == sandboxes_.end()) co_return fail(no_sandbox(id));
  const Sandbox& sandbox = found->second;
  v1::PodSandboxStatus status;
  status.set_id(id);
  *status.mutable_metadata() = sandbox.config.metadata();
  status.set_state(sandbox.ready ? v1::SANDBOX_READY : v1::SANDBOX_NOTREADY);
  status.set_created_at(sandbox.created);
  status.mutable_network()->set_ip(sandbox.ip);
  *status.mutable_linux()->mutable_namespaces()->mutable_options() =
      sandbox.config.linux().security_context().namespace_options();
  *status.mutable_labels() = sandbox.config.labels();
  co_return status;
}

Task<Result<std::vector<v1::PodSandbox>>> FakeRuntime::list_sandboxes(std::string pod_uid) {
  CO_TRY_OK(enter("ListPodSandbox"));
  std::vector<v1::PodSandbox> out;
  for (const auto& [id, sandbox] : sandboxes_) {
    if (!has_uid(sandbox.config.labels(), pod_uid)) continue;
    v1::PodSandbox entry;
    entry.set_id(id);
    *entry.mutable_metadata() = sandbox.config.metadata();
    entry.set_state(sandbox.ready ? v1::SANDBOX_READY : v1::SANDBOX_NOTREADY);
    entry.set_created_at(sandbox.created);
    *entry.mutable_labels() = sandbox.config.labels();
    *entry.mutable_annotations() = sandbox.config.annotations();
    out.push_back(std::move(entry));
  }
  co_return out;
}

Task<Result<std::string>> FakeRuntime::create_container(std::string sandbox_id,
                                                        v1::ContainerConfig config,
                                                        v1::PodSandboxConfig) {
  CO_TRY_OK(enter("CreateContainer"));
  const auto sandbox = sandboxes_.find(sandbox_id);
  if (sandbox == sandboxes_.end() || !sandbox->second.ready) co_return fail(no_sandbox(sandbox_id));
  for (const auto& [id, container] : containers_) {
    const auto& metadata = container.config.metadata();
    if (container.sandbox_id == sandbox_id && metadata.name() == config.metadata().name() &&
        metadata.attempt() == config.metadata().attempt()) {
      co_return fail(Status::internal("failed to reserve container name \"" + metadata.name() +
                                      "\": name is reserved for \"" + id + "\""));
    }
  }
  const std::string id = next_id("container-");
  Container& container = containers_[id];
  container.sandbox_id = std::move(sandbox_id);
  container.config = std::move(config);
  container.created = now_nanoseconds();
  co_return id;
}

Task<Result<void>> FakeRuntime::start_container(std::string id) {
  CO_TRY_OK(enter("StartContainer"));
  if (options_.start_time > Duration::zero()) CO_TRY_OK(co_await sleep_for(options_.start_time));
  const auto found = containers_.find(id);
  if (found == containers_.end()) co_return fail(no_container(id));
  Container& container = found->second;
  container.state = v1::CONTAINER_RUNNING;
  container.started = now_nanoseconds();
  const FakeBehavior behavior = behavior_of(container);
  if (behavior.runs_for != Duration::max()) {
    container.timer = executor_.after(
        behavior.runs_for, [this, alive = std::weak_ptr(alive_), id, code = behavior.exit_code] {
          if (!alive.expired()) exit(id, code, code == 0 ? "Completed" : "Error");
        });
  }
  tell(container, id, v1::CONTAINER_STARTED_EVENT);
  co_return Result<void>{};
}

Task<Result<void>> FakeRuntime::stop_container(std::string id, std::chrono::seconds grace) {
  CO_TRY_OK(enter("StopContainer"));
  auto found = containers_.find(id);
  if (found == containers_.end() || found->second.state != v1::CONTAINER_RUNNING) {
    co_return Result<void>{};
  }
  const FakeBehavior behavior = behavior_of(found->second);
  if (behavior.ignores_stop && grace.count() > 0) CO_TRY_OK(co_await sleep_for(grace));
  const bool killed = behavior.ignores_stop || grace.count() == 0;
  const std::int32_t code = killed ? kKilled : behavior.stop_exit_code;
  exit(id, code, code == 0 ? "Completed" : "Error");
  co_return Result<void>{};
}

Task<Result<void>> FakeRuntime::remove_container(std::string id) {
  CO_TRY_OK(enter("RemoveContainer"));
  const auto found = containers_.find(id);
  if (found == containers_.end()) co_return Result<void>{};
  if (found->second.timer) executor_.cancel(found->second.timer);
  tell(found->second, id, v1::CONTAINER_DELETED_EVENT);
  containers_.erase(id);
  co_return Result<void>{};
}

Task<Result<std::vector<v1::Container>>> FakeRuntime::list_containers(std::string pod_uid) {
  CO_TRY_OK(enter("ListContainers"));
  std::vector<v1::Container> out;
  for (const auto& [id, container] : containers_) {
    if (!has_uid(container.config.labels(), pod_uid)) continue;
    v1::Container entry;
    entry.set_id(id);
    entry.set_pod_sandbox_id(container.sandbox_id);
    *entry.mutable_metadata() = container.config.metadata();
    *entry.mutable_image() = container.config.image();
    entry.set_state(container.state);
    entry.set_created_at(container.created);
    *entry.mutable_labels() = container.config.labels();
    *entry.mutable_annotations() = container.config.annotations();
    out.push_back(std::move(entry));
  }
  co_return out;
}

Task<Result<v1::ContainerStatus>> FakeRuntime::container_status(std::string id) {
  CO_TRY_OK(enter("ContainerStatus"));
  const auto found = containers_.find(id);
  if (found == containers_.end()) co_return fail(no_container(id));
  const Container& container = found->second;
  v1::ContainerStatus status;
  status.set_id(id);
  *status.mutable_metadata() = container.config.metadata();
  status.set_state(container.state);
  status.set_created_at(container.created);
  status.set_started_at(container.started);
  status.set_finished_at(container.finished);
  status.set_exit_code(container.exit_code);
  status.set_reason(container.reason);
  *status.mutable_image() = container.config.image();
  status.set_image_ref(container.config.image().image());
  *status.mutable_labels() = container.config.labels();
  *status.mutable_annotations() = container.config.annotations();
  *status.mutable_mounts() = container.config.mounts();
  co_return status;
}

Task<Result<void>> FakeRuntime::update_resources(std::string, v1::LinuxContainerResources) {
  co_return enter("UpdateContainerResources");
}

Task<Result<void>> FakeRuntime::reopen_log(std::string) { co_return enter("ReopenContainerLog"); }

Task<Result<v1::ExecSyncResponse>> FakeRuntime::exec_sync(std::string id,
                                                          std::vector<std::string> command,
                                                          std::chrono::seconds) {
  CO_TRY_OK(enter("ExecSync"));
  const auto found = containers_.find(id);
  if (found == containers_.end()) co_return fail(no_container(id));
  if (!exec_) co_return v1::ExecSyncResponse();
  co_return exec_(found->second.config.metadata().name(), command);
}

Task<Result<std::string>> FakeRuntime::exec_url(v1::ExecRequest) {
  co_return fail(Reason::NotImplemented, "a hollow node runs no commands");
}
Task<Result<std::string>> FakeRuntime::attach_url(v1::AttachRequest) {
  co_return fail(Reason::NotImplemented, "a hollow node has no streams");
}
Task<Result<std::string>> FakeRuntime::port_forward_url(v1::PortForwardRequest) {
  co_return fail(Reason::NotImplemented, "a hollow node has no ports");
}

Task<Result<std::vector<v1::ContainerStats>>> FakeRuntime::container_stats() {
  co_return std::vector<v1::ContainerStats>();
}

Task<Result<std::unique_ptr<EventStream>>> FakeRuntime::events() {
  if (!options_.events) co_return fail(Reason::NotImplemented, "no events");
  auto channel = std::make_shared<Channel<v1::ContainerEventResponse>>(kEventLimit);
  subscribers_.push_back(channel);
  co_return std::unique_ptr<EventStream>(std::make_unique<FakeEvents>(std::move(channel)));
}

v1::Image FakeRuntime::image_of(const std::string& name) const {
  v1::Image image;
  image.set_id("sha256:" + std::to_string(std::hash<std::string>()(name)));
  image.add_repo_tags(name);
  image.set_size(1 << 20);
  return image;
}

Task<Result<std::vector<v1::Image>>> FakeRuntime::list_images() {
  CO_TRY_OK(enter("ListImages"));
  std::vector<v1::Image> out;
  for (const auto& name : images_) out.push_back(image_of(name));
  co_return out;
}

Task<Result<std::optional<v1::Image>>> FakeRuntime::image_status(std::string image) {
  CO_TRY_OK(enter("ImageStatus"));
  if (!options_.all_images && !images_.contains(image)) co_return std::optional<v1::Image>();
  co_return std::optional<v1::Image>(image_of(image));
}

Task<Result<std::string>> FakeRuntime::pull_image(std::string image, const v1::AuthConfig*,
                                                  v1::PodSandboxConfig) {
  CO_TRY_OK(enter("PullImage"));
  if (options_.pull_time > Duration::zero()) CO_TRY_OK(co_await sleep_for(options_.pull_time));
  images_.insert(image);
  co_return image_of(image).id();
}

Task<Result<void>> FakeRuntime::remove_image(std::string image) {
  CO_TRY_OK(enter("RemoveImage"));
  std::erase_if(images_,
                [&](const auto& name) { return name == image || image_of(name).id() == image; });
  co_return Result<void>{};
}

Task<Result<v1::FilesystemUsage>> FakeRuntime::image_filesystem() {
  co_return v1::FilesystemUsage();
}

}  // namespace keelson::cri
