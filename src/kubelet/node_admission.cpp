// SPDX-License-Identifier: Apache-2.0
#include "kubelet/node_admission.h"

#include "kubelet/security_context.h"
#include "podspec/placement.h"

namespace keelson::kubelet {

namespace {

PodFailure refusal(std::string reason, const std::string& why) {
  return {std::move(reason), "Pod was rejected: " + why};
}

PodFailure out_of(std::string_view resource, std::int64_t requested, std::int64_t used,
                  std::int64_t capacity) {
  return refusal("OutOf" + std::string(resource),
                 "Node didn't have enough resource: " + std::string(resource) +
                     ", requested: " + std::to_string(requested) +
                     ", used: " + std::to_string(used) + ", capacity: " + std::to_string(capacity));
}

std::int64_t in_unit(std::string_view resource, const api::Quantity& amount) {
  return resource == podspec::kCpu ? amount.milli_value() : amount.value();
}

// Of a pod's own namespaces, and harmless to others. Source: "Using sysctls in a Kubernetes
// Cluster".
constexpr std::string_view kSafeSysctls[] = {"kernel.shm_rmid_forced",
                                             "net.ipv4.ip_local_port_range",
                                             "net.ipv4.tcp_syncookies",
                                             "net.ipv4.ping_group_range",
                                             "net.ipv4.ip_unprivileged_port_start",
                                             "net.ipv4.ip_local_reserved_ports",
                                             "net.ipv4.tcp_keepalive_time",
                                             "net.ipv4.tcp_fin_timeout",
                                             "net.ipv4.tcp_keepalive_intvl",
                                             "net.ipv4.tcp_keepalive_probes",
                                             "net.ipv4.tcp_rmem",
                                             "net.ipv4.tcp_wmem"};

// The first that this pod may not set; null if there is none.
const v1::Sysctl* find_forbidden_sysctl(const v1::Pod& pod) {
  if (!pod.spec.securityContext) return nullptr;
  for (const auto& sysctl : pod.spec.securityContext->sysctls) {
    const bool safe = std::ranges::find(kSafeSysctls, sysctl.name) != std::end(kSafeSysctls);
    const bool of_node = sysctl.name.starts_with("net.") ? pod.spec.hostNetwork : pod.spec.hostIPC;
    if (!safe || of_node) return &sysctl;
  }
  return nullptr;
}

struct HostPort {
  std::string ip, protocol;
  std::int32_t port;
};
std::vector<HostPort> host_ports(const v1::Pod& pod) {
  std::vector<HostPort> out;
  for (const v1::Container* container : all_containers(pod)) {
    if (is_init_container(pod, container->name) && !is_sidecar(*container)) continue;
    for (const auto& port : container->ports) {
      if (port.hostPort <= 0) continue;
      out.push_back({port.hostIP.empty() ? "0.0.0.0" : port.hostIP,
                     port.protocol.empty() ? "TCP" : port.protocol, port.hostPort});
    }
  }
  return out;
}

bool conflict(const HostPort& a, const HostPort& b) {
  const bool any = a.ip == "0.0.0.0" || b.ip == "0.0.0.0";
  return a.port == b.port && a.protocol == b.protocol && (any || a.ip == b.ip);
}

}  // namespace

std::optional<PodFailure> refuse_pod(const AdmissionInputs& in) {
  if (in.pod.spec.os && !in.pod.spec.os->name.empty() && in.pod.spec.os->name != "linux") {
    return PodFailure{"PodOSNotSupported",
                      "Failed to admit pod as the OS field doesn't match node OS"};
  }
  if (const auto* sysctl = find_forbidden_sysctl(in.pod)) {
    return PodFailure{"SysctlForbidden",
                      "forbidden sysctl: \"" + sysctl->name + "\" not allowlisted"};
  }
  if (!in.apparmor && needs_apparmor(in.pod)) {
    return refusal("AppArmor", "Cannot enforce AppArmor: AppArmor is not enabled on the host");
  }
  if (in.node) {
    const auto& labels = in.node->metadata.labels;
    if (!podspec::selects_node(in.pod.spec, labels, in.node->metadata.name)) {
      return refusal("NodeAffinity",
                     "Predicate NodeAffinity failed: node(s) didn't match Pod's node "
                     "affinity/selector");
    }
    if (podspec::find_untolerated_taint(in.node->spec.taints, in.pod.spec.tolerations,
                                        podspec::TaintScope::Execution)) {
      return refusal("TaintToleration",
                     "Predicate TaintToleration failed: node(s) had untolerated taint(s)");
    }
  }
  const auto ports = host_ports(in.pod);
  podspec::ResourceList used;
  for (const auto& other : in.others) {
    for (const auto& taken : host_ports(*other)) {
      for (const auto& wanted : ports) {
        if (!conflict(taken, wanted)) continue;
        return refusal("NodePorts",
                       "Predicate NodePorts failed: node(s) didn't have free ports for the "
                       "requested pod ports");
      }
    }
    for (const auto& [name, amount] : podspec::pod_requests(*other)) used[name] += amount;
  }
  const auto count = static_cast<std::int64_t>(in.others.size());
  if (const auto pods = in.allocatable.find(podspec::kPods);
      pods != in.allocatable.end() && count + 1 > pods->second.value()) {
    return out_of(podspec::kPods, 1, count, pods->second.value());
  }
  for (const auto& [name, amount] : podspec::pod_requests(in.pod)) {
    if (amount.is_zero()) continue;
    const auto found = in.allocatable.find(name);
    // What the node does not have at all: extended resources fail, others are not counted here.
    if (found == in.allocatable.end() && !podspec::is_extended_resource(name)) continue;
    const api::Quantity capacity = found == in.allocatable.end() ? api::Quantity() : found->second;
    const api::Quantity taken = used.contains(name) ? used[name] : api::Quantity();
    if (taken + amount > capacity) {
      return out_of(name, in_unit(name, amount), in_unit(name, taken), in_unit(name, capacity));
    }
  }
  return std::nullopt;
}

}  // namespace keelson::kubelet
