// SPDX-License-Identifier: Apache-2.0
#include "proxy/stale_flows.h"

#include <map>
#include <set>

namespace keelson::proxy {
namespace {

using End = nft::Flow::End;

void add(std::set<End>& ends, const std::vector<Endpoint>& endpoints) {
  for (const auto& endpoint : endpoints) {
    if (const auto ip = api::IpAddress::parse(endpoint.ip)) ends.insert({*ip, endpoint.port});
  }
}

}  // namespace

std::vector<nft::Flow> stale_flows(
    const std::vector<nft::Flow>& flows, const std::vector<ServicePort>& ports,
    const std::function<bool(const api::IpAddress&)>& has_node_ports) {
  // Several ports may stand for one address: one that goes and one that takes over from it.
  std::map<End, std::set<End>> by_address;
  std::map<std::uint16_t, std::set<End>> by_node_port;
  for (const auto& port : ports) {
    if (port.name.protocol != "UDP") continue;
    const auto add_address = [&](const std::string& text) {
      if (const auto ip = api::IpAddress::parse(text))
        add(by_address[{*ip, port.port}], port.serving);
    };
    add_address(port.cluster_ip);
    for (const auto& ip : port.external_ips) add_address(ip);
    for (const auto& ip : port.balancer_ips) add_address(ip);
    if (port.node_port) add(by_node_port[port.node_port], port.serving);
  }

  std::vector<nft::Flow> stale;
  for (const auto& flow : flows) {
    const std::set<End>* serving = nullptr;
    if (const auto found = by_address.find(flow.destination); found != by_address.end()) {
      serving = &found->second;
    } else if (const auto at = by_node_port.find(flow.destination.port);
               at != by_node_port.end() && has_node_ports(flow.destination.ip)) {
      serving = &at->second;
    }
    if (serving && !serving->contains(flow.answerer)) stale.push_back(flow);
  }
  return stale;
}

}  // namespace keelson::proxy
