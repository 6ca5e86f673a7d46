// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kDeployments = "/apis/apps/v1/namespaces/default/deployments";
const std::string kPods = "/api/v1/namespaces/default/pods";
const std::string kPod =
    R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"},"spec":{"containers":[{"name":"c","image":"i"}]}})";
const std::string kDeployment =
    R"({"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"d"},"spec":{"replicas":1,)"
    R"("selector":{"matchLabels":{"a":"b"}},"template":{"metadata":{"labels":{"a":"b"}},)"
    R"("spec":{"containers":[{"name":"c","image":"i"}]}}}})";

TEST(Status, AndSpecAreWrittenApart) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kDeployments, kDeployment).code, 201);

  const auto status = cluster.patch(
      kDeployments + "/d/status",
      R"({"spec":{"replicas":9},"metadata":{"labels":{"x":"y"}},"status":{"replicas":4}})");
  EXPECT_EQ(status.code, 200) << status.body;
  EXPECT_EQ(status.json.at("spec").at("replicas"), api::Document(1));
  EXPECT_EQ(status.json.at("status").at("replicas"), api::Document(4));
  EXPECT_EQ(api::find_at(status.json, {"metadata", "labels"}), nullptr);
  EXPECT_EQ(status.json.at("metadata").at("generation"), api::Document(1));

  const auto spec =
      cluster.patch(kDeployments + "/d", R"({"spec":{"replicas":2},"status":{"replicas":5}})");
  EXPECT_EQ(spec.json.at("spec").at("replicas"), api::Document(2));
  EXPECT_EQ(spec.json.at("status").at("replicas"), api::Document(4));
}

TEST(Scale, ShowsAndSetsTheReplicas) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kDeployments, kDeployment).code, 201);

  const auto shown = cluster.get(kDeployments + "/d/scale");
  EXPECT_EQ(shown.text({"kind"}), "Scale");
  EXPECT_EQ(shown.text({"status", "selector"}), "a=b");
  const auto patched = cluster.patch(kDeployments + "/d/scale", R"({"spec":{"replicas":3}})");
  EXPECT_EQ(patched.code, 200) << patched.body;
  EXPECT_EQ(patched.json.at("spec").at("replicas"), api::Document(3));
  const auto put = cluster.put(
      kDeployments + "/d/scale",
      R"({"apiVersion":"autoscaling/v1","kind":"Scale","metadata":{"name":"d"},"spec":{"replicas":5}})");
  EXPECT_EQ(put.code, 200) << put.body;
  EXPECT_EQ(cluster.get(kDeployments + "/d").json.at("spec").at("replicas"), api::Document(5));
  const auto negative = cluster.patch(kDeployments + "/d/scale", R"({"spec":{"replicas":-1}})");
  EXPECT_EQ(negative.code, 422);
  EXPECT_EQ(negative.text({"message"}),
            "Scale.autoscaling \"d\" is invalid: spec.replicas: Invalid value: -1: must be greater "
            "than or equal to 0");
}

TEST(Binding, AssignsAPodOnce) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kPods, kPod).code, 201);
  const std::string binding =
      R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},"target":{"kind":"Node","name":"n1"}})";

  const auto first = cluster.post(kPods + "/p/binding", binding);
  const auto second = cluster.post(kPods + "/p/binding", binding);

  EXPECT_EQ(first.code, 201) << first.body;
  EXPECT_EQ(first.text({"status"}), "Success");
  const auto pod = cluster.get(kPods + "/p");
  EXPECT_EQ(pod.text({"spec", "nodeName"}), "n1");
  EXPECT_EQ(api::string_at(pod.json.at("status").at("conditions").at(0), {"type"}), "PodScheduled");
  EXPECT_EQ(second.code, 409);
  EXPECT_EQ(
      second.text({"message"}),
      "Operation cannot be fulfilled on pods/binding \"p\": pod p is already assigned to node "
      "\"n1\"");
}

TEST(Eviction, DeletesThePod) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kPods, kPod).code, 201);

  const auto evicted = cluster.post(
      kPods + "/p/eviction",
      R"({"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":"p"},"deleteOptions":{"gracePeriodSeconds":0}})");

  EXPECT_EQ(evicted.code, 201) << evicted.body;
  EXPECT_EQ(cluster.get(kPods + "/p").code, 404);
}

TEST(Reviews, TellWhoMayDoWhat) {
  TestCluster cluster;
  const auto masters = cluster.post(
      "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
      R"({"spec":{"resourceAttributes":{"verb":"list","resource":"pods","namespace":"default"}}})");
  EXPECT_EQ(masters.code, 201) << masters.body;
  EXPECT_EQ(masters.json.at("status").at("allowed"), api::Document(true));
  const auto jane = cluster.post(
      "/apis/authorization.k8s.io/v1/subjectaccessreviews",
      R"({"spec":{"user":"jane","resourceAttributes":{"verb":"list","resource":"pods"}}})");
  EXPECT_EQ(jane.json.at("status").at("allowed"), api::Document(false));
  const auto self = cluster.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", "{}");
  EXPECT_EQ(self.text({"status", "userInfo", "username"}), "admin");
}

TEST(Places, ThatDoNotFitAreNotServed) {
  struct Case {
    std::string method, target;
    int code;
  };
  const Case cases[] = {
      {"POST", "/api/v1/pods", 405},
      {"DELETE", "/api/v1/pods", 405},
      {"POST", kPods + "/p", 405},
      {"GET", kPods + "/p/binding", 405},
      {"GET", kPods + "/p/nothing", 404},
      {"PUT", kPods, 405},
      {"GET", "/api/v1/namespaces/default/nodes", 405},
      {"GET", "/apis/apps/v2/namespaces/default/deployments", 404},
  };
  TestCluster cluster;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.method + " " + c.target);
    EXPECT_EQ(cluster.request(c.method, c.target, c.method == "GET" ? "" : "{}").code, c.code);
  }
}

}  // namespace
}  // namespace keelson::apiserver
