// SPDX-License-Identifier: Apache-2.0
// Kinds that the cluster itself writes: nodes, namespaces, leases, events, endpoints.
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

TEST(NodeValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Node",
      {
          {R"({"spec":{"taints":[{"key":"","effect":"NoSchedule"}]}})",
           {R"(metadata.taints[0].key: Invalid value: "": name part must be non-empty)",
            R"(metadata.taints[0].key: Invalid value: "": name part must consist of alphanumeric )"
            "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"}},
          {R"({"spec":{"taints":[{"key":"a","effect":""}]}})",
           {"metadata.taints[0].effect: Required value"}},
          {R"({"spec":{"taints":[{"key":"a","effect":"Perhaps"}]}})",
           {R"(metadata.taints[0].effect: Unsupported value: "Perhaps": supported values: )"
            R"("NoSchedule", "PreferNoSchedule", "NoExecute")"}},
          {R"({"spec":{"taints":[{"key":"a","effect":"NoExecute"},{"key":"a","value":"b","effect":"NoExecute"}]}})",
           {R"(metadata.taints[1]: Duplicate value: {"effect":"NoExecute","key":"a","value":"b"}: )"
            "taints must be unique by key and effect pair"}},
          {R"({"spec":{"podCIDRs":["10.0.0.0"]}})",
           {R"(spec.podCIDRs[0]: Invalid value: "10.0.0.0": must be a valid CIDR value, (e.g. )"
            "10.9.8.0/24 or 2001:db8::/64)"}},
          {R"({"spec":{"podCIDRs":["10.0.0.0/24","10.0.1.0/24"]}})",
           {R"(spec.podCIDRs: Invalid value: ["10.0.0.0/24","10.0.1.0/24"]: may specify no more )"
            "than one CIDR for each IP family"}},
          {R"({"status":{"capacity":{"cpu":"-1","pods":"1500m"}}})",
           {R"(status.capacity.cpu: Invalid value: "-1": must be greater than or equal to 0)",
            R"(status.capacity.pods: Invalid value: "1500m": must be an integer)",
            // The capacity is the default of what pods can use.
            R"(status.allocatable.cpu: Invalid value: "-1": must be greater than or equal to 0)",
            R"(status.allocatable.pods: Invalid value: "1500m": must be an integer)"}},
      });
  EXPECT_EQ(validated(given("Node", R"({"spec":{"podCIDRs":["10.0.0.0/24","fd00::/64"]}})")),
            Texts());
}

TEST(NodeUpdate, SetsAddressesAndIdentityOnce) {
  const auto fresh = given("Node");
  const auto set = given("Node", R"({"spec":{"podCIDRs":["10.0.0.0/24"],"providerID":"a"}})");
  EXPECT_EQ(validated_update(set, fresh), Texts());
  EXPECT_EQ(
      validated_update(given("Node", R"({"spec":{"podCIDRs":["10.0.1.0/24"],"providerID":"b"}})"),
                       set),
      (Texts{R"(spec.podCIDRs: Forbidden: node updates may not change podCIDR except from "" )"
             "to valid",
             R"(spec.providerID: Forbidden: node updates may not change providerID except )"
             R"(from "" to valid)"}));
  EXPECT_EQ(validated_update(given("Node", R"({"spec":{"externalID":"x"}})"), fresh),
            Texts{"spec.externalID: Forbidden: may not be updated"});
  EXPECT_EQ(validated_update(given("Node", R"({"spec":{"configSource":{}}})"), fresh),
            Texts{"spec.configSource: Invalid value: {}: exactly one reference subfield must be "
                  "non-nil"});
}

TEST(NodeStatus, NamesEachAddressOnce) {
  const auto node =
      given("Node", R"({"status":{"addresses":[{"type":"InternalIP","address":"1.2.3.4"},)"
                    R"({"type":"InternalIP","address":"1.2.3.4"}]}})");
  EXPECT_EQ(
      validated_status_update(node, given("Node")),
      Texts{R"(status.addresses[1]: Duplicate value: {"address":"1.2.3.4","type":"InternalIP"})"});
  EXPECT_EQ(validated_status_update(given("Node"), given("Node")), Texts());
}

TEST(NodeStrategy, KeepsTheOlderFieldOfAddressesInStep) {
  auto node = given("Node", R"({"spec":{"podCIDR":"10.0.0.0/24"}})");
  prepare_for_create(node);
  EXPECT_EQ(node.at("spec").at("podCIDRs"), boost::json::value(boost::json::array{"10.0.0.0/24"}));
  node = given("Node", R"({"spec":{"podCIDRs":["10.0.1.0/24"]}})");
  prepare_for_create(node);
  EXPECT_EQ(api::string_at(node, {"spec", "podCIDR"}), "10.0.1.0/24");
}

TEST(NamespaceValidation, KnowsFinalizersByTheirDomain) {
  expect_refused("Namespace", {{R"({"spec":{"finalizers":["mine"]}})",
                                {R"(spec.finalizers: Invalid value: "mine": name is neither a )"
                                 "standard finalizer name nor is it fully qualified"}}});
  EXPECT_EQ(validated(given("Namespace", R"({"spec":{"finalizers":["example.com/mine"]}})")),
            Texts());
  EXPECT_EQ(
      validated_subresource_update(given("Namespace", R"({"spec":{"finalizers":["mine"]}})"),
                                   given("Namespace"), "finalize"),
      Texts{R"(spec.finalizers[0]: Invalid value: "mine": name is neither a standard finalizer )"
            "name nor is it fully qualified"});
}

TEST(NamespaceStatus, SaysWhatTheDeletionTimestampSays) {
  const auto active = given("Namespace", R"({"status":{"phase":"Active"}})");
  const auto going = given(
      "Namespace",
      R"({"metadata":{"deletionTimestamp":"2024-01-01T00:00:00Z"},"status":{"phase":"Terminating"}})");
  EXPECT_EQ(validated_status_update(active, active), Texts());
  EXPECT_EQ(validated_status_update(going, going), Texts());
  EXPECT_EQ(
      validated_status_update(given("Namespace", R"({"status":{"phase":"Terminating"}})"), active),
      Texts{R"(status.Phase: Invalid value: "Terminating": may only be 'Active' if )"
            "`deletionTimestamp` is empty"});
  auto revived = going;
  revived.at("status").as_object()["phase"] = "Active";
  EXPECT_EQ(validated_status_update(revived, going),
            Texts{R"(status.Phase: Invalid value: "Active": may only be 'Terminating' if )"
                  "`deletionTimestamp` is not empty"});
}

TEST(LeaseValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Lease",
      {{R"({"spec":{"leaseDurationSeconds":0}})",
        {"spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0"}},
       {R"({"spec":{"leaseTransitions":-1}})",
        {"spec.leaseTransitions: Invalid value: -1: must be greater than or equal to 0"}}});
}

TEST(EventValidation, AsksLittleOfTheOlderVersion) {
  expect_refused("Event", {{R"({"involvedObject":{"namespace":"other"}})",
                            {R"(involvedObject.namespace: Invalid value: "other": does not match )"
                             "event.namespace"}}});
  EXPECT_EQ(validated(given("Event", R"({"involvedObject":{"namespace":""}})")), Texts());
  const auto elsewhere =
      given("Event", R"({"metadata":{"namespace":"web"},"involvedObject":{"namespace":null}})");
  EXPECT_EQ(
      validated(elsewhere),
      Texts{R"(involvedObject.namespace: Invalid value: "": does not match event.namespace)"});
}

TEST(EventValidation, AsksForTheReporterOnceTheTimeIsOfTheNewForm) {
  EXPECT_EQ(
      validated(given("Event", R"({"eventTime":"2024-01-01T00:00:00.000000Z","reason":null})")),
      (Texts{"reportingController: Required value",
             R"(reportingController: Invalid value: "": name part must be non-empty)",
             R"(reportingController: Invalid value: "": name part must consist of )"
             "alphanumeric characters, '-', '_' or '.', and must start and end with an "
             "alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex "
             "used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')",
             "reportingInstance: Required value", "action: Required value",
             "reason: Required value"}));
}

TEST(EventValidation, IsStricterWithTheNewerVersion) {
  const auto old = given("Event", R"({"count":3,"source":{"component":"a"},"type":"Odd"})");
  EXPECT_EQ(validated_create(old, ""), Texts());
  EXPECT_EQ(
      validated_create(old, "events.k8s.io"),
      (Texts{"eventTime: Required value", R"(type: Invalid value: "": has invalid value: Odd)",
             R"(count: Invalid value: "": needs to be unset)",
             R"(source: Invalid value: "": needs to be unset)"}));
  const std::string rest =
      R"("eventTime":"2024-01-01T00:00:00.000000Z","reportingComponent":"a","reportingInstance":"b","action":"Look","type":"Normal")";
  const auto event = given("Event", "{" + rest + "}");
  EXPECT_EQ(validated_create(event, "events.k8s.io"), Texts());
  EXPECT_EQ(validated_update_by(given("Event", "{" + rest + R"(,"message":"x"})"), event,
                                "events.k8s.io"),
            Texts{R"(message: Invalid value: "x": field is immutable)"});
  EXPECT_EQ(validated_update_by(given("Event", "{" + rest + R"(,"series":{"count":1}})"), event,
                                "events.k8s.io"),
            (Texts{R"(series.count: Invalid value: "": should be at least 2)",
                   "series.lastObservedTime: Required value"}));
}

TEST(EndpointsValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Endpoints",
      {
          {R"({"subsets":[{"ports":[{"port":80}]}]})",
           {"subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`"}},
          {R"({"subsets":[{"addresses":[{"ip":"localhost"}]}]})",
           {R"(subsets[0].addresses[0].ip: Invalid value: "localhost": must be a valid IP )"
            "address, (e.g. 10.9.8.7 or 2001:db8::ffff)",
            R"(subsets[0].addresses[0].ip: Invalid value: "localhost": must be a valid IP address)"}},
          {R"({"subsets":[{"addresses":[{"ip":"127.0.0.1"}]}]})",
           {R"(subsets[0].addresses[0].ip: Invalid value: "127.0.0.1": may not be in the loopback )"
            "range (127.0.0.0/8, ::1/128)"}},
          {R"({"subsets":[{"notReadyAddresses":[{"ip":"fe80::1"}]}]})",
           {R"(subsets[0].notReadyAddresses[0].ip: Invalid value: "fe80::1": may not be in the )"
            "link-local range (169.254.0.0/16, fe80::/10)"}},
          {R"({"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80},{"port":81,"name":"b"}]}]})",
           {"subsets[0].ports[0].name: Required value"}},
          {R"({"subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":0}]}]})",
           {"subsets[0].ports[0].port: Invalid value: 0: must be between 1 and 65535, inclusive"}},
      });
}

TEST(EndpointSliceValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "EndpointSlice",
      {
          {R"({"addressType":""})", {"addressType: Required value"}},
          {R"({"addressType":"IP"})",
           {R"(addressType: Unsupported value: "IP": supported values: "FQDN", "IPv4", "IPv6")"}},
          {R"({"endpoints":[{"addresses":[]}]})",
           {"endpoints[0].addresses: Required value: must contain at least 1 address"}},
          {R"({"endpoints":[{"addresses":["fd00::1"]}]})",
           {R"(endpoints[0].addresses[0]: Invalid value: "fd00::1": must be an IPv4 address)"}},
          {R"({"endpoints":[{"addresses":["0.0.0.0"]}]})",
           {R"(endpoints[0].addresses[0]: Invalid value: "0.0.0.0": may not be unspecified )"
            "(0.0.0.0)"}},
          {R"({"endpoints":[{"addresses":["10.0.0.1"],"hints":{"forZones":[{"name":"a"},{"name":"a"}]}}]})",
           {R"(endpoints[0].hints.forZones[1].name: Duplicate value: "a")"}},
          {R"({"ports":[{"port":80,"name":"a"},{"port":81,"name":"a"}]})",
           {R"(ports[1].name: Duplicate value: "a")"}},
          {R"({"ports":[{"port":80,"protocol":"ICMP"}]})",
           {R"(ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", )"
            R"("UDP")"}},
      });
  EXPECT_EQ(validated_update(given("EndpointSlice", R"({"addressType":"FQDN","endpoints":[]})"),
                             given("EndpointSlice")),
            Texts{R"(addressType: Invalid value: "FQDN": field is immutable)"});
}

TEST(ServiceAccountStrategy, KeepsNamesOfSecretsAlone) {
  auto account = given("ServiceAccount", R"({"secrets":[{"name":"a","namespace":"other"}]})");
  prepare_for_create(account);
  EXPECT_EQ(account.at("secrets"),
            boost::json::value(boost::json::array{boost::json::object{{"name", "a"}}}));
}

}  // namespace
}  // namespace keelson::apiserver::testing
