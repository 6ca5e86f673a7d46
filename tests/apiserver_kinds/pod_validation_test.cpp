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
      {R"("resources":{"limits":{"gold":"1"}})",
       {R"(resources.limits[gold]: Invalid value: "gold": must be a standard resource type or )"
        "fully qualified",
        R"(resources.limits[gold]: Invalid value: "gold": must be a standard resource for )"
        "containers",
        R"(resources.requests[gold]: Invalid value: "gold": must be a standard resource type or )"
        "fully qualified",
        R"(resources.requests[gold]: Invalid value: "gold": must be a standard resource for )"
        "containers"}},
      {R"("resources":{"limits":{"hugepages-2Mi":"3Mi"}})",
       {R"(resources.limits[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer )"
        "multiple of hugepages-2Mi",
        R"(resources.requests[hugepages-2Mi]: Invalid value: "3Mi": 3Mi is not positive integer )"
        "multiple of hugepages-2Mi",
        "resources: Forbidden: HugePages require cpu or memory"}},
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
          {R"({"spec":{"dnsConfig":{"nameservers":["1.1.1.1","x"],"searches":["a_b.","-"]}}})",
           {R"(spec.dnsConfig.nameservers[1]: Invalid value: "x": must be a valid IP address, )"
            "(e.g. 10.9.8.7 or 2001:db8::ffff)",
            R"(spec.dnsConfig.searches[1]: Invalid value: "-": a lowercase RFC 1123 subdomain must )"
            "consist of lower case alphanumeric characters, '_', '-' or '.', and must start and "
            "end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
            "'_?[a-z0-9]([-_a-z0-9]*[a-z0-9])?(\\._?[a-z0-9]([-_a-z0-9]*[a-z0-9])?)*')"}},
          {R"({"spec":{"hostPID":true,"shareProcessNamespace":true}})",
           {"spec.shareProcessNamespace: Invalid value: true: ShareProcessNamespace and HostPID "
            "cannot both be enabled"}},
          {R"({"spec":{"securityContext":{"runAsUser":-1,"supplementalGroups":[-2]}}})",
           {"spec.securityContext.runAsUser: Invalid value: -1: must be between 0 and 4294967295, "
            "inclusive",
            "spec.securityContext.supplementalGroups[0]: Invalid value: -2: must be between 0 and "
            "4294967295, inclusive"}},
          {R"({"spec":{"schedulingGates":[{"name":"a.com/g"},{"name":"a.com/g"}]}})",
           {R"(spec.schedulingGates[1]: Duplicate value: "a.com/g")"}},
          {R"({"spec":{"hostAliases":[{"ip":"x","hostnames":["a"]}]}})",
           {R"(spec.hostAliases[0].ip: Invalid value: "x": must be a valid IP address, (e.g. )"
            "10.9.8.7 or 2001:db8::ffff)"}},
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

TEST(PodCreate, HasNeitherANodeWhileGatedNorEphemeralContainers) {
  EXPECT_EQ(
      validated_create(given(
          "Pod", R"({"spec":{"nodeName":"n","schedulingGates":[{"name":"example.com/g"}]}})")),
      Texts{"spec.nodeName: Forbidden: cannot be set until all schedulingGates have been "
            "cleared"});
  EXPECT_EQ(validated_create(
                given("Pod", R"({"spec":{"ephemeralContainers":[{"name":"e","image":"e:1"}]}})")),
            Texts{"spec.ephemeralContainers: Forbidden: cannot be set on create"});
}

TEST(PodUpdate, MayOnlyShortenTheDeadline) {
  const auto before = given("Pod", R"({"spec":{"activeDeadlineSeconds":10}})");
  EXPECT_EQ(validated_update(given("Pod", R"({"spec":{"activeDeadlineSeconds":5}})"), before),
            Texts());
  EXPECT_EQ(validated_update(given("Pod", R"({"spec":{"activeDeadlineSeconds":11}})"), before),
            Texts{"spec.activeDeadlineSeconds: Invalid value: 11: must be less than or equal to "
                  "previous value"});
  EXPECT_EQ(validated_update(given("Pod"), before),
            Texts{"spec.activeDeadlineSeconds: Invalid value: null: must not update from a "
                  "positive integer to nil value"});
}

TEST(PodUpdate, TightensTheRulesForNodesOfGatedPods) {
  const auto gated = [](std::string_view members) {
    return given(
        "Pod", R"({"spec":{"schedulingGates":[{"name":"a.com/g"}],)" + std::string(members) + "}}");
  };
  const auto affinity = [](std::string_view terms) {
    return R"("affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":)"
           R"({"nodeSelectorTerms":[)" +
           std::string(terms) + "]}}}";
  };
  const std::string one = R"({"matchExpressions":[{"key":"a","operator":"Exists"}]})";
  const std::string more =
      R"({"matchExpressions":[{"key":"a","operator":"Exists"},{"key":"b","operator":"Exists"}]})";
  struct Case {
    std::string before, now;
    Texts expected;
  };
  const std::string at =
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
      "nodeSelectorTerms";
  const Case table[] = {
      {R"("nodeSelector":{"a":"b"})", R"("nodeSelector":{"a":"b","c":"d"})", {}},
      {R"("nodeSelector":{"a":"b"})",
       R"("nodeSelector":{"a":"c"})",
       {R"(spec.nodeSelector: Invalid value: {"a":"c"}: only additions to spec.nodeSelector are )"
        "allowed (no mutations or deletions)"}},
      {R"("hostname":"h")", R"("hostname":"h",)" + affinity(one), {}},
      {affinity(one), affinity(more), {}},
      {affinity(more),
       affinity(one),
       {at + "[0]: Invalid value: " + one +
        ": only additions are allowed (no mutations or "
        "deletions)"}},
      {affinity(one),
       affinity(one + "," + one),
       {at + ": Invalid value: [" + one + "," + one +
        "]: no additions/deletions to non-empty "
        "NodeSelectorTerms list are allowed"}},
  };
  for (const Case& c : table) {
    EXPECT_EQ(validated_update(gated(c.now), gated(c.before)), c.expected) << c.now;
  }
}

TEST(PodUpdate, TakesGatesAwayOnly) {
  const auto before = given("Pod", R"({"spec":{"schedulingGates":[{"name":"a.com/g"}]}})");
  EXPECT_EQ(validated_update(given("Pod"), before), Texts());
  EXPECT_EQ(validated_update(given("Pod", R"({"spec":{"schedulingGates":[{"name":"a.com/h"}]}})"),
                             before),
            Texts{"spec.schedulingGates[0].name: Forbidden: only deletion is allowed, but found "
                  "new scheduling gate 'a.com/h'"});
  // Once it may be scheduled, nothing about nodes changes.
  const auto free =
      validated_update(given("Pod", R"({"spec":{"nodeSelector":{"a":"b"}}})"), given("Pod"));
  ASSERT_EQ(free.size(), 1u);
  EXPECT_TRUE(free[0].starts_with("spec: Forbidden: pod updates may not change")) << free[0];
}

TEST(PodUpdate, ShortensANegativeGracePeriod) {
  const auto before = given("Pod", R"({"spec":{"terminationGracePeriodSeconds":-5}})");
  EXPECT_EQ(
      validated_update(given("Pod", R"({"spec":{"terminationGracePeriodSeconds":1}})"), before),
      Texts());
  EXPECT_EQ(
      validated_update(given("Pod", R"({"spec":{"terminationGracePeriodSeconds":2}})"), before)
          .size(),
      1u);
}

TEST(EphemeralContainers, AreAddedOnly) {
  const auto one = given("Pod", R"({"spec":{"ephemeralContainers":[{"name":"e","image":"e:1"}]}})");
  const auto update = [](const api::Document& now, const api::Document& before) {
    return validated_subresource_update(now, before, "ephemeralcontainers");
  };
  EXPECT_EQ(update(one, given("Pod")), Texts());
  EXPECT_EQ(update(given("Pod"), one),
            Texts{"spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may "
                  "not be removed\n"});
  EXPECT_EQ(
      update(given("Pod", R"({"spec":{"ephemeralContainers":[{"name":"e","image":"e:2"}]}})"), one),
      Texts{"spec.ephemeralContainers: Forbidden: existing ephemeral containers \"e\" may "
            "not be changed\n"});
  const auto mirror =
      given("Pod", R"({"metadata":{"annotations":{"kubernetes.io/config.mirror":"x"}}})");
  EXPECT_EQ(update(one, mirror), Texts{": Forbidden: static pods do not support ephemeral "
                                       "containers"});
}

TEST(PodResize, ChangesProcessorsAndMemoryOnly) {
  const auto sized = [](std::string_view resources) {
    return given("Pod", container(R"("resources":)" + std::string(resources)));
  };
  const auto resize = [](const api::Document& now, const api::Document& before) {
    return validated_subresource_update(now, before, "resize");
  };
  const auto before = sized(R"({"requests":{"cpu":"1"}})");
  EXPECT_EQ(resize(sized(R"({"requests":{"cpu":"2"}})"), before), Texts());
  EXPECT_EQ(resize(sized(R"({"requests":{"memory":"1Gi"}})"), before),
            Texts{"spec.containers[0].resources.requests: Forbidden: resource requests cannot be "
                  "removed"});
  EXPECT_EQ(resize(sized(R"({"requests":{"cpu":"1","ephemeral-storage":"1Gi"}})"), before),
            Texts{"spec: Forbidden: only cpu and memory resources are mutable"});
  const auto guaranteed = resize(
      sized(R"({"requests":{"cpu":"1","memory":"1Gi"},"limits":{"cpu":"1","memory":"1Gi"}})"),
      before);
  EXPECT_EQ(guaranteed, Texts{R"(spec: Invalid value: "": Pod QOS Class may not change as a )"
                              "result of resizing"});
}

TEST(PodStatus, DoesNotBringContainersBack) {
  const auto with_state = [](std::string_view restart, std::string_view state) {
    return given("Pod", R"({"spec":{"restartPolicy":")" + std::string(restart) +
                            R"("},"status":{"containerStatuses":[{"name":"web","state":)" +
                            std::string(state) + "}]}}");
  };
  const std::string ended = R"({"terminated":{"exitCode":0}})";
  const std::string running = R"({"running":{}})";
  EXPECT_EQ(validated_status_update(with_state("Always", running), with_state("Always", ended)),
            Texts());
  EXPECT_EQ(validated_status_update(with_state("Never", running), with_state("Never", ended)),
            Texts{"status.containerStatuses[0].state: Forbidden: may not be transitioned to "
                  "non-terminated state"});
  EXPECT_EQ(validated_status_update(given("Pod", R"({"status":{"qosClass":"Burstable"}})"),
                                    given("Pod", R"({"status":{"qosClass":"Guaranteed"}})")),
            Texts{R"(status.qosClass: Invalid value: "Burstable": field is immutable)"});
}

}  // namespace
}  // namespace keelson::apiserver::testing
