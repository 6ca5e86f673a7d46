// SPDX-License-Identifier: Apache-2.0
// Kinds that bound others: limit ranges, quotas, disruption budgets, autoscalers, storage classes.
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

// A patch of the only limit.
std::string limit(std::string_view members) {
  return R"({"spec":{"limits":[{)" + std::string(members) + "}]}}";
}

struct BadLimit {
  std::string_view members;
  Texts expected;  // Without "spec.limits[0]." before each.
};

TEST(LimitRangeValidation, RefusesInUpstreamsWords) {
  const BadLimit table[] = {
      {R"("type":"Robot","max":{"cpu":"1"})",
       {R"(type: Invalid value: "Robot": must be a standard limit type or fully qualified)"}},
      {R"("type":"Pod","default":{"cpu":"1"},"defaultRequest":{"cpu":"1"})",
       {"default: Forbidden: may not be specified when `type` is 'Pod'",
        "defaultRequest: Forbidden: may not be specified when `type` is 'Pod'"}},
      {R"("type":"PersistentVolumeClaim")",
       {"limits: Required value: either minimum or maximum storage value is required, but neither "
        "was provided"}},
      {R"("type":"Pod","max":{"storage":"1"})",
       {R"(max[storage]: Invalid value: "storage": must be a standard resource for containers)"}},
      {R"("type":"Pod","max":{"cpu":"1"},"min":{"cpu":"2"})",
       {R"(min[cpu]: Invalid value: "2": min value 2 is greater than max value 1)"}},
      {R"("type":"Container","max":{"cpu":"1"},"default":{"cpu":"1"},"defaultRequest":{"cpu":"2"})",
       {R"(defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than max )"
        "value 1",
        R"(defaultRequest[cpu]: Invalid value: "2": default request value 2 is greater than )"
        "default limit value 1"}},
      {R"("type":"Container","max":{"cpu":"1"},"default":{"cpu":"2"},"defaultRequest":{"cpu":"1"})",
       {R"(default[cpu]: Invalid value: "1": default value 2 is greater than max value 1)"}},
      {R"("type":"Container","maxLimitRequestRatio":{"cpu":"500m"})",
       {R"(maxLimitRequestRatio[cpu]: Invalid value: "500m": ratio 500m is less than 1)"}},
      {R"("type":"Pod","max":{"cpu":"4"},"min":{"cpu":"2"},"maxLimitRequestRatio":{"cpu":"3"})",
       {R"(maxLimitRequestRatio[cpu]: Invalid value: "3": ratio 3 is greater than max/min = )"
        "2.000000"}},
      {R"("type":"Container","default":{"example.com/gpu":"2"},"defaultRequest":{"example.com/gpu":"1"})",
       {R"(defaultRequest[example.com/gpu]: Invalid value: "1": default value 2 must equal to )"
        "defaultRequest value 1 in example.com/gpu"}},
  };
  for (const BadLimit& bad : table) {
    Texts expected;
    for (const auto& text : bad.expected) expected.push_back("spec.limits[0]." + text);
    EXPECT_EQ(validated(given("LimitRange", limit(bad.members))), expected) << bad.members;
  }
  expect_refused("LimitRange", {{R"({"spec":{"limits":[{"type":"Pod"},{"type":"Pod"}]}})",
                                 {R"(spec.limits[1].type: Duplicate value: "Pod")"}}});
}

TEST(ResourceQuotaValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "ResourceQuota",
      {
          {R"({"spec":{"hard":{"storage":"1"}}})",
           {R"(spec.hard[storage]: Invalid value: "storage": must be a standard resource for )"
            "quota"}},
          {R"({"spec":{"hard":{"gold":"1"}}})",
           {R"(spec.hard[gold]: Invalid value: "gold": must be a standard resource type or fully )"
            "qualified",
            R"(spec.hard[gold]: Invalid value: "gold": must be a standard resource for quota)"}},
          {R"({"spec":{"hard":{"pods":"1500m"}}})",
           {R"(spec.hard[pods]: Invalid value: "1500m": must be an integer)"}},
          {R"({"spec":{"scopes":["Sometimes"]}})",
           {R"(spec.scopes: Invalid value: ["Sometimes"]: unsupported scope)"}},
          {R"({"spec":{"hard":{"services":"1"},"scopes":["BestEffort"]}})",
           {R"(spec.scopes: Invalid value: ["BestEffort"]: unsupported scope applied to resource)"}},
          {R"({"spec":{"scopes":["Terminating","NotTerminating"]}})",
           {R"(spec.scopes: Invalid value: ["Terminating","NotTerminating"]: conflicting scopes)"}},
          {R"({"spec":{"scopeSelector":{"matchExpressions":[{"scopeName":"PriorityClass","operator":"In"}]}}})",
           {"spec.scopeSelector.matchExpressions.values: Required value: must be at least one "
            "value when `operator` is 'In' or 'NotIn' for scope selector"}},
      });
  EXPECT_EQ(validated(given("ResourceQuota",
                            R"({"spec":{"hard":{"count/deployments.apps":"1","requests.cpu":"1",)"
                            R"("requests.example.com/gpu":"2","hugepages-2Mi":"4Mi"}}})")),
            Texts());
}

TEST(ResourceQuotaUpdate, KeepsTheScopes) {
  EXPECT_EQ(validated_update(given("ResourceQuota", R"({"spec":{"scopes":["BestEffort"]}})"),
                             given("ResourceQuota")),
            Texts{R"(spec.scopes: Invalid value: ["BestEffort"]: field is immutable)"});
  EXPECT_EQ(validated_status_update(given("ResourceQuota", R"({"status":{"used":{"pods":"-1"}}})"),
                                    given("ResourceQuota")),
            Texts{R"(status.used[pods]: Invalid value: "-1": must be greater than or equal to 0)"});
}

TEST(DisruptionBudgetValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "PodDisruptionBudget",
      {
          {R"({"spec":{"maxUnavailable":1}})",
           {R"(spec: Invalid value: {"maxUnavailable":1,"minAvailable":1}: minAvailable and )"
            "maxUnavailable cannot be both set"}},
          {R"({"spec":{"minAvailable":-1}})",
           {"spec.minAvailable: Invalid value: -1: must be greater than or equal to 0"}},
          {R"({"spec":{"minAvailable":"101%"}})",
           {R"(spec.minAvailable: Invalid value: "101%": must not be greater than 100%)"}},
          {R"({"spec":{"minAvailable":"half"}})",
           {R"(spec.minAvailable: Invalid value: "half": a valid percent string must be a numeric )"
            "string followed by an ending '%' (e.g. '1%',  or '93%', regex used for validation is "
            "'[0-9]+%')"}},
          {R"({"spec":{"unhealthyPodEvictionPolicy":"Never"}})",
           {R"(spec.unhealthyPodEvictionPolicy: Unsupported value: "Never": supported values: )"
            R"("AlwaysAllow", "IfHealthyBudget")"}},
          {R"({"spec":{"selector":{"matchExpressions":[{"key":"a","operator":"In"}]}}})",
           {"spec.selector.matchExpressions[0].values: Required value: must be specified when "
            "`operator` is 'In' or 'NotIn'"}},
      });
  EXPECT_EQ(
      validated_status_update(given("PodDisruptionBudget", R"({"status":{"expectedPods":-1}})"),
                              given("PodDisruptionBudget")),
      Texts{"status.expectedPods: Invalid value: -1: must be greater than or equal to 0"});
}

TEST(AutoscalerValidation, RefusesInUpstreamsWords) {
  expect_refused(
      "HorizontalPodAutoscaler",
      {
          {R"({"spec":{"minReplicas":0}})",
           {"spec.minReplicas: Invalid value: 0: must be greater than or equal to 1"}},
          {R"({"spec":{"maxReplicas":0,"minReplicas":null}})",
           {"spec.maxReplicas: Invalid value: 0: must be greater than 0",
            "spec.maxReplicas: Invalid value: 0: must be greater than or equal to `minReplicas`"}},
          {R"({"spec":{"minReplicas":5}})",
           {"spec.maxReplicas: Invalid value: 3: must be greater than or equal to `minReplicas`"}},
          {R"({"spec":{"scaleTargetRef":{"kind":"","name":"a/b"}}})",
           {"spec.scaleTargetRef.kind: Required value",
            R"(spec.scaleTargetRef.name: Invalid value: "a/b": may not contain '/')"}},
          {R"({"spec":{"metrics":[{"type":"Weather"}]}})",
           {R"(spec.metrics[0].type: Unsupported value: "Weather": supported values: )"
            R"("ContainerResource", "External", "Object", "Pods", "Resource")"}},
          {R"({"spec":{"metrics":[{"type":"Pods"}]}})",
           {"spec.metrics[0].pods: Required value: must populate information for the given metric "
            "source"}},
          {R"({"spec":{"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Utilization"}}}]}})",
           {"spec.metrics[0].resource.target.averageUtilization: Required value: must set either a "
            "target raw value or a target utilization"}},
          {R"({"spec":{"metrics":[{"type":"Resource","resource":{"name":"cpu","target":{"type":"Odd","averageUtilization":0}}}]}})",
           {R"(spec.metrics[0].resource.target.type: Invalid value: "Odd": must be either )"
            "Utilization, Value, or AverageValue",
            "spec.metrics[0].resource.target.averageUtilization: Invalid value: 0: must be greater "
            "than 0"}},
          {R"({"spec":{"behavior":{"scaleDown":{"stabilizationWindowSeconds":3601}}}})",
           {"spec.behavior.scaleDown.stabilizationWindowSeconds: Invalid value: 3601: must be less "
            "than or equal to 3600"}},
          {R"({"spec":{"behavior":{"scaleUp":{"policies":[{"type":"Pods","value":0,"periodSeconds":1801}]}}}})",
           {"spec.behavior.scaleUp.policies[0].value: Invalid value: 0: must be greater than zero",
            "spec.behavior.scaleUp.policies[0].periodSeconds: Invalid value: 1801: must be less "
            "than or equal to 1800"}},
      });
}

TEST(StorageClassValidation, RefusesInUpstreamsWords) {
  expect_refused("StorageClass",
                 {{R"({"provisioner":""})", {"provisioner: Required value"}},
                  {R"({"reclaimPolicy":"Recycle"})",
                   {R"(reclaimPolicy: Unsupported value: "Recycle": supported values: "Delete", )"
                    R"("Retain")"}},
                  {R"({"volumeBindingMode":"Late"})",
                   {R"(volumeBindingMode: Unsupported value: "Late": supported values: )"
                    R"("Immediate", "WaitForFirstConsumer")"}},
                  {R"({"allowedTopologies":[{"matchLabelExpressions":[{"key":"zone"}]}]})",
                   {"allowedTopologies.matchLabelExpressions[0].values: Required value"}}});
}

TEST(StorageClassUpdate, KeepsWhatVolumesWereMadeBy) {
  const auto before = given("StorageClass");
  EXPECT_EQ(validated_update(given("StorageClass", R"({"allowVolumeExpansion":true})"), before),
            Texts());
  EXPECT_EQ(
      validated_update(
          given(
              "StorageClass",
              R"({"provisioner":"b.example.com/x","parameters":{"a":"b"},"reclaimPolicy":"Retain",)"
              R"("volumeBindingMode":"WaitForFirstConsumer"})"),
          before),
      (Texts{"parameters: Forbidden: updates to parameters are forbidden.",
             "provisioner: Forbidden: updates to provisioner are forbidden.",
             "reclaimPolicy: Forbidden: updates to reclaimPolicy are forbidden.",
             R"(volumeBindingMode: Invalid value: "WaitForFirstConsumer": field is immutable)"}));
}

}  // namespace
}  // namespace keelson::apiserver::testing
