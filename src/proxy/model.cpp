// SPDX-License-Identifier: Apache-2.0
#include "proxy/model.h"

#include <algorithm>

namespace keelson::proxy {
namespace {

bool is_of(IpFamily family, std::string_view ip) {
  return ip.contains(':') == (family == IpFamily::V6);
}

void sort_unique(std::vector<Endpoint>& endpoints) {
  std::ranges::sort(endpoints);
  const auto rest = std::ranges::unique(endpoints);
  endpoints.erase(rest.begin(), rest.end());
}

struct Choice {
  std::vector<Endpoint> ready, draining;

  // An endpoint on its way out beats none at all.
  std::vector<Endpoint> usable() && {
    auto& chosen = ready.empty() ? draining : ready;
    sort_unique(chosen);
    return std::move(chosen);
  }
};

}  // namespace

std::string ServicePortName::text() const {
  return namespace_ + "/" + name + (port.empty() ? "" : ":" + port) + "/" + protocol;
}

std::vector<ServicePort> make_service_ports(const core::v1::Service& service,
                                            const std::vector<SlicePtr>& slices,
                                            const std::string& node_name, IpFamily family) {
  const auto& spec = service.spec;
  if (spec.type == "ExternalName" || spec.clusterIP.empty() || spec.clusterIP == "None" ||
      service.metadata.labels.contains("service.kubernetes.io/service-proxy-name"))
    return {};

  std::string cluster_ip;
  for (const auto& ip : spec.clusterIPs.empty() ? std::vector{spec.clusterIP} : spec.clusterIPs) {
    if (is_of(family, ip)) cluster_ip = ip;
  }
  // As upstream: a family without a cluster IP has no node ports either.
  if (cluster_ip.empty()) return {};
  std::vector<std::string> external, balancers;
  for (const auto& ip : spec.externalIPs) {
    if (is_of(family, ip)) external.push_back(ip);
  }
  for (const auto& ingress : service.status.loadBalancer.ingress) {
    // "Proxy" asks that packets go through the balancer even from inside.
    if (!ingress.ip.empty() && is_of(family, ingress.ip) && ingress.ipMode != "Proxy")
      balancers.push_back(ingress.ip);
  }

  std::vector<ServicePort> ports;
  for (const auto& port : spec.ports) {
    ServicePort out;
    out.name = {service.metadata.namespace_, service.metadata.name, port.name, port.protocol};
    out.port = static_cast<std::uint16_t>(port.port);
    out.cluster_ip = cluster_ip;
    out.external_ips = external;
    out.balancer_ips = balancers;
    out.node_port = static_cast<std::uint16_t>(port.nodePort);
    out.internal_local = spec.internalTrafficPolicy == "Local";
    out.external_local = spec.externalTrafficPolicy == "Local";
    for (const auto& range : spec.loadBalancerSourceRanges) {
      if (is_of(family, range)) out.source_ranges.push_back(range);
    }
    if (spec.sessionAffinity == "ClientIP") {
      out.affinity_seconds = 10'800;
      if (spec.sessionAffinityConfig && spec.sessionAffinityConfig->clientIP)
        out.affinity_seconds =
            spec.sessionAffinityConfig->clientIP->timeoutSeconds.value_or(10'800);
    }

    Choice all, local;
    for (const auto& slice : slices) {
      if (slice->addressType != (family == IpFamily::V4 ? "IPv4" : "IPv6")) continue;
      for (const auto& slice_port : slice->ports) {
        if (slice_port.name.value_or("") != port.name ||
            slice_port.protocol.value_or("TCP") != port.protocol || !slice_port.port)
          continue;
        for (const auto& endpoint : slice->endpoints) {
          if (endpoint.addresses.empty()) continue;
          const bool ready = endpoint.conditions.ready.value_or(true);
          const bool draining = endpoint.conditions.serving.value_or(ready) &&
                                endpoint.conditions.terminating.value_or(false);
          if (!ready && !draining) continue;
          const Endpoint address{endpoint.addresses.front(),
                                 static_cast<std::uint16_t>(*slice_port.port)};
          (ready ? all.ready : all.draining).push_back(address);
          if (endpoint.nodeName == node_name)
            (ready ? local.ready : local.draining).push_back(address);
        }
      }
    }
    if (port.protocol == "UDP") {
      out.serving = all.ready;
      out.serving.insert(out.serving.end(), all.draining.begin(), all.draining.end());
      sort_unique(out.serving);
    }
    out.endpoints = std::move(all).usable();
    if (out.internal_local || out.external_local) out.local_endpoints = std::move(local).usable();
    ports.push_back(std::move(out));
  }
  return ports;
}

}  // namespace keelson::proxy
