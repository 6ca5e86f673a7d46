// SPDX-License-Identifier: Apache-2.0
#include "kubelet/node_status.h"

namespace keelson::kubelet {

namespace {

using Format = api::Quantity::Format;

constexpr std::size_t kImageLimit = 50;     // Upstream's nodeStatusMaxImages.
constexpr std::size_t kImageNameLimit = 5;  // Names of one image.
constexpr std::string_view kAttachAnnotation =
    "volumes.kubernetes.io/controller-managed-attach-detach";

void take_off(api::Quantity& amount, const api::Quantity& part) {
  amount -= part;
  if (amount.sign() < 0) amount -= amount;
}

std::vector<v1::NodeAddress> addresses(const NodeInputs& in) {
  std::vector<v1::NodeAddress> out;
  for (const auto& ip : in.options.node_ips) {
    v1::NodeAddress address;
    address.type = v1::NodeAddressType::InternalIP;
    address.address = ip;
    out.push_back(std::move(address));
  }
  v1::NodeAddress name;
  name.type = v1::NodeAddressType::Hostname;
  name.address = in.options.node_name;
  out.push_back(std::move(name));
  return out;
}

std::vector<v1::ContainerImage> images(const NodeInputs& in) {
  std::vector<v1::ContainerImage> out;
  for (const auto& image : in.images) {
    v1::ContainerImage entry;
    entry.sizeBytes = static_cast<std::int64_t>(image.size());
    for (const auto& digest : image.repo_digests()) entry.names.push_back(digest);
    for (const auto& tag : image.repo_tags()) entry.names.push_back(tag);
    if (entry.names.size() > kImageNameLimit) entry.names.resize(kImageNameLimit);
    if (!entry.names.empty()) out.push_back(std::move(entry));
  }
  std::ranges::sort(out, [](const auto& a, const auto& b) {
    return std::tie(b.sizeBytes, a.names) < std::tie(a.sizeBytes, b.names);
  });
  if (out.size() > kImageLimit) out.resize(kImageLimit);
  return out;
}

v1::NodeSystemInfo system_info(const NodeInputs& in) {
  v1::NodeSystemInfo info;
  info.machineID = in.machine.machine_id;
  info.systemUUID = in.machine.system_uuid;
  info.bootID = in.machine.boot_id;
  info.kernelVersion = in.machine.kernel_version;
  info.osImage = in.machine.os_image;
  info.containerRuntimeVersion = in.runtime_version;
  info.kubeletVersion = in.options.version;
  info.operatingSystem = "linux";
  info.architecture = in.machine.architecture;
  return info;
}

v1::NodeCondition condition(std::string_view type, bool holds, std::string_view reason,
                            std::string message) {
  v1::NodeCondition out;
  out.type = type;
  out.status = holds ? "True" : "False";
  out.reason = reason;
  out.message = std::move(message);
  return out;
}

std::vector<v1::NodeCondition> conditions(const NodeInputs& in) {
  const auto pressure = [](std::string_view type, bool under, std::string_view bad,
                           std::string_view good, const char* bad_text, const char* good_text) {
    return condition(type, under, under ? bad : good, under ? bad_text : good_text);
  };
  std::vector<v1::NodeCondition> out = {
      pressure("MemoryPressure", in.pressure.memory, "KubeletHasInsufficientMemory",
               "KubeletHasSufficientMemory", "kubelet has insufficient memory available",
               "kubelet has sufficient memory available"),
      pressure("DiskPressure", in.pressure.disk, "KubeletHasDiskPressure",
               "KubeletHasNoDiskPressure", "kubelet has disk pressure",
               "kubelet has no disk pressure"),
      pressure("PIDPressure", in.pressure.pids, "KubeletHasInsufficientPID",
               "KubeletHasSufficientPID", "kubelet has insufficient PID available",
               "kubelet has sufficient PID available")};
  if (in.problems.empty()) {
    out.push_back(condition("Ready", true, "KubeletReady", "kubelet is posting ready status"));
    return out;
  }
  std::string message;
  for (const auto& problem : in.problems) message += (message.empty() ? "" : ", ") + problem;
  if (in.problems.size() > 1) message = "[" + message + "]";
  out.push_back(condition("Ready", false, "KubeletNotReady", std::move(message)));
  return out;
}

// True if a condition appeared or changed.
bool merge_conditions(std::vector<v1::NodeCondition> ours, Wall now, v1::NodeStatus& status) {
  bool changed = false;
  for (auto& next : ours) {
    next.lastHeartbeatTime = api::Time(now);
    next.lastTransitionTime = api::Time(now);
    const auto found = std::ranges::find(status.conditions, next.type, &v1::NodeCondition::type);
    if (found == status.conditions.end()) {
      status.conditions.push_back(std::move(next));
      changed = true;
      continue;
    }
    if (found->status == next.status) next.lastTransitionTime = found->lastTransitionTime;
    changed |= found->status != next.status || found->reason != next.reason ||
               found->message != next.message;
    *found = std::move(next);
  }
  return changed;
}

template <class T>
bool replace(T& member, T value) {
  if (member == value) return false;
  member = std::move(value);
  return true;
}

}  // namespace

podspec::ResourceList node_capacity(const KubeletOptions& options, const MachineInfo& machine) {
  podspec::ResourceList out;
  out["cpu"] = api::Quantity::from_value(machine.cpus);
  out["memory"] = api::Quantity::from_value(machine.memory_bytes, Format::BinarySi);
  out["ephemeral-storage"] = api::Quantity::from_value(machine.disk_bytes, Format::BinarySi);
  out["pods"] = api::Quantity::from_value(options.max_pods);
  for (const auto& [name, bytes] : machine.huge_pages) {
    out[name] = api::Quantity::from_value(bytes, Format::BinarySi);
  }
  return out;
}

podspec::ResourceList node_allocatable(const KubeletOptions& options, const MachineInfo& machine) {
  auto out = node_capacity(options, machine);
  for (const auto& [name, amount] : options.system_reserved) {
    if (const auto found = out.find(name); found != out.end()) take_off(found->second, amount);
  }
  take_off(out["memory"],
           api::Quantity::from_value(options.eviction.memory_available_bytes, Format::BinarySi));
  const auto kept = static_cast<std::int64_t>(static_cast<double>(machine.disk_bytes) *
                                              options.eviction.disk_available_fraction);
  take_off(out["ephemeral-storage"], api::Quantity::from_value(kept));
  // Huge pages are taken out of the memory.
  for (const auto& [name, bytes] : machine.huge_pages) {
    take_off(out["memory"], api::Quantity::from_value(bytes, Format::BinarySi));
  }
  return out;
}

bool reconcile_metadata(const KubeletOptions& options, const MachineInfo& machine, v1::Node& node) {
  bool changed = false;
  const auto set = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) changed |= replace(node.metadata.labels[std::string(key)], value);
  };
  set("kubernetes.io/hostname", options.node_name);
  set("kubernetes.io/os", "linux");
  set("kubernetes.io/arch", machine.architecture);
  set("beta.kubernetes.io/os", "linux");
  set("beta.kubernetes.io/arch", machine.architecture);
  set("node.kubernetes.io/instance-type", machine.instance_type);
  for (const auto& [key, value] : options.node_labels) set(key, value);
  changed |=
      replace(node.metadata.annotations[std::string(kAttachAnnotation)], std::string("true"));
  return changed;
}

bool reconcile_status(const NodeInputs& in, v1::Node& node) {
  v1::NodeStatus& status = node.status;
  bool changed = merge_conditions(conditions(in), in.now, status);
  changed |= replace(status.addresses, addresses(in));
  changed |= replace(status.nodeInfo, system_info(in));
  changed |= replace(status.images, images(in));
  changed |= replace(status.daemonEndpoints.kubeletEndpoint.Port,
                     static_cast<std::int32_t>(in.options.port));
  // Resources that device plugins and others have added stay.
  for (auto& [name, amount] : node_capacity(in.options, in.machine)) {
    changed |= replace(status.capacity[name], amount);
  }
  for (auto& [name, amount] : node_allocatable(in.options, in.machine)) {
    changed |= replace(status.allocatable[name], amount);
  }
  return changed;
}

v1::Node make_node(const NodeInputs& in) {
  v1::Node node;
  node.metadata.name = in.options.node_name;
  node.spec.taints = in.options.register_with_taints;
  reconcile_metadata(in.options, in.machine, node);
  reconcile_status(in, node);
  return node;
}

bool PressureGauge::hold(std::optional<Wall>& last, bool under_pressure, Wall now) const {
  if (under_pressure) last = now;
  if (!last) return false;
  if (!under_pressure && now - *last >= thresholds_.pressure_transition) last.reset();
  return last.has_value();
}

PressureGauge::Reading PressureGauge::observe(const MachineUsage& usage, Wall now) {
  const auto below = [](std::int64_t available, std::int64_t total, double fraction) {
    return total > 0 && static_cast<double>(available) < static_cast<double>(total) * fraction;
  };
  NodePressure under;
  under.memory = usage.memory_available_bytes < thresholds_.memory_available_bytes;
  under.disk =
      below(usage.disk_available_bytes, usage.disk_bytes, thresholds_.disk_available_fraction) ||
      below(usage.inodes_free, usage.inodes, thresholds_.inodes_free_fraction) ||
      below(usage.image_disk_available_bytes, usage.image_disk_bytes,
            thresholds_.image_disk_available_fraction);
  under.pids = thresholds_.pids_available > 0 &&
               usage.pids_limit - usage.pids_used < thresholds_.pids_available;
  return {.now = under,
          .held = {.memory = hold(memory_, under.memory, now),
                   .disk = hold(disk_, under.disk, now),
                   .pids = hold(pids_, under.pids, now)}};
}

}  // namespace keelson::kubelet
