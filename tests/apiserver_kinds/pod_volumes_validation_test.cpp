// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <string>

#include "given.h"

namespace keelson::apiserver::testing {
namespace {

struct Bad {
  std::string members;
  Texts expected;  // Without the path before each.
};

void expect_each(const std::vector<Bad>& table, std::string_view start, std::string_view end,
                 const std::string& path) {
  for (const Bad& bad : table) {
    Texts expected;
    for (const auto& text : bad.expected) expected.push_back(path + text);
    const std::string patch = std::string(start) + bad.members + std::string(end);
    EXPECT_EQ(validated(given("Pod", patch)), expected) << bad.members;
  }
}

constexpr std::string_view kSubdomainMessage =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

TEST(PodVolumes, RefuseFilesThatLeadAstray) {
  const std::string field = R"("fieldRef":{"fieldPath":"metadata.name"})";
  const std::string file = R"("downwardAPI":{"items":[{"path":"a",)";
  expect_each(
      {
          {R"("downwardAPI":{"items":[{"path":"../../etc/x",)" + field + "}]}",
           {R"(downwardAPI.path: Invalid value: "../../etc/x": must not contain '..')"}},
          {R"("downwardAPI":{"items":[{"path":"",)" + field + "}]}",
           {"downwardAPI.path: Required value"}},
          {R"("downwardAPI":{"items":[{"path":"..a",)" + field + "}]}",
           {R"(downwardAPI.path: Invalid value: "..a": must not start with '..')"}},
          {R"("downwardAPI":{"items":[{"path":"a"}]})",
           {"downwardAPI: Required value: one of fieldRef and resourceFieldRef is required"}},
          {R"("downwardAPI":{"items":[{"path":"a","fieldRef":{"fieldPath":"bogus.field"}}]})",
           {R"(downwardAPI.fieldRef.fieldPath: Invalid value: "bogus.field": error converting )"
            "fieldPath: field label not supported: bogus.field"}},
          {R"("downwardAPI":{"items":[{"path":"a","fieldRef":{"fieldPath":"spec.nodeName"}}]})",
           {R"(downwardAPI.fieldRef.fieldPath: Unsupported value: "spec.nodeName": supported )"
            R"(values: "metadata.annotations", "metadata.labels", "metadata.name", )"
            R"("metadata.namespace", "metadata.uid")"}},
          {R"("downwardAPI":{"items":[{"path":"a","resourceFieldRef":{"resource":"limits.cpu"}}]})",
           {"downwardAPI.resourceFieldRef.containerName: Required value"}},
          {R"("downwardAPI":{"items":[{"path":"a","mode":512,)" + field + "}]}",
           {"downwardAPI.mode: Invalid value: 512: must be a number between 0 and 0777 (octal), "
            "both inclusive"}},
          {file + field +
               R"(,"resourceFieldRef":{"containerName":"web","resource":"limits.cpu"}}]})",
           {R"(downwardAPI: Invalid value: "resource": fieldRef and resourceFieldRef can not be )"
            "specified simultaneously"}},
      },
      R"({"spec":{"volumes":[{"name":"v",)", "}]}}", "spec.volumes[0].");
}

TEST(PodVolumes, RefuseProjectionsThatContradictEachOther) {
  expect_each(
      {
          {R"({"secret":{"name":"a"},"configMap":{"name":"b"}})",
           {".sources[0]: Forbidden: may not specify more than 1 volume type per source"}},
          {R"({"secret":{"name":"a","items":[{"key":"k","path":"p"}]}},
              {"configMap":{"name":"b","items":[{"key":"k","path":"p"}]}})",
           {R"(: Invalid value: "b": conflicting duplicate paths)"}},
          {R"({"serviceAccountToken":{"path":"t","expirationSeconds":4294967297}})",
           {".sources[0].serviceAccountToken.expirationSeconds: Invalid value: 4294967297: may not "
            "specify a duration larger than 2^32 seconds"}},
          {R"({"serviceAccountToken":{"path":"t","expirationSeconds":60}})",
           {".sources[0].serviceAccountToken.expirationSeconds: Invalid value: 60: may not specify "
            "a duration less than 10 minutes"}},
          {R"({"serviceAccountToken":{"path":"../t"}})",
           {R"(.path: Invalid value: "../t": must not contain '..')"}},
          {R"({"downwardAPI":{"items":[{"path":"/a","fieldRef":{"fieldPath":"metadata.name"}}]}})",
           {R"(.sources[0].downwardAPI.path: Invalid value: "/a": must be a relative path)"}},
          // As good as no source.
          {"{}", {}},
      },
      R"({"spec":{"volumes":[{"name":"v","projected":{"sources":[)", "]}}]}}",
      "spec.volumes[0].projected");
}

TEST(PodVolumes, RefuseEmptySources) {
  expect_each(
      {
          {R"("csi":{"driver":""})",
           {"csi.driver: Required value",
            R"(csi.driver: Invalid value: "": )" + std::string(kSubdomainMessage)}},
          {R"("csi":{"driver":"a.b","nodePublishSecretRef":{}})",
           {"csi.nodePublishSecretRef.name: Required value"}},
          {R"("ephemeral":{})", {"ephemeral.volumeClaimTemplate: Required value"}},
          {R"("ephemeral":{"volumeClaimTemplate":{"metadata":{"name":"a"},"spec":{}}})",
           {"ephemeral.volumeClaimTemplate.metadata.name: Forbidden: cannot be set",
            "ephemeral.volumeClaimTemplate.spec.accessModes: Required value: at least 1 access "
            "mode is required",
            "ephemeral.volumeClaimTemplate.spec.resources[storage]: Required value"}},
          {R"("image":{})", {"image.reference: Required value"}},
          {R"("iscsi":{"targetPortal":"","iqn":"","lun":0})",
           {"iscsi.targetPortal: Required value", "iscsi.iqn: Required value"}},
          {R"("iscsi":{"targetPortal":"a","iqn":"x","lun":256})",
           {R"(iscsi.iqn: Invalid value: "x": must be valid format starting with iqn, eui, or naa)",
            "iscsi.lun: Invalid value: 256: must be between 0 and 255, inclusive"}},
          {R"("iscsi":{"targetPortal":"a","iqn":"iqn.2001-04.com.example","lun":0})",
           {R"(iscsi.iqn: Invalid value: "iqn.2001-04.com.example": must be valid format)"}},
          {R"("iscsi":{"targetPortal":"a","iqn":"iqn.2001-04.com.example:disk","lun":0})", {}},
          {R"("rbd":{"monitors":[],"image":""})",
           {"rbd.monitors: Required value", "rbd.image: Required value"}},
          {R"("gitRepo":{"repository":"","directory":".."})",
           {"gitRepo.repository: Required value",
            R"(gitRepo.directory: Invalid value: "..": must not contain '..')"}},
          {R"("fc":{})",
           {"fc.targetWWNs: Required value: must specify either targetWWNs or wwids, but not "
            "both"}},
      },
      R"({"spec":{"volumes":[{"name":"v",)", "}]}}", "spec.volumes[0].");
}

TEST(PodVolumes, DoNotNameClaimsThatAreMadeForThem) {
  const std::string own =
      R"({"name":"v","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],)"
      R"("resources":{"requests":{"storage":"1Gi"}}}}}})";
  const auto with = [&](std::string_view claim) {
    return given("Pod", R"({"spec":{"volumes":[)" + own +
                            R"(,{"name":"w","persistentVolumeClaim":{"claimName":")" +
                            std::string(claim) + R"("}}]}})");
  };
  EXPECT_EQ(validated(with("other")), Texts());
  EXPECT_EQ(
      validated(with("web-v")),
      Texts{R"(spec.volumes[1].persistentVolumeClaim.claimName: Invalid value: "web-v": must )"
            "not reference a PVC that gets created for an ephemeral volume"});
}

TEST(PodMounts, RefuseDevicesThatAreNone) {
  const std::string volumes =
      R"("volumes":[{"name":"disk","persistentVolumeClaim":{"claimName":"c"}},)"
      R"({"name":"files","emptyDir":{}}])";
  const std::string start =
      R"({"spec":{)" + volumes + R"(,"containers":[{"name":"web","image":"web:1",)";
  expect_each(
      {
          {R"("volumeDevices":[{"name":"disk","devicePath":"/dev/x"}])", {}},
          {R"("volumeDevices":[{"name":"other","devicePath":"/dev/x"}])",
           {R"(volumeDevices[0].name: Not found: "other")"}},
          {R"("volumeDevices":[{"name":"disk","devicePath":"/dev/../x"}])",
           {R"(volumeDevices[0].devicePath: Invalid value: "/dev/../x": can not contain backsteps )"
            "('..')"}},
          {R"("volumeDevices":[{"name":"files","devicePath":"/dev/x"}])",
           {R"(volumeDevices[0].name: Invalid value: "files": can only use volume source type of )"
            "PersistentVolumeClaim or Ephemeral for block mode"}},
          {R"("volumeDevices":[{"name":"disk","devicePath":"/x"}],
              "volumeMounts":[{"name":"disk","mountPath":"/y"}])",
           {R"(volumeMounts[0].name: Invalid value: "disk": must not already exist in )"
            "volumeDevices",
            R"(volumeDevices[0].name: Invalid value: "disk": must not already exist in )"
            "volumeMounts"}},
          {R"("volumeMounts":[{"name":"files","mountPath":"/y","recursiveReadOnly":"Enabled"}])",
           {"volumeMounts.recursiveReadOnly: Forbidden: may only be specified when readOnly is "
            "true"}},
          {R"("volumeMounts":[{"name":"files","mountPath":"/y","readOnly":true,
                               "recursiveReadOnly":"Enabled"}])",
           {}},
          {R"("volumeMounts":[{"name":"files","mountPath":"/y","recursiveReadOnly":"Perhaps"}])",
           {R"(volumeMounts.recursiveReadOnly: Unsupported value: "Perhaps": supported values: )"
            R"("Disabled", "Enabled", "IfPossible")"}},
      },
      start, "}]}}", "spec.containers[0].");
}

}  // namespace
}  // namespace keelson::apiserver::testing
