// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using core::v1::Service;

// Addresses of the load balancer, each once.
std::vector<std::string> balancer_addresses(const Service& service) {
  std::set<std::string> addresses;
  for (const auto& ingress : service.status.loadBalancer.ingress) {
    const std::string& address = ingress.ip.empty() ? ingress.hostname : ingress.ip;
    if (!address.empty()) addresses.insert(address);
  }
  return {addresses.begin(), addresses.end()};
}

std::string external_addresses(const Service& service) {
  if (service.spec.type == "ExternalName") return or_else(service.spec.externalName, kNone);
  if (service.spec.type == "LoadBalancer") {
    std::vector<std::string> addresses = balancer_addresses(service);
    addresses.insert(addresses.end(), service.spec.externalIPs.begin(),
                     service.spec.externalIPs.end());
    return or_else(join(addresses, ","), "<pending>");
  }
  return or_else(join(service.spec.externalIPs, ","), kNone);
}

// "80/TCP", with a node port "80:30080/TCP".
std::string ports_of(const Service& service) {
  std::vector<std::string> ports;
  for (const auto& port : service.spec.ports) {
    std::string text = std::to_string(port.port);
    if (port.nodePort > 0) text += ":" + std::to_string(port.nodePort);
    ports.push_back(text + "/" + port.protocol);
  }
  return or_else(join(ports, ","), kNone);
}

}  // namespace

Cells service_cells(const Service& service, Wall now) {
  const std::string_view address =
      service.spec.clusterIPs.empty() ? service.spec.clusterIP : service.spec.clusterIPs.front();
  return {service.metadata.name,
          service.spec.type,
          or_else(address, kNone),
          external_addresses(service),
          ports_of(service),
          age_of(service, now),
          format_labels(service.spec.selector)};
}

}  // namespace keelson::apiserver
