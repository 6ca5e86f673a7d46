// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "apiserver/registry/allocators/number_pool.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kServices = "/api/v1/namespaces/default/services";

std::string service(const std::string& name, const std::string& more_spec = {},
                    const std::string& ports = R"([{"port":80}])") {
  return R"({"apiVersion":"v1","kind":"Service","metadata":{"name":")" + name +
         R"("},"spec":{"selector":{"a":"b"},"ports":)" + ports + more_spec + "}}";
}

std::int64_t node_port(const Answer& answer, std::size_t index = 0) {
  const auto* ports = api::find_at(answer.json, {"spec", "ports"});
  const auto* port = api::find_at(ports->get_array()[index], {"nodePort"});
  return port == nullptr ? 0 : port->as_int64();
}

TEST(NumberPool, LeavesTheLowerBandToThoseWhoAsk) {
  const auto random = make_seeded_random(1);
  NumberPool pool(1, 10, 4);
  for (int i = 0; i < 6; ++i) EXPECT_GT(*pool.take(*random), 4u);

  EXPECT_LE(*pool.take(*random), 4u);
  EXPECT_TRUE(pool.take(*random) && pool.take(*random) && pool.take(*random));
  EXPECT_FALSE(pool.take(*random).has_value());

  pool.release(7);
  EXPECT_EQ(pool.take(*random), 7u);
  EXPECT_FALSE(pool.try_take(7));
}

TEST(ServiceAddress, IsShownButNotKeptByADryRun) {
  StandardCluster cluster;

  const auto tried = cluster.post(kServices + "?dryRun=All", service("a", R"(,"type":"NodePort")"));
  ASSERT_EQ(tried.code, 201) << tried.body;
  const std::string address(tried.text({"spec", "clusterIP"}));
  const std::int64_t port = node_port(tried);
  EXPECT_TRUE(address.starts_with("10.43.")) << address;
  EXPECT_GE(port, 30000);

  const auto kept =
      cluster.post(kServices, service("b", R"(,"type":"NodePort","clusterIP":")" + address + "\"",
                                      R"([{"port":80,"nodePort":)" + std::to_string(port) + "}]"));
  EXPECT_EQ(kept.code, 201) << kept.body;
}

TEST(ServiceAddress, IsGivenOnceAndGivenBack) {
  StandardCluster cluster;

  const auto first = cluster.post(kServices, service("a"));
  ASSERT_EQ(first.code, 201) << first.body;
  const std::string address(first.text({"spec", "clusterIP"}));
  const auto second = cluster.post(kServices, service("b", R"(,"clusterIP":")" + address + "\""));

  EXPECT_TRUE(address.starts_with("10.43.")) << address;
  EXPECT_EQ(api::to_json(first.json.at("spec").at("clusterIPs")), "[\"" + address + "\"]");
  EXPECT_EQ(api::to_json(first.json.at("spec").at("ipFamilies")), R"(["IPv4"])");
  EXPECT_EQ(first.text({"spec", "ipFamilyPolicy"}), "SingleStack");
  EXPECT_EQ(second.code, 422);
  EXPECT_EQ(second.text({"message"}),
            "Service \"b\" is invalid: spec.clusterIPs: Invalid value: [\"" + address +
                "\"]: failed to allocate IP " + address + ": provided IP is already allocated");

  cluster.remove(kServices + "/a");
  const auto third = cluster.post(kServices, service("b", R"(,"clusterIP":")" + address + "\""));
  EXPECT_EQ(third.code, 201) << third.body;
}

TEST(ServiceAddress, OfTheApiItselfIsTaken) {
  StandardCluster cluster;

  const auto answer = cluster.post(kServices, service("b", R"(,"clusterIP":"10.43.0.1")"));

  EXPECT_EQ(answer.code, 422);
}

TEST(ServiceAddress, OutsideTheRangeIsRefused) {
  StandardCluster cluster;

  const auto answer = cluster.post(kServices, service("b", R"(,"clusterIP":"10.44.0.9")"));

  EXPECT_EQ(answer.code, 422);
  EXPECT_NE(answer.text({"message"})
                .find("the provided IP (10.44.0.9) is not in the valid range. The range of valid "
                      "IPs is 10.43.0.0/16"),
            std::string_view::npos)
      << answer.body;
}

TEST(ServiceAddress, IsNotGivenToHeadlessAndExternalServices) {
  StandardCluster cluster;

  const auto headless = cluster.post(kServices, service("h", R"(,"clusterIP":"None")"));
  const auto external =
      cluster.post(kServices, service("e", R"(,"type":"ExternalName","externalName":"a.b")"));

  EXPECT_EQ(headless.text({"spec", "clusterIP"}), "None");
  EXPECT_EQ(api::to_json(headless.json.at("spec").at("clusterIPs")), R"(["None"])");
  EXPECT_EQ(external.code, 201) << external.body;
  EXPECT_EQ(external.text({"spec", "clusterIP"}), "");
  EXPECT_EQ(external.text({"spec", "ipFamilyPolicy"}), "");
}

TEST(ServiceAddress, StaysWhenAnUpdateLeavesItOut) {
  StandardCluster cluster;
  const auto made = cluster.post(kServices, service("a", R"(,"type":"NodePort")"));

  const auto updated =
      cluster.put(kServices + "/a", service("a", R"(,"type":"NodePort")", R"([{"port":81}])"));

  EXPECT_EQ(updated.code, 200) << updated.body;
  EXPECT_EQ(updated.text({"spec", "clusterIP"}), made.text({"spec", "clusterIP"}));
  EXPECT_EQ(node_port(updated), node_port(made));
  EXPECT_NE(node_port(made), 0);
}

TEST(ServiceAddress, RunsOutAndSaysSo) {
  StandardCluster cluster({.service_cidr = "10.43.0.0/29"});
  // Of eight addresses two are no hosts', and the API has one.
  for (const char* name : {"a", "b", "c", "d", "e"}) {
    EXPECT_EQ(cluster.post(kServices, service(name)).code, 201);
  }

  const auto answer = cluster.post(kServices, service("f"));

  EXPECT_EQ(answer.code, 500);
  EXPECT_NE(answer.body.find("failed to allocate a serviceIP: range is full"), std::string::npos);
}

TEST(NodePort, IsGivenOnceAndGivenBackWithTheType) {
  StandardCluster cluster;

  const auto made = cluster.post(kServices, service("a", R"(,"type":"NodePort")"));
  const std::int64_t port = node_port(made);
  const std::string asked = R"([{"port":80,"nodePort":)" + std::to_string(port) + "}]";
  const auto refused = cluster.post(kServices, service("b", R"(,"type":"NodePort")", asked));

  EXPECT_GE(port, 30000);
  EXPECT_LE(port, 32767);
  EXPECT_EQ(refused.code, 422);
  EXPECT_EQ(refused.text({"message"}),
            "Service \"b\" is invalid: spec.ports[0].nodePort: Invalid value: " +
                std::to_string(port) + ": provided port is already allocated");

  const auto plain = cluster.patch(kServices + "/a", R"({"spec":{"type":"ClusterIP"}})");
  EXPECT_EQ(plain.code, 200) << plain.body;
  EXPECT_EQ(node_port(plain), 0);
  EXPECT_EQ(cluster.post(kServices, service("b", R"(,"type":"NodePort")", asked)).code, 201);
}

TEST(NodePort, OutsideTheRangeIsRefused) {
  StandardCluster cluster;

  const auto answer = cluster.post(
      kServices, service("a", R"(,"type":"NodePort")", R"([{"port":80,"nodePort":80}])"));

  EXPECT_EQ(answer.code, 422);
  EXPECT_NE(answer.text({"message"})
                .find("provided port is not in the valid range. The range of valid ports is "
                      "30000-32767"),
            std::string_view::npos)
      << answer.body;
}

TEST(NodePort, IsSharedByTheProtocolsOfAPort) {
  StandardCluster cluster;

  const auto answer = cluster.post(kServices, service("a", R"(,"type":"NodePort")",
                                                      R"([{"name":"u","port":53,"protocol":"UDP"},
                             {"name":"t","port":53,"protocol":"TCP"},
                             {"name":"m","port":9153,"protocol":"TCP"}])"));

  ASSERT_EQ(answer.code, 201) << answer.body;
  EXPECT_EQ(node_port(answer, 0), node_port(answer, 1));
  EXPECT_NE(node_port(answer, 0), node_port(answer, 2));
}

TEST(NodePort, ForHealthChecksGoesToLocalLoadBalancers) {
  StandardCluster cluster;

  const auto local = cluster.post(
      kServices, service("a", R"(,"type":"LoadBalancer","externalTrafficPolicy":"Local")"));
  const auto cluster_wide = cluster.post(kServices, service("b", R"(,"type":"LoadBalancer")"));
  const auto without = cluster.post(
      kServices, service("c", R"(,"type":"LoadBalancer","allocateLoadBalancerNodePorts":false)"));

  EXPECT_NE(api::find_at(local.json, {"spec", "healthCheckNodePort"}), nullptr) << local.body;
  EXPECT_EQ(api::find_at(cluster_wide.json, {"spec", "healthCheckNodePort"}), nullptr);
  EXPECT_NE(node_port(cluster_wide), 0);
  EXPECT_EQ(node_port(without), 0);
}

TEST(ServiceType, ThatNeedsNoAddressGivesItBack) {
  StandardCluster cluster;
  const auto made = cluster.post(kServices, service("a"));
  const std::string address(made.text({"spec", "clusterIP"}));

  const auto external =
      cluster.patch(kServices + "/a", R"({"spec":{"type":"ExternalName","externalName":"a.b"}})");

  EXPECT_EQ(external.code, 200) << external.body;
  EXPECT_EQ(external.text({"spec", "clusterIP"}), "");
  EXPECT_EQ(cluster.post(kServices, service("b", R"(,"clusterIP":")" + address + "\"")).code, 201);
}

}  // namespace
}  // namespace keelson::apiserver
