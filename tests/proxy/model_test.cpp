// SPDX-License-Identifier: Apache-2.0
#include "proxy/model.h"

#include <gtest/gtest.h>

namespace keelson::proxy {
namespace {

core::v1::Service make_service() {
  core::v1::Service service;
  service.metadata.namespace_ = "default";
  service.metadata.name = "web";
  service.spec.clusterIP = "10.43.0.10";
  service.spec.ports = {{.name = "http", .protocol = "TCP", .port = 80}};
  return service;
}

struct Pod {
  std::string ip, node;
  bool ready, serving, terminating;
};

SlicePtr make_slice(const std::vector<Pod>& pods) {
  auto slice = std::make_shared<discovery::v1::EndpointSlice>();
  slice->addressType = "IPv4";
  slice->ports = {{.name = "http", .protocol = "TCP", .port = 8080}};
  for (const auto& pod : pods)
    slice->endpoints.push_back(
        {.addresses = {pod.ip},
         .conditions = {.ready = pod.ready, .serving = pod.serving, .terminating = pod.terminating},
         .nodeName = pod.node});
  return slice;
}

TEST(ServicePorts, PreferReadyEndpointsAndFallBackToDrainingOnes) {
  struct Case {
    std::string_view name;
    std::vector<Pod> pods;
    std::vector<Endpoint> expected;
  };
  const Case cases[] = {
      {"ready only", {{"10.0.0.1", "a", true, true, false}}, {{"10.0.0.1", 8080}}},
      {"ready beats draining",
       {{"10.0.0.1", "a", true, true, false}, {"10.0.0.2", "a", false, true, true}},
       {{"10.0.0.1", 8080}}},
      {"draining beats none", {{"10.0.0.2", "a", false, true, true}}, {{"10.0.0.2", 8080}}},
      {"dead is none", {{"10.0.0.3", "a", false, false, true}}, {}},
      {"not ready is none", {{"10.0.0.3", "a", false, false, false}}, {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto ports = make_service_ports(make_service(), {make_slice(c.pods)}, "a", IpFamily::V4);
    ASSERT_EQ(ports.size(), 1u);
    EXPECT_EQ(ports[0].endpoints, c.expected);
  }
}

TEST(ServicePorts, LocalPolicyKeepsTheNodesOwnEndpointsApart) {
  auto service = make_service();
  service.spec.internalTrafficPolicy = "Local";

  const auto ports = make_service_ports(
      service,
      {make_slice({{"10.0.0.1", "a", true, true, false}, {"10.0.0.2", "b", true, true, false}})},
      "b", IpFamily::V4);

  ASSERT_EQ(ports.size(), 1u);
  EXPECT_EQ(ports[0].endpoints.size(), 2u);
  EXPECT_EQ(ports[0].local_endpoints, (std::vector<Endpoint>{{"10.0.0.2", 8080}}));
}

TEST(ServicePorts, LeaveOutWhatIsNotOurs) {
  auto headless = make_service();
  headless.spec.clusterIP = "None";
  auto external = make_service();
  external.spec.type = "ExternalName";
  auto other = make_service();
  other.metadata.labels["service.kubernetes.io/service-proxy-name"] = "other";
  for (const auto& service : {headless, external, other})
    EXPECT_TRUE(make_service_ports(service, {}, "a", IpFamily::V4).empty());
}

TEST(ServicePorts, KeepAddressesOfABalancerApart) {
  auto service = make_service();
  service.spec.externalIPs = {"192.0.2.1"};
  service.spec.loadBalancerSourceRanges = {"198.51.100.0/24", "2001:db8::/32"};
  service.status.loadBalancer.ingress = {
      {.ip = "192.0.2.2"}, {.ip = "192.0.2.3", .ipMode = "Proxy"}, {.ip = "2001:db8::1"}};

  const auto port = make_service_ports(service, {}, "a", IpFamily::V4)[0];

  EXPECT_EQ(port.external_ips, std::vector<std::string>{"192.0.2.1"});
  EXPECT_EQ(port.balancer_ips, std::vector<std::string>{"192.0.2.2"});
  EXPECT_EQ(port.source_ranges, std::vector<std::string>{"198.51.100.0/24"});
}

TEST(ServicePorts, ExistOnlyInFamiliesWithAClusterIp) {
  auto service = make_service();
  EXPECT_TRUE(make_service_ports(service, {}, "a", IpFamily::V6).empty());
  service.spec.clusterIPs = {"10.43.0.10", "fd00::10"};
  EXPECT_EQ(make_service_ports(service, {}, "a", IpFamily::V6)[0].cluster_ip, "fd00::10");
}

TEST(ServicePorts, LetFlowsOfUdpStayWithDrainingEndpoints) {
  const std::vector<Pod> pods = {{"10.0.0.1", "a", true, true, false},
                                 {"10.0.0.2", "a", false, true, true},
                                 {"10.0.0.3", "a", false, false, true}};
  for (const std::string protocol : {"UDP", "TCP"}) {
    SCOPED_TRACE(protocol);
    auto service = make_service();
    service.spec.ports[0].protocol = protocol;
    auto slice = std::make_shared<discovery::v1::EndpointSlice>(*make_slice(pods));
    slice->ports[0].protocol = protocol;
    const auto port = make_service_ports(service, {slice}, "a", IpFamily::V4)[0];
    EXPECT_EQ(port.endpoints, (std::vector<Endpoint>{{"10.0.0.1", 8080}}));
    EXPECT_EQ(port.serving.size(), protocol == "UDP" ? 2u : 0u);
  }
}

TEST(ServicePorts, TakeAffinityFromTheService) {
  auto service = make_service();
  service.spec.sessionAffinity = "ClientIP";
  EXPECT_EQ(make_service_ports(service, {}, "a", IpFamily::V4)[0].affinity_seconds, 10'800);

  service.spec.sessionAffinityConfig.ensure().clientIP.ensure().timeoutSeconds = 60;
  EXPECT_EQ(make_service_ports(service, {}, "a", IpFamily::V4)[0].affinity_seconds, 60);
}

}  // namespace
}  // namespace keelson::proxy
