// SPDX-License-Identifier: Apache-2.0
#include "controllers/endpoints/backends.h"

#include "controllers/pods.h"

namespace keelson::controllers {
namespace {

std::string address_of(const core::v1::Pod& pod, std::string_view ip_family) {
  const bool six = ip_family == "IPv6";
  for (const auto& ip : pod.status.podIPs) {
    if (ip.ip.contains(':') == six) return ip.ip;
  }
  const auto& only = pod.status.podIP;
  return !only.empty() && only.contains(':') == six ? only : std::string();
}

}  // namespace

bool is_headless(const core::v1::Service& service) { return service.spec.clusterIP == "None"; }

std::optional<std::int32_t> find_target_port(const core::v1::Pod& pod,
                                             const core::v1::ServicePort& port) {
  if (port.targetPort.is_int())
    return port.targetPort.int_value() ? port.targetPort.int_value() : port.port;
  const auto look =
      [&](const std::vector<core::v1::Container>& containers) -> std::optional<std::int32_t> {
    for (const auto& container : containers) {
      for (const auto& candidate : container.ports) {
        if (candidate.name == port.targetPort.string_value() && candidate.protocol == port.protocol)
          return candidate.containerPort;
      }
    }
    return std::nullopt;
  };
  if (auto found = look(pod.spec.containers)) return found;
  // Sidecars serve too.
  std::vector<core::v1::Container> sidecars;
  for (const auto& container : pod.spec.initContainers) {
    if (container.restartPolicy == "Always") sidecars.push_back(container);
  }
  return look(sidecars);
}

std::vector<Backend> find_backends(const core::v1::Service& service,
                                   const std::vector<std::shared_ptr<const core::v1::Pod>>& pods,
                                   std::string_view ip_family) {
  std::vector<Backend> backends;
  for (const auto& pod : pods) {
    std::string address = address_of(*pod, ip_family);
    if (address.empty() || is_terminal(*pod)) continue;
    Backend backend{.pod = pod, .address = std::move(address), .ports = {}, .hostname = {}};
    backend.serving = service.spec.publishNotReadyAddresses || is_ready(*pod);
    backend.terminating = pod->metadata.deletionTimestamp.has_value();
    backend.ready =
        service.spec.publishNotReadyAddresses || (backend.serving && !backend.terminating);
    if (!pod->spec.hostname.empty() && pod->spec.subdomain == service.metadata.name)
      backend.hostname = pod->spec.hostname;
    for (const auto& port : service.spec.ports) {
      if (const auto number = find_target_port(*pod, port))
        backend.ports.push_back({port.name, port.protocol, *number, port.appProtocol});
    }
    backends.push_back(std::move(backend));
  }
  return backends;
}

std::vector<std::string> address_families(const core::v1::Service& service) {
  if (!service.spec.ipFamilies.empty()) return service.spec.ipFamilies;
  return {service.spec.clusterIP.contains(':') ? "IPv6" : "IPv4"};
}

}  // namespace keelson::controllers
