// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

// A patch of the Service's spec.
std::string spec(std::string_view members) { return R"({"spec":{)" + std::string(members) + "}}"; }

struct BadService {
  std::string_view members;
  Texts expected;  // Without "spec." before each.
};

TEST(ServiceRules, RefuseInUpstreamsWords) {
  const BadService table[] = {
      {R"("ports":[{"port":0}])",
       {"ports[0].port: Invalid value: 0: must be between 1 and 65535, "
        "inclusive",
        "ports[0].targetPort: Invalid value: 0: must be between 1 and "
        "65535, inclusive"}},
      {R"("ports":[{"port":80,"name":"a"},{"port":80,"name":"b"}])",
       {R"(ports[1]: Duplicate value: {"AppProtocol":null,"Name":"","NodePort":0,"Port":80,)"
        R"("Protocol":"TCP","TargetPort":0})"}},
      {R"("type":"NodePort","ports":[{"port":80,"name":"a","nodePort":30000},{"port":81,"name":"b","nodePort":30000}])",
       {"ports[1].nodePort: Duplicate value: 30000"}},
      {R"("type":"NodePort","clusterIP":"None","clusterIPs":["None"])",
       {R"(clusterIPs[0]: Invalid value: "None": may not be set to 'None' for NodePort services)"}},
      {R"("type":"ExternalName","externalName":"a_b","ipFamilies":["IPv4"],"clusterIPs":["10.0.0.1"])",
       {"clusterIPs: Forbidden: may not be set for ExternalName services",
        "ipFamilies: Forbidden: may not be set for ExternalName services",
        R"(externalName: Invalid value: "a_b": a lowercase RFC 1123 subdomain must consist of )"
        "lower case alphanumeric characters, '-' or '.', and must start and end with an "
        "alphanumeric character (e.g. 'example.com', regex used for validation is "
        "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"}},
      {R"("sessionAffinity":"ClientIP","sessionAffinityConfig":{"clientIP":{"timeoutSeconds":86401}})",
       {"sessionAffinityConfig.clientIP.timeoutSeconds: Invalid value: 86401: must be greater than "
        "0 and less than 86400"}},
      {R"("clusterIP":"10.0.0.1")", {"clusterIPs: Required value"}},
      {R"("clusterIPs":["10.0.0.1"])",
       {R"(clusterIPs: Invalid value: ["10.0.0.1"]: must be empty when `clusterIP` is not )"
        "specified"}},
      {R"("clusterIP":"10.0.0.1","clusterIPs":["10.0.0.2"])",
       {R"(clusterIPs: Invalid value: ["10.0.0.2"]: first value must match `clusterIP`)"}},
      {R"("clusterIP":"somewhere","clusterIPs":["somewhere"])",
       {R"(clusterIPs[0]: Invalid value: "somewhere": must be a valid IP address, (e.g. 10.9.8.7 )"
        "or 2001:db8::ffff)"}},
      {R"("clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1","10.0.0.2"])",
       {R"(clusterIPs: Invalid value: ["10.0.0.1","10.0.0.2"]: may specify no more than one IP for )"
        "each IP family"}},
      {R"("clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"ipFamilies":["IPv6"])",
       {R"(clusterIPs[0]: Invalid value: "10.0.0.1": expected an IPv6 value as indicated by )"
        "`ipFamilies[0]`"}},
      {R"("ipFamilies":["IPv4","IPv4"])", {R"(ipFamilies[1]: Duplicate value: "IPv4")"}},
      {R"("ipFamilyPolicy":"Both")",
       {R"(ipFamilyPolicy: Unsupported value: "Both": supported values: "PreferDualStack", )"
        R"("RequireDualStack", "SingleStack")"}},
      {R"("externalIPs":["127.0.0.1"],"externalTrafficPolicy":"Cluster")",
       {R"(externalIPs[0]: Invalid value: "127.0.0.1": may not be in the loopback range )"
        "(127.0.0.0/8, ::1/128)"}},
      {R"("loadBalancerSourceRanges":["10.0.0.0"])",
       {"LoadBalancerSourceRanges: Forbidden: may only be used when `type` is 'LoadBalancer'",
        R"(LoadBalancerSourceRanges[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, )"
        "(e.g. 10.9.8.0/24 or 2001:db8::/64)"}},
      {R"("loadBalancerClass":"example.com/a","allocateLoadBalancerNodePorts":true)",
       {"allocateLoadBalancerNodePorts: Forbidden: may only be used when `type` is 'LoadBalancer'",
        "loadBalancerClass: Forbidden: may only be used when `type` is 'LoadBalancer'"}},
      {R"("healthCheckNodePort":30000)",
       {"healthCheckNodePort: Invalid value: 30000: may only be set when `type` is 'LoadBalancer' "
        "and `externalTrafficPolicy` is 'Local'"}},
      {R"("internalTrafficPolicy":"Sometimes")",
       {R"(internalTrafficPolicy: Unsupported value: "Sometimes": supported values: "Cluster", )"
        R"("Local")"}},
      {R"("trafficDistribution":"Far")",
       {R"(trafficDistribution: Unsupported value: "Far": supported values: "PreferClose", )"
        R"("PreferSameNode", "PreferSameZone")"}},
  };
  for (const BadService& bad : table) {
    Texts expected;
    for (const auto& text : bad.expected) expected.push_back("spec." + text);
    EXPECT_EQ(validated(given("Service", spec(bad.members))), expected) << bad.members;
  }
}

struct Change {
  std::string_view before, now;
  Texts expected;
};

TEST(ServiceChange, KeepsWhatHasBeenGivenOut) {
  const Change table[] = {
      {R"("clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"])",
       "",
       {"spec.clusterIPs[0]: Invalid value: []: primary clusterIP can not be unset"}},
      {R"("clusterIP":"None","clusterIPs":["None"])",
       R"("clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"])",
       {R"(spec.clusterIPs[0]: Invalid value: ["10.0.0.1"]: may not change once set)"}},
      {R"("clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"],"ipFamilies":["IPv4"])",
       R"("type":"ExternalName","externalName":"example.com")",
       {}},
      {R"("ipFamilies":["IPv4","IPv6"],"ipFamilyPolicy":"PreferDualStack")",
       R"("ipFamilies":["IPv4"],"ipFamilyPolicy":"PreferDualStack")",
       {R"(spec.ipFamilyPolicy: Invalid value: "PreferDualStack": must be set to 'SingleStack' )"
        "when releasing the secondary ipFamily"}},
      {R"("ipFamilies":["IPv4"])",
       R"("ipFamilies":["IPv6"])",
       {R"(spec.ipFamilies[0]: Invalid value: ["IPv6"]: may not change once set)"}},
      {R"("type":"LoadBalancer")",
       R"("type":"LoadBalancer","loadBalancerClass":"example.com/a")",
       {R"(spec.loadBalancerClass: Invalid value: "example.com/a": may not change once set)"}},
      {R"("type":"ClusterIP")", R"("type":"LoadBalancer","loadBalancerClass":"example.com/a")", {}},
      {R"("type":"LoadBalancer","externalTrafficPolicy":"Local","healthCheckNodePort":30001)",
       R"("type":"LoadBalancer","externalTrafficPolicy":"Local","healthCheckNodePort":30002)",
       {"spec.healthCheckNodePort: Forbidden: field is immutable"}},
  };
  for (const Change& change : table) {
    EXPECT_EQ(
        validated_update(given("Service", spec(change.now)), given("Service", spec(change.before))),
        change.expected)
        << change.before << " to " << change.now;
  }
}

TEST(ServiceStatus, HasPointsOfLoadBalancersOnly) {
  const auto plain = given(
      "Service", R"({"status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4","ipMode":"VIP"}]}}})");
  EXPECT_EQ(validated_status_update(plain, given("Service")),
            Texts{"status.loadBalancer.ingress: Forbidden: may only be used when `spec.type` is "
                  "LoadBalancer"});
  const auto named = given(
      "Service",
      R"({"spec":{"type":"LoadBalancer"},"status":{"loadBalancer":{"ingress":[{"hostname":"1.2.3.4"}]}}})");
  EXPECT_EQ(validated_status_update(named, given("Service")),
            Texts{R"(status.loadBalancer.ingress[0].hostname: Invalid value: "1.2.3.4": must be a )"
                  "DNS name, not an IP address"});
}

}  // namespace
}  // namespace keelson::apiserver::testing
