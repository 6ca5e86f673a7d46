// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

TEST(PodSecurity, RefusesProfilesWithoutAFile) {
  expect_refused(
      "Pod",
      {
          {R"({"spec":{"securityContext":{"seccompProfile":{"type":"Localhost"}}}})",
           {"spec.securityContext.seccompProfile.localhostProfile: Required value: must be set "
            "when seccomp type is Localhost"}},
          {R"({"spec":{"securityContext":{"seccompProfile":{"type":"Localhost","localhostProfile":"../../etc/x"}}}})",
           {R"(spec.securityContext.seccompProfile.localhostProfile: Invalid value: "../../etc/x": )"
            "must not contain '..'"}},
          {R"({"spec":{"securityContext":{"seccompProfile":{"type":"RuntimeDefault","localhostProfile":"x"}}}})",
           {R"(spec.securityContext.seccompProfile.localhostProfile: Invalid value: )"
            R"({"localhostProfile":"x","type":"RuntimeDefault"}: can only be set when seccomp type )"
            "is Localhost"}},
          {R"({"spec":{"securityContext":{"appArmorProfile":{"type":"Localhost"}}}})",
           {"spec.securityContext.appArmorProfile.localhostProfile: Required value: must be set "
            "when AppArmor type is Localhost"}},
          {R"({"spec":{"securityContext":{"appArmorProfile":{"type":"Localhost","localhostProfile":" x"}}}})",
           {R"(spec.securityContext.appArmorProfile.localhostProfile: Invalid value: " x": must )"
            "not be padded with whitespace"}},
          {R"({"spec":{"securityContext":{"appArmorProfile":{"type":"Unconfined","localhostProfile":"x"}}}})",
           {R"(spec.securityContext.appArmorProfile.localhostProfile: Invalid value: "x": can only )"
            "be set when AppArmor type is Localhost"}},
          {R"({"spec":{"containers":[{"name":"web","image":"web:1","securityContext":{"seccompProfile":{"type":"Localhost"},"procMount":"Unmasked"}}]}})",
           {R"(spec.containers[0].securityContext.procMount: Invalid value: "Unmasked": `hostUsers` )"
            "must be false to use `Unmasked`",
            "spec.containers[0].securityContext.seccompProfile.localhostProfile: Required value: "
            "must be set when seccomp type is Localhost"}},
          {R"({"spec":{"securityContext":{"fsGroupChangePolicy":"Foo"}}})",
           {R"(spec.securityContext.fsGroupChangePolicy: Unsupported value: "Foo": supported )"
            R"(values: "Always", "OnRootMismatch")"}},
      });
}

TEST(PodSecurity, RefusesSysctlsThatAreNone) {
  const std::string message =
      "must have at most 253 characters and match regex "
      R"(^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$)";
  struct Case {
    std::string_view sysctls, more;
    Texts expected;
  };
  const Case cases[] = {
      {R"({"name":"net.ipv4.ip_forward","value":"1"})", "", {}},
      {R"({"name":"net/ipv4/conf/eth0.1/rp_filter","value":"1"})", "", {}},
      {R"({"name":"","value":"1"})", "", {"[0].name: Required value"}},
      {R"({"name":"a..b","value":"1"})", "", {R"([0].name: Invalid value: "a..b": )" + message}},
      {R"({"name":"A","value":"1"})", "", {R"([0].name: Invalid value: "A": )" + message}},
      {R"({"name":"a-","value":"1"})", "", {R"([0].name: Invalid value: "a-": )" + message}},
      {R"({"name":"a.b","value":"1"},{"name":"a.b","value":"2"})",
       "",
       {R"([1].name: Duplicate value: "a.b")"}},
      {R"({"name":"net.ipv4.ip_forward","value":"1"})",
       R"(,"hostNetwork":true)",
       {R"([0].name: Invalid value: "net.ipv4.ip_forward": may not be specified when )"
        "'hostNetwork' is true"}},
      {R"({"name":"kernel/shm_rmid_forced","value":"1"})",
       R"(,"hostIPC":true)",
       {R"([0].name: Invalid value: "kernel/shm_rmid_forced": may not be specified when )"
        "'hostIPC' is true"}},
  };
  for (const Case& c : cases) {
    Texts expected;
    for (const auto& text : c.expected) {
      expected.push_back("spec.securityContext.sysctls" + text);
    }
    EXPECT_EQ(
        validated(given("Pod", R"({"spec":{"securityContext":{"sysctls":[)" +
                                   std::string(c.sysctls) + "]}" + std::string(c.more) + "}}")),
        expected)
        << c.sysctls;
  }
}

TEST(PodSecurity, KeepsUserNamespacesFromTheNodesOthers) {
  expect_refused(
      "Pod",
      {
          {R"({"spec":{"hostUsers":false,"hostNetwork":true}})",
           {"spec.hostNetwork: Forbidden: when `hostUsers` is false"}},
          {R"({"spec":{"hostUsers":false,"hostPID":true,"hostIPC":true}})",
           {"spec.HostPID: Forbidden: when `hostUsers` is false",
            "spec.HostIPC: Forbidden: when `hostUsers` is false"}},
          {R"({"spec":{"hostUsers":false,"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"c"}}],"containers":[{"name":"web","image":"web:1","volumeDevices":[{"name":"d","devicePath":"/dev/x"}]}]}})",
           {"spec.containers[0].volumeDevices: Forbidden: when `hostUsers` is false"}},
          {R"({"spec":{"hostUsers":false}})", {}},
      });
}

TEST(PodSystem, RefusesWhatItDoesNotHave) {
  expect_refused(
      "Pod",
      {
          {R"({"spec":{"os":{"name":"beos"}}})",
           {R"(spec.os: Unsupported value: "beos": supported values: "linux", "windows")"}},
          {R"({"spec":{"os":{"name":""}}})", {"spec.os.name: Required value: cannot be empty"}},
          {R"({"spec":{"os":{"name":"windows"},"hostPID":true,"securityContext":{"runAsUser":1}}})",
           {"spec.hostPID: Forbidden: cannot be set for a windows pod",
            "spec.securityContext.runAsUser: Forbidden: cannot be set for a windows pod"}},
          {R"({"spec":{"os":{"name":"windows"},"containers":[{"name":"web","image":"web:1","securityContext":{"runAsUser":1,"privileged":true}}]}})",
           {"spec.containers[0].securityContext.privileged: Forbidden: cannot be set for a windows "
            "pod",
            "spec.containers[0].securityContext.runAsUser: Forbidden: cannot be set for a windows "
            "pod"}},
          {R"({"spec":{"os":{"name":"linux"},"securityContext":{"windowsOptions":{"runAsUserName":"a"}}}})",
           {"spec.securityContext.windowsOptions: Forbidden: windows options cannot be set for a "
            "linux pod"}},
      });
}

TEST(PodUpdate, ForgivesWhatThePodBreaksAlready) {
  const std::string_view broken[] = {
      R"({"spec":{"hostNetwork":true,"securityContext":{"sysctls":[{"name":"net.a","value":"1"}]}}})",
      R"({"spec":{"hostUsers":false,"hostNetwork":true}})",
      R"({"spec":{"hostUsers":false,"volumes":[{"name":"d","persistentVolumeClaim":{"claimName":"c"}}],"containers":[{"name":"web","image":"web:1","volumeDevices":[{"name":"d","devicePath":"/dev/x"}]}]}})",
      R"({"spec":{"volumes":[{"name":"v","projected":{"sources":[{"serviceAccountToken":{"path":"../t"}}]}}]}})",
      R"({"spec":{"affinity":{"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[{"matchExpressions":[{"key":"a","operator":"In","values":["-"]}]}]}}}}})",
  };
  for (const auto patch : broken) {
    const auto pod = given("Pod", patch);
    EXPECT_EQ(validated_create(pod).size(), 1u) << patch;
    EXPECT_EQ(validated_update(pod, pod), Texts()) << patch;
    EXPECT_EQ(validated_subresource_update(pod, pod, "ephemeralcontainers"), Texts()) << patch;
  }
}

}  // namespace
}  // namespace keelson::apiserver::testing
