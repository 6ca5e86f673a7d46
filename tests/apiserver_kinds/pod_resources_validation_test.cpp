// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

std::string container(std::string_view members) {
  return R"({"spec":{"containers":[{"name":"web","image":"web:1",)" + std::string(members) + "}]}}";
}

TEST(PodResources, OfTheWholeCoverTheParts) {
  expect_refused(
      "Pod",
      {
          {R"({"spec":{"resources":{"requests":{"cpu":"2"},"limits":{"cpu":"1"}}}})",
           {R"(spec.resources.requests: Invalid value: "2": must be less than or equal to cpu )"
            "limit of 1"}},
          {R"({"spec":{"resources":{"limits":{"nvidia.com/gpu":"1"},"requests":{"nvidia.com/gpu":"1"}}}})",
           {R"(spec.resources.limits[nvidia.com/gpu]: Unsupported value: "nvidia.com/gpu": )"
            R"(supported values: "cpu", "hugepages-", "memory")",
            R"(spec.resources.requests[nvidia.com/gpu]: Unsupported value: "nvidia.com/gpu": )"
            R"(supported values: "cpu", "hugepages-", "memory")"}},
          {R"({"spec":{"resources":{"requests":{"cpu":"1"},"limits":{"cpu":"1"}},"containers":[{"name":"web","image":"web:1","resources":{"requests":{"cpu":"2"},"limits":{"cpu":"2"}}}]}})",
           {R"(spec.resources.requests[cpu]: Invalid value: "1": must be greater than or equal to )"
            "aggregate container requests of 2",
            R"(spec.resources.containers[0][cpu].limits: Invalid value: "2": must be less than or )"
            "equal to pod limits of 1"}},
      });
}

TEST(PodResources, ClaimWhatThePodHas) {
  const std::string claims = R"("resourceClaims":[{"name":"gpu","resourceClaimName":"c"}])";
  const std::string start =
      R"({"spec":{)" + claims +
      R"(,"containers":[{"name":"web","image":"web:1","resources":{"claims":[)";
  const auto with = [&](std::string_view list) {
    return validated(given("Pod", start + std::string(list) + "]}}]}}"));
  };
  EXPECT_EQ(with(R"({"name":"gpu"})"), Texts());
  EXPECT_EQ(with(R"({"name":"gpu","request":"a"},{"name":"gpu","request":"b"})"), Texts());
  EXPECT_EQ(with(R"({"name":"other"})"),
            Texts{R"(spec.containers[0].resources.claims[0]: Not found: "other": must be one of )"
                  "the names in pod.spec.resourceClaims: gpu"});
  EXPECT_EQ(with(R"({"name":"gpu","request":"a"},{"name":"gpu"})"),
            Texts{R"(spec.containers[0].resources.claims[1]: Duplicate value: "gpu")"});
  EXPECT_EQ(validated(given("Pod", container(R"("resources":{"claims":[{"name":"other"}]})"))),
            Texts{R"(spec.containers[0].resources.claims[0]: Not found: "other": must be one of )"
                  "the names in pod.spec.resourceClaims which is empty"});
  expect_refused(
      "Pod",
      {
          {R"({"spec":{"resourceClaims":[{"name":"a","resourceClaimName":"c"},{"name":"a","resourceClaimName":"c"}]}})",
           {R"(spec.resourceClaims[1].name: Duplicate value: "a")"}},
          {R"({"spec":{"resourceClaims":[{"name":"a"}]}})",
           {R"(spec.resourceClaims[0]: Invalid value: {"name":"a"}: must specify one of: )"
            "`resourceClaimName`, `resourceClaimTemplateName`"}},
      });
}

TEST(PodResources, RefuseResizePoliciesOfOtherThings) {
  EXPECT_EQ(
      validated(given(
          "Pod", container(R"("resizePolicy":[{"resourceName":"disk","restartPolicy":"X"}])"))),
      (Texts{R"(spec.containers[0].resizePolicy: Unsupported value: "disk": supported values: )"
             R"("cpu", "memory")",
             R"(spec.containers[0].resizePolicy: Unsupported value: "X": supported values: )"
             R"("NotRequired", "RestartContainer")"}));
  EXPECT_EQ(
      validated(given(
          "Pod",
          R"({"spec":{"restartPolicy":"Never","containers":[{"name":"web","image":"web:1","resizePolicy":[{"resourceName":"cpu","restartPolicy":"RestartContainer"}]}]}})")),
      Texts{R"(spec.containers[0].resizePolicy: Invalid value: "RestartContainer": must be )"
            "'NotRequired' when `restartPolicy` is 'Never'"});
}

TEST(PodContainers, LearnOnlyWhatIsThere) {
  const std::string resources =
      R"("limits.cpu", "limits.ephemeral-storage", "limits.memory", "requests.cpu", )"
      R"("requests.ephemeral-storage", "requests.memory")";
  const auto variable = [](std::string_view source) {
    return validated(given(
        "Pod", container(R"("env":[{"name":"A","valueFrom":{)" + std::string(source) + "}}]")));
  };
  const std::string at = "spec.containers[0].env[0].valueFrom.";
  EXPECT_EQ(variable(R"("resourceFieldRef":{"resource":"limits.bogus"})"),
            Texts{at +
                  R"(resourceFieldRef.resource: Unsupported value: "limits.bogus": supported )"
                  "values: " +
                  resources});
  EXPECT_EQ(variable(R"("resourceFieldRef":{"resource":"limits.hugepages-2Mi"})"), Texts());
  EXPECT_EQ(variable(R"("resourceFieldRef":{"resource":"limits.cpu","divisor":"2"})"),
            Texts{at + R"(resourceFieldRef.divisor: Invalid value: "limits.cpu": only divisor's )"
                       "values 1m and 1 are supported with the cpu resource"});
  EXPECT_EQ(variable(R"("fieldRef":{"fieldPath":"metadata.labels['a b']"})").size(), 1u);
  EXPECT_EQ(variable(R"("fieldRef":{"fieldPath":"metadata.labels['example.com/a']"})"), Texts());
  EXPECT_EQ(variable(R"("fieldRef":{"fieldPath":"metadata.name['a']"})"),
            Texts{at + R"(fieldRef.fieldPath: Invalid value: "metadata.name['a']": error )"
                       "converting fieldPath: field label does not support subscript: "
                       "metadata.name['a']"});
}

TEST(PodContainers, SleepNoLongerThanTheyMayTakeToStop) {
  const auto asleep = [](std::string_view seconds) {
    return validated(given("Pod", container(R"("lifecycle":{"preStop":{"sleep":{"seconds":)" +
                                            std::string(seconds) + "}}}")));
  };
  EXPECT_EQ(asleep("0"), Texts());
  EXPECT_EQ(asleep("30"), Texts());
  for (const std::string seconds : {"-5", "31"}) {
    EXPECT_EQ(asleep(seconds),
              Texts{"spec.containers[0].lifecycle.preStop.sleep: Invalid value: " + seconds +
                    ": must be non-negative and less than "
                    "terminationGracePeriodSeconds (30)"});
  }
}

TEST(PodPlacement, SelectsNodesByNameAlone) {
  const auto with = [](std::string_view term) {
    return validated(given(
        "Pod",
        R"({"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{)" +
            std::string(term) + "}]}}}}}"));
  };
  const std::string at =
      "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution."
      "nodeSelectorTerms[0].";
  EXPECT_EQ(with(R"("matchFields":[{"key":"metadata.name","operator":"In","values":["n"]}])"),
            Texts());
  EXPECT_EQ(
      with(R"("matchFields":[{"key":"spec.x","operator":"In","values":["a","b"]}])"),
      (Texts{at + "matchFields[0].values: Required value: must be only one value when "
                  "`operator` is 'In' or 'NotIn' for node field selector",
             at + R"(matchFields[0].key: Invalid value: "spec.x": not a valid field selector )"
                  "key"}));
  EXPECT_EQ(with(R"("matchFields":[{"key":"metadata.name","operator":"Exists"}])"),
            Texts{at + R"(matchFields[0].operator: Invalid value: "Exists": not a valid selector )"
                       "operator"});
  EXPECT_EQ(with(R"("matchExpressions":[{"key":"a","operator":"In","values":["-"]}])").size(), 1u);
}

}  // namespace
}  // namespace keelson::apiserver::testing
