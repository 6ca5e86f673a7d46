// SPDX-License-Identifier: Apache-2.0
#include "proxy/stale_flows.h"

#include <gtest/gtest.h>

namespace keelson::proxy {
namespace {

nft::Flow::End end(const char* ip, std::uint16_t port) {
  return {*api::IpAddress::parse(ip), port};
}

ServicePort make_port(std::vector<Endpoint> serving) {
  ServicePort port;
  port.name = {"kube-system", "dns", "dns", "UDP"};
  port.port = 53;
  port.cluster_ip = "10.43.0.10";
  port.external_ips = {"192.0.2.1"};
  port.balancer_ips = {"192.0.2.2"};
  port.node_port = 30053;
  port.serving = std::move(serving);
  return port;
}

TEST(StaleFlows, AreThoseWhoseEndpointHasGone) {
  struct Case {
    std::string_view name;
    nft::Flow::End destination, answerer;
    bool stale;
  };
  const Case cases[] = {
      {"serving endpoint", end("10.43.0.10", 53), end("10.42.0.5", 5353), false},
      {"gone endpoint", end("10.43.0.10", 53), end("10.42.0.6", 5353), true},
      {"another port of an endpoint", end("10.43.0.10", 53), end("10.42.0.5", 5354), true},
      {"not translated", end("10.43.0.10", 53), end("10.43.0.10", 53), true},
      {"another port of the address", end("10.43.0.10", 54), end("10.42.0.6", 5353), false},
      {"another address", end("10.43.0.11", 53), end("10.42.0.6", 5353), false},
      {"external address", end("192.0.2.1", 53), end("10.42.0.6", 5353), true},
      {"balancer's address", end("192.0.2.2", 53), end("10.42.0.6", 5353), true},
      {"node port", end("10.1.0.1", 30053), end("10.42.0.6", 5353), true},
      {"node port, serving", end("10.1.0.1", 30053), end("10.42.0.5", 5353), false},
      {"another machine's port", end("10.1.0.2", 30053), end("10.1.0.2", 30053), false},
  };
  const auto is_ours = [](const api::IpAddress& ip) { return ip.text() == "10.1.0.1"; };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const std::vector<nft::Flow> flows = {
        {.source = end("10.42.0.9", 4000), .destination = c.destination, .answerer = c.answerer}};

    const auto stale = stale_flows(flows, {make_port({{"10.42.0.5", 5353}})}, is_ours);

    EXPECT_EQ(stale, c.stale ? flows : std::vector<nft::Flow>());
  }
}

TEST(StaleFlows, StayWhereOnePortTakesOverFromAnother) {
  auto gone = make_port({});
  auto heir = make_port({{"10.42.0.5", 5353}});
  heir.name.port = "renamed";
  const std::vector<nft::Flow> flows = {{.source = end("10.42.0.9", 4000),
                                         .destination = end("10.43.0.10", 53),
                                         .answerer = end("10.42.0.5", 5353)}};
  const auto none_is_ours = [](const api::IpAddress&) { return false; };

  EXPECT_TRUE(stale_flows(flows, {gone, heir}, none_is_ours).empty());
  EXPECT_EQ(stale_flows(flows, {gone}, none_is_ours), flows);
}

TEST(StaleFlows, AreOfUdpOnly) {
  auto port = make_port({});
  port.name.protocol = "TCP";
  const std::vector<nft::Flow> flows = {{.source = end("10.42.0.9", 4000),
                                         .destination = end("10.43.0.10", 53),
                                         .answerer = end("10.42.0.6", 5353)}};
  EXPECT_TRUE(stale_flows(flows, {port}, [](const api::IpAddress&) { return true; }).empty());
}

}  // namespace
}  // namespace keelson::proxy
