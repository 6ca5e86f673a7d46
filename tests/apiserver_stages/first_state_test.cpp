// SPDX-License-Identifier: Apache-2.0
// What objects of some kinds begin and end with.
#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kPods = "/api/v1/namespaces/default/pods";

TEST(Pod, ShowsItsQosClass) {
  StandardCluster cluster;
  cluster.add_account("default");

  const auto pod = cluster.post(
      kPods, R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"a"},"spec":{"containers":[
          {"name":"c","image":"i","resources":{"limits":{"cpu":"1","memory":"1Gi"}}}]}})");

  ASSERT_EQ(pod.code, 201) << pod.body;
  EXPECT_EQ(pod.text({"status", "qosClass"}), "Guaranteed");
}

TEST(Pod, BeginsPending) {
  StandardCluster cluster;
  cluster.add_account("default");

  const auto pod =
      cluster.post(kPods, pod_json("a", R"(,"schedulingGates":[{"name":"example.com/wait"}])"));

  ASSERT_EQ(pod.code, 201) << pod.body;
  EXPECT_EQ(pod.text({"status", "phase"}), "Pending");
  EXPECT_EQ(pod.text({"status", "qosClass"}), "BestEffort");
  EXPECT_EQ(api::string_at(pod.json.at("status").at("conditions").at(0), {"reason"}),
            "SchedulingGated");
}

TEST(Pod, StaysForItsGraceOnceANodeHasIt) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add(kPods, pod_json("waiting"));
  cluster.add(kPods, pod_json("running", R"(,"nodeName":"one")"));
  cluster.add(kPods, pod_json("killed", R"(,"nodeName":"one")"));

  cluster.remove(kPods + "/waiting");
  const auto running = cluster.remove(kPods + "/running");
  cluster.remove(kPods + "/killed?gracePeriodSeconds=0");

  EXPECT_EQ(cluster.get(kPods + "/waiting").code, 404);
  EXPECT_EQ(running.json.at("metadata").at("deletionGracePeriodSeconds"), api::Document(30));
  EXPECT_EQ(cluster.get(kPods + "/running").code, 200);
  EXPECT_EQ(cluster.get(kPods + "/killed").code, 404);
}

TEST(Namespace, StaysUntilItIsFinalized) {
  StandardCluster cluster;
  const std::string place = "/api/v1/namespaces/a";
  const auto made = cluster.post(
      "/api/v1/namespaces", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"}})");
  EXPECT_EQ(made.text({"status", "phase"}), "Active");
  EXPECT_EQ(api::to_json(made.json.at("spec")), R"({"finalizers":["kubernetes"]})");
  EXPECT_EQ(made.text({"metadata", "labels", "kubernetes.io/metadata.name"}), "a");

  const auto going = cluster.remove(place);
  EXPECT_EQ(going.text({"status", "phase"}), "Terminating") << going.body;
  ASSERT_EQ(cluster.get(place).code, 200);
  // An ordinary update does not let it go.
  EXPECT_EQ(cluster.patch(place, R"({"spec":{"finalizers":[]}})").code, 200);
  ASSERT_EQ(cluster.get(place).code, 200);

  const auto finalized = cluster.put(
      place + "/finalize",
      R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"a"},"spec":{"finalizers":[]}})");
  EXPECT_EQ(finalized.code, 200) << finalized.body;
  EXPECT_EQ(cluster.get(place).code, 404);
}

TEST(Job, ChoosesPodsByItsUid) {
  StandardCluster cluster;

  const auto job = cluster.post(
      "/apis/batch/v1/namespaces/default/jobs",
      R"({"apiVersion":"batch/v1","kind":"Job","metadata":{"name":"j"},"spec":{"template":{
          "spec":{"restartPolicy":"Never","containers":[{"name":"c","image":"i"}]}}}})");

  ASSERT_EQ(job.code, 201) << job.body;
  const auto uid = job.text({"metadata", "uid"});
  EXPECT_EQ(job.text({"spec", "selector", "matchLabels", "batch.kubernetes.io/controller-uid"}),
            uid);
  EXPECT_EQ(job.text({"spec", "template", "metadata", "labels", "controller-uid"}), uid);
  EXPECT_EQ(job.text({"spec", "template", "metadata", "labels", "batch.kubernetes.io/job-name"}),
            "j");
}

}  // namespace
}  // namespace keelson::apiserver
