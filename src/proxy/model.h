// SPDX-License-Identifier: Apache-2.0
// What the rules have to do, worked out from Services and EndpointSlices. Pure.
// Source: Kubernetes documentation, "Virtual IPs and Service Proxies"; KEP-1669, KEP-2086.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "api/core/v1.h"
#include "api/discovery/v1.h"

namespace keelson::proxy {

enum class IpFamily : std::uint8_t { V4, V6 };

struct Endpoint {
  std::string ip;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint&) const = default;
};

struct ServicePortName {
  std::string namespace_, name, port;  // `port` is the port's name, maybe empty.
  std::string protocol;                // "TCP", "UDP", "SCTP"

  auto operator<=>(const ServicePortName&) const = default;
  std::string text() const;  // "default/web:http/TCP"
};

// One port of one service in one address family.
struct ServicePort {
  ServicePortName name;
  std::uint16_t port = 0;
  std::string cluster_ip;
  std::vector<std::string> external_ips;  // spec.externalIPs
  std::vector<std::string> balancer_ips;  // Addresses that a load balancer passes on unchanged.
  std::uint16_t node_port = 0;            // 0: none.
  int affinity_seconds = 0;               // ClientIP affinity; 0: none.
  bool internal_local = false, external_local = false;  // Traffic policies.
  std::vector<std::string> source_ranges;  // Who may use balancer_ips; empty: everybody.
  // Where connections may go: ready ones, or where there are none, terminating ones that still
  // serve.
  std::vector<Endpoint> endpoints;        // Of the whole cluster, sorted.
  std::vector<Endpoint> local_endpoints;  // Of this node, sorted.
  // Of UDP only: where flows under way may stay, even if new ones go elsewhere; sorted.
  std::vector<Endpoint> serving;

  bool operator==(const ServicePort&) const = default;
};

using SlicePtr = std::shared_ptr<const discovery::v1::EndpointSlice>;

// The service's ports in `family`; none for headless services and ExternalName, without a cluster
// IP of the family, or when another proxy is asked for (label
// service.kubernetes.io/service-proxy-name).
std::vector<ServicePort> make_service_ports(const core::v1::Service& service,
                                            const std::vector<SlicePtr>& slices,
                                            const std::string& node_name, IpFamily family);

}  // namespace keelson::proxy
