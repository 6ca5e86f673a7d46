// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

// A patch of the pod's only container.
std::string container(std::string_view members) {
  return R"({"spec":{"containers":[{"name":"web","image":"web:1",)" + std::string(members) + "}]}}";
}

struct BadContainer {
  std::string_view members;
  Texts expected;  // Without "spec.containers[0]." before each.
};

TEST(PodValidation, RefusesContainersInUpstreamsWords) {
  const BadContainer table[] = {
      {R"("ports":[{"containerPort":0}])", {"ports[0].containerPort: Required value"}},
      {R"("ports":[{"containerPort":70000}])",
       {"ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive"}},
      {R"("ports":[{"containerPort":80,"protocol":"ICMP"}])",
       {R"(ports[0].protocol: Unsupported value: "ICMP": supported values: "SCTP", "TCP", "UDP")"}},
      {R"("ports":[{"containerPort":80,"name":"a"},{"containerPort":81,"name":"a"}])",
       {R"(ports[1].name: Duplicate value: "a")"}},
      {R"("ports":[{"containerPort":80,"hostPort":8080},{"containerPort":81,"hostPort":8080}])",
       {R"(ports[1].hostPort: Duplicate value: "TCP//8080")"}},
      {R"("env":[{"name":""}])", {"env[0].name: Required value"}},
      {R"("env":[{"name":"A","valueFrom":{}}])",
       {R"(env[0].valueFrom: Invalid value: "": must specify one of: `fieldRef`, )"
        "`resourceFieldRef`, `configMapKeyRef` or `secretKeyRef`"}},
      {R"("env":[{"name":"A","value":"1","valueFrom":{"fieldRef":{"fieldPath":"metadata.name"}}}])",
       {R"(env[0].valueFrom: Invalid value: "": may not be specified when `value` is not empty)"}},
      {R"("env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"spec.wrong"}}}])",
       {R"(env[0].valueFrom.fieldRef.fieldPath: Invalid value: "spec.wrong": error converting )"
        "fieldPath: field label not supported: spec.wrong"}},
      {R"("volumeMounts":[{"name":"data","mountPath":"/data"}])",
       {R"(volumeMounts[0].name: Not found: "data")"}},
      {R"("resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}})",
       {R"(resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1)"}},
      {R"("resources":{"limits":{"memory":"-1"}})",
       {R"(resources.limits[memory]: Invalid value: "-1": must be greater than or equal to 0)",
        // The limit is the request's default.
        R"(resources.requests[memory]: Invalid value: "-1": must be greater than or equal to 0)"}},
      {R"("livenessProbe":{})", {"livenessProbe: Required value: must specify a handler type"}},
      {R"("livenessProbe":{"exec":{"command":["true"]},"successThreshold":2})",
       {"livenessProbe.successThreshold: Invalid value: 2: must be 1"}},
      {R"("readinessProbe":{"exec":{"command":[]},"periodSeconds":-1})",
       {"readinessProbe.exec.command: Required value",
        "readinessProbe.periodSeconds: Invalid value: -1: must be greater than or equal to 0"}},
      {R"("lifecycle":{"preStop":{"exec":{"command":["a"]},"httpGet":{"path":"/","port":80}}})",
       {"lifecycle.preStop.httpGet: Forbidden: may not specify more than 1 handler type"}},
      {R"("imagePullPolicy":"Sometimes")",
       {R"(imagePullPolicy: Unsupported value: "Sometimes": supported values: "Always", )"
        R"("IfNotPresent", "Never")"}},
  };
  for (const BadContainer& bad : table) {
    Texts expected;
    for (const auto& text : bad.expected) expected.push_back("spec.containers[0]." + text);
    EXPECT_EQ(validated(given("Pod", container(bad.members))), expected) << bad.members;
  }
}

TEST(PodValidation, RefusesSpecsInUpstreamsWords) {
  expect_refused(
      "Pod",
      {
          {R"({"spec":{"containers":[]}})", {"spec.containers: Required value"}},
          {R"({"spec":{"containers":[{"name":"","image":""}]}})",
           {"spec.containers[0].name: Required value", "spec.containers[0].image: Required value"}},
          {R"({"spec":{"containers":[{"name":"a","image":"a"},{"name":"a","image":"a"}]}})",
           {R"(spec.containers[1].name: Duplicate value: "a")"}},
          {R"({"spec":{"containers":[{"name":"a","image":" a"}]}})",
           {R"(spec.containers[0].image: Invalid value: " a": must not have leading or trailing )"
            "whitespace"}},
          {R"({"spec":{"initContainers":[{"name":"i","image":"i","lifecycle":{"preStop":{"exec":{"command":["a"]}}}}]}})",
           {"spec.initContainers[0].lifecycle: Forbidden: may not be set for init containers "
            "without restartPolicy=Always"}},
          {R"({"spec":{"restartPolicy":"Perhaps"}})",
           {R"(spec.restartPolicy: Unsupported value: "Perhaps": supported values: "Always", )"
            R"("Never", "OnFailure")"}},
          {R"({"spec":{"volumes":[{"name":"a","secret":{}}]}})",
           {"spec.volumes[0].secret.secretName: Required value"}},
          {R"({"spec":{"volumes":[{"name":"a","emptyDir":{}},{"name":"a","emptyDir":{}}]}})",
           {R"(spec.volumes[1].name: Duplicate value: "a")"}},
          {R"({"spec":{"volumes":[{"name":"a","emptyDir":{},"hostPath":{"path":"/"}}]}})",
           {"spec.volumes[0].hostPath: Forbidden: may not specify more than 1 volume type"}},
          {R"({"spec":{"activeDeadlineSeconds":0}})",
           {"spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, "
            "inclusive"}},
          {R"({"spec":{"tolerations":[{"operator":"Equal","value":"a"}]}})",
           {R"(spec.tolerations[0].operator: Invalid value: "Equal": operator must be Exists when )"
            R"(`key` is empty, which means "match all values and all keys")"}},
          {R"({"spec":{"topologySpreadConstraints":[{"maxSkew":0,"topologyKey":"zone","whenUnsatisfiable":"DoNotSchedule"}]}})",
           {"spec.topologySpreadConstraints[0].maxSkew: Invalid value: 0: must be greater than "
            "zero"}},
          {R"({"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"Like"}]}]}}}}})",
           {"spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
            "nodeSelectorTerms[0].matchExpressions[0].operator: Invalid value: \"Like\": not a "
            "valid selector operator"}},
          {R"({"spec":{"dnsPolicy":"None"}})",
           {"spec.dnsConfig: Required value: must provide `dnsConfig` when `dnsPolicy` is None"}},
      });
}

TEST(PodUpdate, AllowsOnlyWhatUpstreamAllows) {
  const auto before = given("Pod", R"({"spec":{"tolerations":[{"key":"a","operator":"Exists"}]}})");
  const std::string same = R"("tolerations":[{"key":"a","operator":"Exists"}])";
  EXPECT_EQ(validated_update(before, before), Texts());
  EXPECT_EQ(
      validated_update(given("Pod", R"({"spec":{"containers":[{"name":"web","image":"web:2"}],)" +
                                        same + R"(,"activeDeadlineSeconds":5}})"),
                       before),
      Texts());
  EXPECT_EQ(
      validated_update(given("Pod", R"({"spec":{"tolerations":[{"key":"a","operator":"Exists"},)"
                                    R"({"key":"b","operator":"Exists"}]}})"),
                       before),
      Texts());
  EXPECT_EQ(validated_update(given("Pod"), before),
            Texts{"spec.tolerations: Forbidden: existing toleration can not be modified except its "
                  "tolerationSeconds"});
  const auto moved =
      validated_update(given("Pod", R"({"spec":{"hostNetwork":true,)" + same + "}}"), before);
  ASSERT_EQ(moved.size(), 1u);
  EXPECT_TRUE(moved[0].starts_with(
      "spec: Forbidden: pod updates may not change fields other than `spec.containers[*].image`"))
      << moved[0];
  EXPECT_EQ(
      validated_update(given("Pod", R"({"spec":{"containers":[{"name":"web","image":"web:1"},)"
                                    R"({"name":"b","image":"b"}],)" +
                                        same + "}}"),
                       before),
      Texts{"spec.containers: Forbidden: pod updates may not add or remove containers"});
}

}  // namespace
}  // namespace keelson::apiserver::testing
