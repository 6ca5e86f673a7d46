// SPDX-License-Identifier: Apache-2.0
#include "kubelet/runtime_pod.h"

#include "kubelet/cri/labels.h"

namespace keelson::kubelet {

namespace {

Wall wall(std::int64_t nanoseconds) {
  return Wall{Duration(std::max<std::int64_t>(nanoseconds, 0))};
}

ContainerState state_of(cri::v1::ContainerState state) {
  switch (state) {
    case cri::v1::CONTAINER_CREATED:
      return ContainerState::Created;
    case cri::v1::CONTAINER_RUNNING:
      return ContainerState::Running;
    case cri::v1::CONTAINER_EXITED:
      return ContainerState::Exited;
    default:
      return ContainerState::Unknown;
  }
}

template <class Map>
std::string text_of(const Map& map, const char* key) {
  const auto found = map.find(key);
  return found == map.end() ? std::string() : found->second;
}

template <class Number>
Number number_of(const std::string& text, int base = 10) {
  Number value{};
  std::from_chars(text.data(), text.data() + text.size(), value, base);
  return value;
}

// Whether it is a file that LocalHost::mounts() made for termination messages. Over that path a pod
// may mount a volume of its own, whose contents are not for the kubelet to open. No volume has such
// a path: nobody knows the uid of a pod before its volumes are written down.
bool is_message_file(const std::string& path, const std::string& uid, const std::string& name) {
  const std::string folder = "/pods/" + uid + "/containers/" + name + "/";
  const auto slash = path.rfind('/');
  return !uid.empty() && slash != std::string::npos && slash + 1 < path.size() &&
         std::string_view(path).substr(0, slash + 1).ends_with(folder);
}

ContainerRecord record_of(const cri::v1::Container& listed,
                          const cri::v1::ContainerStatus& status) {
  ContainerRecord record;
  record.id = listed.id();
  record.sandbox_id = listed.pod_sandbox_id();
  record.name = text_of(listed.labels(), cri::kContainerNameLabel);
  if (record.name.empty()) record.name = listed.metadata().name();
  record.state = state_of(status.state());
  record.created = wall(status.created_at());
  record.started = wall(status.started_at());
  record.finished = wall(status.finished_at());
  record.exit_code = status.exit_code();
  record.reason = status.reason();
  record.message = status.message();
  record.log_path = status.log_path();
  record.image = status.image().user_specified_image().empty()
                     ? status.image().image()
                     : status.image().user_specified_image();
  record.image_id = status.image_ref();
  const auto& annotations = listed.annotations();
  record.hash = number_of<std::uint64_t>(text_of(annotations, cri::kHashAnnotation), 16);
  record.restart_count =
      number_of<std::int32_t>(text_of(annotations, cri::kRestartCountAnnotation));
  record.message_from_log =
      text_of(annotations, cri::kMessagePolicyAnnotation) == "FallbackToLogsOnError";
  const std::string message_path = text_of(annotations, cri::kMessagePathAnnotation);
  const std::string uid = text_of(listed.labels(), cri::kPodUidLabel);
  for (const auto& mount : status.mounts()) {
    if (!message_path.empty() && mount.container_path() == message_path &&
        is_message_file(mount.host_path(), uid, record.name)) {
      record.message_file = mount.host_path();
    }
  }
  return record;
}

Task<Result<SandboxRecord>> inspect_sandbox(cri::Runtime& runtime, cri::v1::PodSandbox listed) {
  SandboxRecord record;
  record.id = listed.id();
  record.attempt = listed.metadata().attempt();
  record.created = wall(listed.created_at());
  record.ready = listed.state() == cri::v1::SANDBOX_READY;
  if (!record.ready) co_return record;  // Its addresses are no longer its own.
  CO_TRY(auto status, co_await runtime.sandbox_status(record.id));
  record.ready = status.state() == cri::v1::SANDBOX_READY;
  record.host_network = status.linux().namespaces().options().network() == cri::v1::NODE;
  if (!record.host_network && !status.network().ip().empty()) {
    record.ips.push_back(status.network().ip());
    for (const auto& more : status.network().additional_ips()) record.ips.push_back(more.ip());
  }
  co_return record;
}

}  // namespace

const ContainerRecord* RuntimePod::latest(std::string_view name) const {
  const auto found = std::ranges::find(containers, name, &ContainerRecord::name);
  return found == containers.end() ? nullptr : &*found;
}

const ContainerRecord* RuntimePod::previous(std::string_view name) const {
  bool second = false;
  for (const auto& container : containers) {
    if (container.name != name) continue;
    if (second) return &container;
    second = true;
  }
  return nullptr;
}

const SandboxRecord* RuntimePod::ready_sandbox() const {
  return !sandboxes.empty() && sandboxes.front().ready ? &sandboxes.front() : nullptr;
}

bool RuntimePod::any_running() const {
  return std::ranges::any_of(
      containers, [](const auto& container) { return container.state == ContainerState::Running; });
}

Task<Result<RuntimePod>> inspect_pod(cri::Runtime& runtime, std::string uid,
                                     const RuntimePod* before) {
  RuntimePod pod;
  CO_TRY(auto sandboxes, co_await runtime.list_sandboxes(uid));
  CO_TRY(auto containers, co_await runtime.list_containers(uid));
  for (auto& listed : sandboxes) {
    auto record = co_await inspect_sandbox(runtime, std::move(listed));
    if (!record && record.error().is(Reason::NotFound)) continue;  // Removed since the list.
    if (!record) co_return fail(std::move(record).error());
    pod.sandboxes.push_back(std::move(*record));
  }
  for (const auto& listed : containers) {
    if (before) {
      const auto known = std::ranges::find(before->containers, listed.id(), &ContainerRecord::id);
      if (known != before->containers.end() && known->state == ContainerState::Exited) {
        pod.containers.push_back(*known);
        continue;
      }
    }
    auto status = co_await runtime.container_status(listed.id());
    if (!status && status.error().is(Reason::NotFound)) continue;
    if (!status) co_return fail(std::move(status).error());
    pod.containers.push_back(record_of(listed, *status));
    auto& record = pod.containers.back();
    if (record.state == ContainerState::Exited && record.message.empty()) {
      record.message = read_termination_message(record);
    }
  }
  std::ranges::sort(pod.sandboxes, [](const auto& a, const auto& b) {
    return std::tie(a.created, a.attempt, a.id) > std::tie(b.created, b.attempt, b.id);
  });
  std::ranges::sort(pod.containers, [](const auto& a, const auto& b) {
    return std::tie(a.created, a.restart_count, a.id) > std::tie(b.created, b.restart_count, b.id);
  });
  co_return pod;
}

Task<Result<std::map<std::string, PodOutline>>> list_pods(cri::Runtime& runtime) {
  std::map<std::string, PodOutline> pods;
  CO_TRY(auto sandboxes, co_await runtime.list_sandboxes(""));
  for (const auto& sandbox : sandboxes) {
    const std::string uid = text_of(sandbox.labels(), cri::kPodUidLabel);
    if (uid.empty()) continue;  // Not a kubelet's.
    PodOutline& pod = pods[uid];
    pod.name = text_of(sandbox.labels(), cri::kPodNameLabel);
    pod.namespace_ = text_of(sandbox.labels(), cri::kPodNamespaceLabel);
    pod.sandboxes[sandbox.id()] = sandbox.state() == cri::v1::SANDBOX_READY;
  }
  CO_TRY(auto containers, co_await runtime.list_containers(""));
  for (const auto& container : containers) {
    const std::string uid = text_of(container.labels(), cri::kPodUidLabel);
    if (uid.empty()) continue;
    PodOutline& pod = pods[uid];
    if (pod.name.empty()) pod.name = text_of(container.labels(), cri::kPodNameLabel);
    if (pod.namespace_.empty()) {
      pod.namespace_ = text_of(container.labels(), cri::kPodNamespaceLabel);
    }
    pod.containers[container.id()] = state_of(container.state());
  }
  co_return pods;
}

}  // namespace keelson::kubelet
