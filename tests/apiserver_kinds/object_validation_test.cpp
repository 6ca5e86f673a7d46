// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

TEST(ServiceValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Service",
      {
          {R"({"spec":{"ports":[]}})", {"spec.ports: Required value"}},
          {R"({"spec":{"ports":[{"port":80},{"port":81,"name":"a"}]}})",
           {"spec.ports[0].name: Required value"}},
          {R"({"spec":{"ports":[{"port":80,"name":"a"},{"port":81,"name":"a"}]}})",
           {R"(spec.ports[1].name: Duplicate value: "a")"}},
          {R"({"spec":{"ports":[{"port":80,"nodePort":30000}]}})",
           {"spec.ports[0].nodePort: Forbidden: may not be used when `type` is 'ClusterIP'"}},
          {R"({"spec":{"type":"Sometimes"}})",
           {R"(spec.type: Unsupported value: "Sometimes": supported values: "ClusterIP", )"
            R"("ExternalName", "LoadBalancer", "NodePort")"}},
          {R"({"spec":{"type":"ExternalName"}})", {"spec.externalName: Required value"}},
          {R"({"spec":{"externalTrafficPolicy":"Local"}})",
           {R"(spec.externalTrafficPolicy: Invalid value: "Local": may only be set for )"
            "externally-accessible services"}},
      });
  EXPECT_EQ(validated(given("Service",
                            R"({"spec":{"clusterIP":"None","clusterIPs":["None"],"ports":[]}})")),
            Texts());
}

TEST(ServiceUpdate, KeepsTheClusterIp) {
  const auto before =
      given("Service", R"({"spec":{"clusterIP":"10.0.0.1","clusterIPs":["10.0.0.1"]}})");
  const auto now =
      given("Service", R"({"spec":{"clusterIP":"10.0.0.2","clusterIPs":["10.0.0.2"]}})");
  EXPECT_EQ(validated_update(before, before), Texts());
  EXPECT_EQ(validated_update(now, before),
            Texts{R"(spec.clusterIPs[0]: Invalid value: ["10.0.0.2"]: may not change once set)"});
}

TEST(WorkloadValidation, RefusesSelectorsThatDoNotSelectTheTemplate) {
  const std::string_view names[][2] = {{"Deployment", "deployment"},
                                       {"ReplicaSet", "deployment"},
                                       {"DaemonSet", "daemonset"},
                                       {"StatefulSet", "statefulset"}};
  for (const auto& [kind, name] : names) {
    expect_refused(kind, {
                             {R"({"spec":{"selector":null}})", {"spec.selector: Required value"}},
                             {R"({"spec":{"selector":{"matchLabels":null}}})",
                              {"spec.selector: Invalid value: {}: empty selector is invalid for " +
                               std::string(name)}},
                             {R"({"spec":{"selector":{"matchLabels":{"app":"db"}}}})",
                              {R"(spec.template.metadata.labels: Invalid value: {"app":"web"}: )"
                               "`selector` does not match template `labels`"}},
                             {R"({"spec":{"template":{"spec":{"restartPolicy":"Never"}}}})",
                              {R"(spec.template.spec.restartPolicy: Unsupported value: "Never": )"
                               R"(supported values: "Always")"}},
                         });
  }
  expect_refused("ReplicationController",
                 {{R"({"spec":{"selector":{"app":"db"}}})",
                   {R"(spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` )"
                    "does not match template `labels`"}},
                  {R"({"spec":{"minReadySeconds":-1}})",
                   {"spec.minReadySeconds: Invalid value: -1: must be greater than or equal to 0"}},
                  {R"({"spec":{"replicas":-1}})",
                   {"spec.replicas: Invalid value: -1: must be greater than or equal to 0"}}});
}

TEST(DeploymentValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Deployment",
      {
          {R"({"spec":{"replicas":-1}})",
           {"spec.replicas: Invalid value: -1: must be greater than or equal to 0"}},
          {R"({"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":0,"maxSurge":0}}}})",
           {"spec.strategy.rollingUpdate.maxUnavailable: Invalid value: 0: may not be 0 when "
            "`maxSurge` is 0"}},
          {R"({"spec":{"strategy":{"type":"Recreate","rollingUpdate":{"maxSurge":1}}}})",
           {"spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is "
            "'Recreate'"}},
          {R"({"spec":{"strategy":{"rollingUpdate":{"maxUnavailable":"101%","maxSurge":"200%"}}}})",
           {R"(spec.strategy.rollingUpdate.maxUnavailable: Invalid value: "101%": must not be )"
            "greater than 100%"}},
          {R"({"spec":{"template":{"metadata":{"labels":{"app":"web","a b":"c"}}}}})",
           {R"(spec.template.labels: Invalid value: "a b": name part must consist of alphanumeric )"
            "characters, '-', '_' or '.', and must start and end with an alphanumeric character "
            "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is "
            "'([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"}},
          {R"({"spec":{"progressDeadlineSeconds":5,"minReadySeconds":5}})",
           {"spec.progressDeadlineSeconds: Invalid value: 5: must be greater than "
            "minReadySeconds"}},
          {R"({"spec":{"template":{"spec":{"containers":[{"name":"web"}]}}}})",
           {"spec.template.spec.containers[0].image: Required value"}},
      });
}

TEST(DaemonSetValidation, RollsEitherWay) {
  expect_refused(
      "DaemonSet",
      {{R"({"spec":{"updateStrategy":{"rollingUpdate":{"maxSurge":1}}}})",
        {"spec.updateStrategy.rollingUpdate.maxSurge: Invalid value: 1: may not be set when "
         "maxUnavailable is non-zero"}},
       {R"({"spec":{"updateStrategy":{"rollingUpdate":{"maxUnavailable":0}}}})",
        {"spec.updateStrategy.rollingUpdate.maxUnavailable: Required value: cannot be 0 when "
         "maxSurge is 0"}}});
}

TEST(WorkloadStatus, CountsPartsOfTheWhole) {
  for (const std::string_view kind : {"Deployment", "ReplicaSet", "ReplicationController"}) {
    EXPECT_EQ(
        validated_status_update(given(kind, R"({"status":{"replicas":1,"readyReplicas":2}})"),
                                given(kind)),
        Texts{"status.readyReplicas: Invalid value: 2: cannot be greater than status.replicas"})
        << kind;
    EXPECT_EQ(
        validated_status_update(
            given(kind, R"({"status":{"replicas":2,"readyReplicas":1,"availableReplicas":2}})"),
            given(kind)),
        Texts{"status.availableReplicas: Invalid value: 2: cannot be greater than "
              "readyReplicas"})
        << kind;
  }
  EXPECT_EQ(validated_status_update(given("Deployment"),
                                    given("Deployment", R"({"status":{"collisionCount":2}})")),
            Texts{"status.collisionCount: Invalid value: 0: cannot be decremented"});
}

TEST(WorkloadStatus, CountsNothingTwice) {
  EXPECT_EQ(validated_status_update(given("DaemonSet", R"({"status":{"numberReady":-1}})"),
                                    given("DaemonSet")),
            Texts{"status.numberReady: Invalid value: -1: must be greater than or equal to 0"});
  EXPECT_EQ(validated_status_update(
                given("StatefulSet", R"({"status":{"replicas":1,"currentReplicas":2}})"),
                given("StatefulSet")),
            Texts{"status.currentReplicas: Invalid value: 2: cannot be greater than "
                  "status.replicas"});
}

TEST(StatefulSetValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "StatefulSet",
      {{R"({"spec":{"updateStrategy":{"type":"OnDelete","rollingUpdate":{"partition":1}}}})",
        {R"(spec.updateStrategy.rollingUpdate: Invalid value: {"partition":1}: only allowed for )"
         "updateStrategy 'RollingUpdate'"}},
       {R"({"spec":{"updateStrategy":{"rollingUpdate":{"partition":-1}}}})",
        {"spec.updateStrategy.rollingUpdate.partition: Invalid value: -1: must be greater than or "
         "equal to 0"}}});
}

TEST(PodTemplateValidation, LooksIntoTheTemplate) {
  expect_refused("PodTemplate", {{R"({"template":{"spec":{"containers":[]}}})",
                                  {"template.spec.containers: Required value"}}});
}

TEST(WorkloadUpdate, KeepsTheSelector) {
  const std::string_view other =
      R"({"spec":{"selector":{"matchLabels":{"app":"db"}},"template":{"metadata":{"labels":{"app":"db"}}}}})";
  for (const std::string_view kind : {"Deployment", "ReplicaSet", "DaemonSet"}) {
    EXPECT_EQ(validated_update(given(kind, other), given(kind)),
              Texts{R"(spec.selector: Invalid value: {"matchLabels":{"app":"db"}}: field is )"
                    "immutable"})
        << kind;
  }
  EXPECT_EQ(validated_update(given("StatefulSet", R"({"spec":{"serviceName":"other"}})"),
                             given("StatefulSet")),
            Texts{"spec: Forbidden: updates to statefulset spec for fields other than 'replicas', "
                  "'ordinals', 'template', 'updateStrategy', 'revisionHistoryLimit', "
                  "'persistentVolumeClaimRetentionPolicy' and 'minReadySeconds' are forbidden"});
  EXPECT_EQ(
      validated_update(given("StatefulSet", R"({"spec":{"replicas":3}})"), given("StatefulSet")),
      Texts());
}

TEST(ConfigMapValidation, RefusesKeysAndChangesOfImmutableOnes) {
  expect_refused("ConfigMap", {{R"({"binaryData":{"a":"MQ=="}})",
                                {R"(data[a]: Invalid value: "a": duplicate of key present in )"
                                 "binaryData"}}});
  const auto before = given("ConfigMap", R"({"immutable":true})");
  EXPECT_EQ(validated_update(before, before), Texts());
  EXPECT_EQ(validated_update(given("ConfigMap", R"({"immutable":true,"data":{"a":"2"}})"), before),
            Texts{"data: Forbidden: field is immutable when `immutable` is set"});
  EXPECT_EQ(validated_update(given("ConfigMap"), before),
            Texts{"immutable: Forbidden: field is immutable when `immutable` is set"});
}

TEST(SecretValidation, AsksForWhatTheTypeNeeds) {
  expect_refused("Secret",
                 {
                     {R"({"type":"kubernetes.io/tls"})",
                      {"data[tls.crt]: Required value", "data[tls.key]: Required value"}},
                     {R"({"type":"kubernetes.io/dockerconfigjson"})",
                      {"data[.dockerconfigjson]: Required value"}},
                     {R"({"type":"kubernetes.io/ssh-auth","data":{"ssh-privatekey":""}})",
                      {"data[ssh-privatekey]: Required value"}},
                     {R"({"type":"kubernetes.io/dockercfg","data":{".dockercfg":"W10="}})",
                      {R"(data[.dockercfg]: Invalid value: "<secret contents redacted>": json: )"
                       "cannot unmarshal array into Go value of type map[string]interface {}"}},
                     {R"({"type":"kubernetes.io/basic-auth"})",
                      {"data[username]: Required value", "data[password]: Required value"}},
                     {R"({"type":"kubernetes.io/service-account-token"})",
                      {"metadata.annotations[kubernetes.io/service-account.name]: Required value"}},
                 });
  EXPECT_EQ(validated_update(given("Secret", R"({"type":"example.com/a"})"), given("Secret")),
            Texts{R"(type: Invalid value: "example.com/a": field is immutable)"});
}

TEST(SecretStrategy, WritesStringDataIntoData) {
  auto secret = given("Secret", R"({"stringData":{"a":"2","b":"3"}})");
  prepare_for_create(secret);
  EXPECT_EQ(api::find_at(secret, {"stringData"}), nullptr);
  EXPECT_EQ(api::string_at(secret, {"data", "a"}), "Mg==");
  EXPECT_EQ(api::string_at(secret, {"data", "b"}), "Mw==");
}

TEST(RbacValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Role", {{R"({"rules":[{"apiGroups":[""],"resources":["pods"]}]})",
                {"rules[0].verbs: Required value: verbs must contain at least one value"}},
               {R"({"rules":[{"verbs":["get"],"nonResourceURLs":["/healthz"]}]})",
                {R"(rules[0].nonResourceURLs: Invalid value: ["/healthz"]: namespaced rules )"
                 "cannot apply to non-resource URLs"}},
               {R"({"rules":[{"verbs":["get"],"resources":["pods"]}]})",
                {"rules[0].apiGroups: Required value: resource rules must supply at least one api "
                 "group"}}});
  expect_refused(
      "ClusterRole",
      {{R"({"aggregationRule":{}})",
        {"aggregationRule.clusterRoleSelectors: Required value: at least one "
         "clusterRoleSelector required if aggregationRule is non-nil"}},
       {R"({"rules":[{"verbs":["get"],"resources":["pods"],"nonResourceURLs":["/a"]}]})",
        {R"(rules[0].nonResourceURLs: Invalid value: ["/a"]: rules cannot apply to both )"
         "regular resources and non-resource URLs"}}});
  expect_refused(
      "ClusterRoleBinding",
      {{R"({"roleRef":{"kind":"Role"}})",
        {R"(roleRef.kind: Unsupported value: "Role": supported values: "ClusterRole")"}},
       {R"({"roleRef":{"name":""}})", {"roleRef.name: Required value"}},
       {R"({"subjects":[{"kind":"ServiceAccount","name":"a"}]})",
        {"subjects[0].namespace: Required value"}},
       {R"({"subjects":[{"kind":"Robot","name":"a"}]})",
        {R"(subjects[0].kind: Unsupported value: "Robot": supported values: "ServiceAccount", )"
         R"("User", "Group")"}}});
}

TEST(JobValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "Job",
      {
          {R"({"spec":{"template":{"spec":{"restartPolicy":"Always"}}}})",
           {R"(spec.template.spec.restartPolicy: Required value: valid values: "OnFailure", )"
            R"("Never")"}},
          {R"({"spec":{"parallelism":-1}})",
           {"spec.parallelism: Invalid value: -1: must be greater than or equal to 0"}},
          {R"({"spec":{"completionMode":"Indexed","parallelism":2}})",
           {"spec.completions: Required value: when completion mode is Indexed"}},
          {R"({"spec":{"selector":{"matchLabels":{"app":"db"}}}})",
           {R"(spec.template.metadata.labels: Invalid value: {"app":"web"}: `selector` does not )"
            "match template `labels`"}},
      });
}

TEST(JobUpdate, KeepsCompletionsAndTheTemplate) {
  const auto before = given("Job", R"({"spec":{"completions":2}})");
  EXPECT_EQ(validated_update(given("Job", R"({"spec":{"completions":2,"parallelism":3}})"), before),
            Texts());
  EXPECT_EQ(validated_update(given("Job", R"({"spec":{"completions":3}})"), before),
            Texts{"spec.completions: Invalid value: 3: field is immutable"});
  const std::string_view other =
      R"({"spec":{"template":{"spec":{"containers":[{"name":"web","image":"web:2"}]}}}})";
  const auto texts = validated_update(given("Job", other), given("Job"));
  ASSERT_EQ(texts.size(), 1u);
  EXPECT_TRUE(texts[0].starts_with("spec.template: Invalid value: {")) << texts[0];
  EXPECT_TRUE(texts[0].ends_with("}: field is immutable")) << texts[0];
  EXPECT_EQ(validated_update(given("Job", other), given("Job", R"({"spec":{"suspend":true}})")),
            Texts());
}

TEST(VolumeValidation, RefusesInUpstreamsWords) {
  expect_refused("PersistentVolumeClaim",
                 {{R"({"spec":{"accessModes":null}})",
                   {"spec.accessModes: Required value: at least 1 access mode is required"}},
                  {R"({"spec":{"accessModes":["ReadWriteOnce","ReadWriteOncePod"]}})",
                   {"spec.accessModes: Forbidden: may not use ReadWriteOncePod with other access "
                    "modes"}},
                  {R"({"spec":{"resources":null}})", {"spec.resources[storage]: Required value"}}});
  expect_refused("PersistentVolume",
                 {{R"({"spec":{"capacity":null}})", {"spec.capacity: Required value"}},
                  {R"({"spec":{"accessModes":null}})", {"spec.accessModes: Required value"}}});
}

TEST(ClaimUpdate, GrowsOnceItIsBound) {
  const auto claim = [](std::string_view size, std::string_view phase,
                        std::string_view more = "\"volumeMode\":\"Filesystem\"") {
    return given("PersistentVolumeClaim", R"({"spec":{"resources":{"requests":{"storage":")" +
                                              std::string(size) + R"("}},)" + std::string(more) +
                                              R"(},"status":{"phase":")" + std::string(phase) +
                                              R"(","capacity":{"storage":"1Gi"}}})");
  };
  const std::string immutable =
      "spec: Forbidden: spec is immutable after creation except resources.requests and "
      "volumeAttributesClassName for bound claims";
  EXPECT_EQ(validated_update(claim("2Gi", "Bound"), claim("1Gi", "Bound")), Texts());
  EXPECT_EQ(validated_update(claim("2Gi", "Pending"), claim("1Gi", "Pending")), Texts{immutable});
  EXPECT_EQ(validated_update(claim("1Gi", "Bound"), claim("2Gi", "Bound")),
            Texts{"spec.resources.requests.storage: Forbidden: field can not be less than "
                  "status.capacity"});
  EXPECT_EQ(
      validated_update(claim("1Gi", "Pending", R"("volumeName":"v")"), claim("1Gi", "Pending")),
      Texts());
  EXPECT_EQ(validated_update(claim("1Gi", "Bound", R"("volumeName":"w")"),
                             claim("1Gi", "Bound", R"("volumeName":"v")")),
            Texts{immutable});
}

TEST(PriorityClassValidation, KeepsTheHighestForTheSystem) {
  expect_refused(
      "PriorityClass",
      {{R"({"value":1000000001})",
        {"value: Forbidden: maximum allowed value of a user defined priority is 1000000000"}},
       {R"({"metadata":{"name":"system-mine"}})",
        {"metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for "
         "system use only. error: system-mine is not a known system priority class"}},
       {R"({"metadata":{"name":"system-node-critical"}})",
        {"metadata.name: Forbidden: priority class names with 'system-' prefix are reserved for "
         "system use only. error: value of system-node-critical PriorityClass must be "
         "2000001000"}}});
}

TEST(RuntimeClassUpdate, KeepsTheHandler) {
  EXPECT_EQ(
      validated_update(given("RuntimeClass", R"({"handler":"other"})"), given("RuntimeClass")),
      Texts{R"(handler: Invalid value: "other": field is immutable)"});
}

TEST(PriorityClassUpdate, KeepsTheValue) {
  EXPECT_EQ(validated_update(given("PriorityClass", R"({"value":6})"), given("PriorityClass")),
            Texts{"value: Forbidden: may not be changed in an update."});
}

TEST(SchemaCheck, RefusesUnknownValuesOfKindsWithoutRulesOfTheirOwn) {
  expect_refused("NetworkPolicy",
                 {{R"({"spec":{"policyTypes":["Sideways"]}})",
                   {R"(spec.policyTypes[0]: Unsupported value: "Sideways": supported values: )"
                    R"("Egress", "Ingress")"}}});
}

}  // namespace
}  // namespace keelson::apiserver::testing
