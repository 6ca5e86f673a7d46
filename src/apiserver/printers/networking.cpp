// SPDX-License-Identifier: Apache-2.0
#include <set>

#include "api/networking/v1.h"
#include "api/selector.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace networking::v1;

constexpr std::size_t kHostsShown = 3;

std::string hosts_of(const Ingress& ingress) {
  std::vector<std::string> hosts;
  for (const auto& rule : ingress.spec.rules) {
    if (!rule.host.empty() && hosts.size() < kHostsShown) hosts.push_back(rule.host);
  }
  if (hosts.empty()) return "*";
  // Rules without a host count among the rest once the list is full.
  const std::size_t count = hosts.size() == kHostsShown ? ingress.spec.rules.size() : hosts.size();
  return join_some(std::move(hosts), count, kHostsShown);
}

std::string addresses_of(const Ingress& ingress) {
  std::set<std::string> addresses;
  for (const auto& balancer : ingress.status.loadBalancer.ingress) {
    const std::string& address = balancer.ip.empty() ? balancer.hostname : balancer.ip;
    if (!address.empty()) addresses.insert(address);
  }
  return join(std::vector<std::string>(addresses.begin(), addresses.end()), ",");
}

Cells ingress_cells(const Ingress& ingress, Wall now) {
  return {
      ingress.metadata.name, or_else(ingress.spec.ingressClassName, kNone), hosts_of(ingress),
      addresses_of(ingress), ingress.spec.tls.empty() ? "80" : "80, 443",   age_of(ingress, now)};
}

Cells ingress_class_cells(const IngressClass& value, Wall now) {
  std::string parameters(kNone);
  if (const auto& reference = value.spec.parameters) {
    parameters = reference->kind;
    if (reference->apiGroup) parameters += "." + *reference->apiGroup;
    parameters += "/" + reference->name;
  }
  return {value.metadata.name, value.spec.controller, parameters, age_of(value, now)};
}

// "services/default/web", "gateways.gateway.networking.k8s.io/default/web"
Cells ip_address_cells(const IPAddress& address) {
  std::string parent(kNone);
  if (const auto& reference = address.spec.parentRef) {
    parent = reference->resource;
    if (!reference->group.empty()) parent += "." + reference->group;
    if (!reference->namespace_.empty()) parent += "/" + reference->namespace_;
    parent += "/" + reference->name;
  }
  return {address.metadata.name, parent};
}

Cells network_policy_cells(const NetworkPolicy& policy, Wall now) {
  return {policy.metadata.name, api::format_label_selector(&policy.spec.podSelector),
          age_of(policy, now)};
}

Cells service_cidr_cells(const ServiceCIDR& value, Wall now) {
  return {value.metadata.name, join(value.spec.cidrs, ","), age_of(value, now)};
}

constexpr Printer kPrinters[] = {
    printer<IPAddress, ip_address_cells>(),       printer<Ingress, ingress_cells>(),
    printer<IngressClass, ingress_class_cells>(), printer<NetworkPolicy, network_policy_cells>(),
    printer<ServiceCIDR, service_cidr_cells>(),
};

}  // namespace

std::span<const Printer> networking_printers() { return kPrinters; }

}  // namespace keelson::apiserver
