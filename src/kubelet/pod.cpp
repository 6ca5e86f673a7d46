// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod.h"

namespace keelson::kubelet {

std::vector<const v1::Container*> all_containers(const v1::Pod& pod) {
  std::vector<const v1::Container*> out;
  for (const auto& container : pod.spec.initContainers) out.push_back(&container);
  for (const auto& container : pod.spec.containers) out.push_back(&container);
  return out;
}

const v1::Container* find_container(const v1::Pod& pod, std::string_view name) {
  for (const v1::Container* container : all_containers(pod)) {
    if (container->name == name) return container;
  }
  return nullptr;
}

bool is_init_container(const v1::Pod& pod, std::string_view name) {
  return std::ranges::any_of(pod.spec.initContainers,
                             [&](const auto& container) { return container.name == name; });
}

bool is_deleting(const v1::Pod& pod) { return pod.metadata.deletionTimestamp.has_value(); }

bool is_terminal(const v1::PodStatus& status) {
  return status.phase == v1::PodPhase::Succeeded || status.phase == v1::PodPhase::Failed;
}

std::string describe(const v1::Pod& pod) {
  return pod.metadata.namespace_ + "/" + pod.metadata.name;
}

std::string format_pod(const v1::Pod& pod) {
  return pod.metadata.name + "_" + pod.metadata.namespace_ + "(" + pod.metadata.uid + ")";
}

std::uint64_t container_hash(const v1::Container& container) {
  const boost::json::object fields{{"image", container.image}, {"name", container.name}};
  std::uint32_t hash = 2166136261u;
  for (const char c : boost::json::serialize(fields)) {
    hash *= 16777619u;
    hash ^= static_cast<unsigned char>(c);
  }
  return hash;
}

std::chrono::seconds grace_period(const v1::Pod& pod) {
  if (pod.metadata.deletionGracePeriodSeconds) {
    return std::chrono::seconds(*pod.metadata.deletionGracePeriodSeconds);
  }
  return std::chrono::seconds(pod.spec.terminationGracePeriodSeconds.value_or(30));
}

Result<std::uint16_t> resolve_port(const api::IntOrString& port, const v1::Container& container) {
  std::int64_t number = port.int_value();
  if (port.is_string()) {
    const auto named = std::ranges::find(container.ports, port.string_value(),
                                         [](const auto& p) { return p.name; });
    if (named != container.ports.end()) {
      number = named->containerPort;
    } else {
      const std::string& text = port.string_value();
      const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
      if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size()) {
        return fail(Status::bad_request("couldn't find port: \"" + text + "\" in container \"" +
                                        container.name + "\""));
      }
    }
  }
  if (number < 1 || number > 65535) {
    return fail(Status::bad_request("invalid port number: " + std::to_string(number)));
  }
  return static_cast<std::uint16_t>(number);
}

client::EventTarget event_target(const v1::Pod& pod) {
  return {.api_version = "v1",
          .kind = "Pod",
          .namespace_ = pod.metadata.namespace_,
          .name = pod.metadata.name,
          .uid = pod.metadata.uid,
          .resource_version = pod.metadata.resourceVersion};
}

client::EventTarget event_target(const v1::Pod& pod, std::string_view container) {
  auto target = event_target(pod);
  target.field_path =
      is_init_container(pod, container) ? "spec.initContainers{" : "spec.containers{";
  target.field_path.append(container).append("}");
  return target;
}

const v1::PodCondition* find_condition(const v1::PodStatus& status, std::string_view type) {
  const auto found = std::ranges::find(status.conditions, type,
                                       [](const auto& condition) { return condition.type; });
  return found == status.conditions.end() ? nullptr : &*found;
}

}  // namespace keelson::kubelet
