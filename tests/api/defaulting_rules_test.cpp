// SPDX-License-Identifier: Apache-2.0
// Every default value that depends on nothing but its own absence: where it stands, and what it is.
#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "api/defaulting/defaulting.h"

namespace keelson::api {
namespace {

struct Row {
  std::string_view api_version, kind;
  std::string_view object;  // JSON pointer to the object that gets the member.
  std::string_view member;  // Path below it.
  std::string_view value;
};

constexpr Row kRows[] = {
    {"v1", "ReplicationController", "/spec", "replicas", "1"},
    {"v1", "Pod", "/spec/initContainers/0", "terminationMessagePath", R"("/dev/termination-log")"},
    {"v1", "Pod", "/spec/initContainers/0", "terminationMessagePolicy", R"("File")"},
    {"v1", "Pod", "/spec/initContainers/0/ports/0", "protocol", R"("TCP")"},
    {"v1", "Pod", "/spec/initContainers/0/livenessProbe/grpc", "service", R"("")"},
    {"v1", "Pod", "/spec/initContainers/0/env/0/valueFrom/fileKeyRef", "optional", "false"},
    {"v1", "Service", "", "spec/sessionAffinity", R"("None")"},
    {"v1", "Service", "", "spec/type", R"("ClusterIP")"},
    {"v1", "Service", "/spec/ports/0", "protocol", R"("TCP")"},
    {"v1", "Pod", "", "spec/enableServiceLinks", "true"},
    {"v1", "Pod", "/spec", "dnsPolicy", R"("ClusterFirst")"},
    {"v1", "Pod", "/spec", "restartPolicy", R"("Always")"},
    {"v1", "Pod", "/spec", "securityContext", "{}"},
    {"v1", "Pod", "/spec", "terminationGracePeriodSeconds", "30"},
    {"v1", "Pod", "/spec", "schedulerName", R"("default-scheduler")"},
    {"v1", "Pod", "/spec/initContainers/0/livenessProbe", "timeoutSeconds", "1"},
    {"v1", "Pod", "/spec/initContainers/0/livenessProbe", "periodSeconds", "10"},
    {"v1", "Pod", "/spec/initContainers/0/livenessProbe", "successThreshold", "1"},
    {"v1", "Pod", "/spec/initContainers/0/livenessProbe", "failureThreshold", "3"},
    {"v1", "Pod", "/spec/volumes/0/secret", "defaultMode", "420"},
    {"v1", "Pod", "/spec/volumes/0/configMap", "defaultMode", "420"},
    {"v1", "Pod", "/spec/volumes/0/downwardAPI", "defaultMode", "420"},
    {"v1", "Pod", "/spec/volumes/0/projected", "defaultMode", "420"},
    {"v1", "Pod", "/spec/volumes/0/projected/sources/0/serviceAccountToken", "expirationSeconds",
     "3600"},
    {"v1", "Secret", "", "type", R"("Opaque")"},
    {"v1", "PersistentVolume", "", "status/phase", R"("Pending")"},
    {"v1", "PersistentVolume", "", "spec/persistentVolumeReclaimPolicy", R"("Retain")"},
    {"v1", "PersistentVolume", "", "spec/volumeMode", R"("Filesystem")"},
    {"v1", "PersistentVolumeClaim", "", "status/phase", R"("Pending")"},
    {"v1", "Pod", "/spec/volumes/0/ephemeral/volumeClaimTemplate/spec", "volumeMode",
     R"("Filesystem")"},
    {"v1", "Endpoints", "/subsets/0/ports/0", "protocol", R"("TCP")"},
    {"v1", "Pod", "/spec/initContainers/0/livenessProbe/httpGet", "path", R"("/")"},
    {"v1", "Pod", "/spec/initContainers/0/livenessProbe/httpGet", "scheme", R"("HTTP")"},
    {"v1", "Namespace", "/status", "phase", R"("Active")"},
    {"v1", "Pod", "/spec/volumes/0/downwardAPI/items/0/fieldRef", "apiVersion", R"("v1")"},
    {"v1", "Pod", "/spec/volumes/0/hostPath", "type", R"("")"},
    {"v1", "Pod", "/spec/volumes/0/rbd", "pool", R"("rbd")"},
    {"v1", "Pod", "/spec/volumes/0/rbd", "user", R"("admin")"},
    {"v1", "Pod", "/spec/volumes/0/rbd", "keyring", R"("/etc/ceph/keyring")"},
    {"v1", "PersistentVolume", "/spec/rbd", "pool", R"("rbd")"},
    {"v1", "PersistentVolume", "/spec/rbd", "user", R"("admin")"},
    {"v1", "PersistentVolume", "/spec/rbd", "keyring", R"("/etc/ceph/keyring")"},
    {"v1", "Pod", "/spec/volumes/0/iscsi", "iscsiInterface", R"("default")"},
    {"v1", "PersistentVolume", "/spec/iscsi", "iscsiInterface", R"("default")"},
    {"v1", "Pod", "/spec/volumes/0/azureDisk", "cachingMode", R"("ReadWrite")"},
    {"v1", "Pod", "/spec/volumes/0/azureDisk", "fsType", R"("ext4")"},
    {"v1", "Pod", "/spec/volumes/0/azureDisk", "readOnly", "false"},
    {"v1", "Pod", "/spec/volumes/0/azureDisk", "kind", R"("Shared")"},
    {"v1", "Pod", "/spec/volumes/0/scaleIO", "storageMode", R"("ThinProvisioned")"},
    {"v1", "Pod", "/spec/volumes/0/scaleIO", "fsType", R"("xfs")"},
    {"v1", "PersistentVolume", "/spec/scaleIO", "storageMode", R"("ThinProvisioned")"},
    {"v1", "PersistentVolume", "/spec/scaleIO", "fsType", R"("xfs")"},
    {"apps/v1", "Deployment", "", "spec/replicas", "1"},
    {"apps/v1", "Deployment", "", "spec/strategy/type", R"("RollingUpdate")"},
    {"apps/v1", "Deployment", "", "spec/revisionHistoryLimit", "10"},
    {"apps/v1", "Deployment", "", "spec/progressDeadlineSeconds", "600"},
    {"apps/v1", "DaemonSet", "", "spec/updateStrategy/type", R"("RollingUpdate")"},
    {"apps/v1", "DaemonSet", "", "spec/revisionHistoryLimit", "10"},
    {"apps/v1", "StatefulSet", "", "spec/podManagementPolicy", R"("OrderedReady")"},
    {"apps/v1", "StatefulSet", "", "spec/updateStrategy/type", R"("RollingUpdate")"},
    {"apps/v1", "StatefulSet", "", "spec/persistentVolumeClaimRetentionPolicy/whenDeleted",
     R"("Retain")"},
    {"apps/v1", "StatefulSet", "", "spec/persistentVolumeClaimRetentionPolicy/whenScaled",
     R"("Retain")"},
    {"apps/v1", "StatefulSet", "", "spec/replicas", "1"},
    {"apps/v1", "StatefulSet", "", "spec/revisionHistoryLimit", "10"},
    {"apps/v1", "ReplicaSet", "", "spec/replicas", "1"},
    {"batch/v1", "Job", "", "spec/parallelism", "1"},
    {"batch/v1", "Job", "", "spec/completionMode", R"("NonIndexed")"},
    {"batch/v1", "Job", "", "spec/suspend", "false"},
    {"batch/v1", "Job", "", "spec/manualSelector", "false"},
    {"batch/v1", "CronJob", "", "spec/concurrencyPolicy", R"("Allow")"},
    {"batch/v1", "CronJob", "", "spec/suspend", "false"},
    {"batch/v1", "CronJob", "", "spec/successfulJobsHistoryLimit", "3"},
    {"batch/v1", "CronJob", "", "spec/failedJobsHistoryLimit", "1"},
    {"batch/v1", "Job", "/spec/podFailurePolicy/rules/0/onPodConditions/0", "status", R"("True")"},
    {"autoscaling/v1", "HorizontalPodAutoscaler", "", "spec/minReplicas", "1"},
    {"autoscaling/v2", "HorizontalPodAutoscaler", "", "spec/minReplicas", "1"},
    {"networking.k8s.io/v1", "NetworkPolicy", "/spec/ingress/0/ports/0", "protocol", R"("TCP")"},
    {"discovery.k8s.io/v1", "EndpointSlice", "/ports/0", "name", R"("")"},
    {"discovery.k8s.io/v1", "EndpointSlice", "/ports/0", "protocol", R"("TCP")"},
    {"rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "", "roleRef/apiGroup",
     R"("rbac.authorization.k8s.io")"},
    {"rbac.authorization.k8s.io/v1", "RoleBinding", "", "roleRef/apiGroup",
     R"("rbac.authorization.k8s.io")"},
    {"storage.k8s.io/v1", "StorageClass", "", "reclaimPolicy", R"("Delete")"},
    {"storage.k8s.io/v1", "StorageClass", "", "volumeBindingMode", R"("Immediate")"},
    {"storage.k8s.io/v1", "CSIDriver", "", "spec/attachRequired", "true"},
    {"storage.k8s.io/v1", "CSIDriver", "", "spec/podInfoOnMount", "false"},
    {"storage.k8s.io/v1", "CSIDriver", "", "spec/storageCapacity", "false"},
    {"storage.k8s.io/v1", "CSIDriver", "", "spec/fsGroupPolicy", R"("ReadWriteOnceWithFSType")"},
    {"storage.k8s.io/v1", "CSIDriver", "", "spec/volumeLifecycleModes", R"(["Persistent"])"},
    {"storage.k8s.io/v1", "CSIDriver", "", "spec/requiresRepublish", "false"},
    {"storage.k8s.io/v1", "CSIDriver", "", "spec/seLinuxMount", "false"},
    {"scheduling.k8s.io/v1", "PriorityClass", "", "preemptionPolicy", R"("PreemptLowerPriority")"},
    {"certificates.k8s.io/v1beta1", "PodCertificateRequest", "/spec", "maxExpirationSeconds",
     "86400"},
    {"authentication.k8s.io/v1", "TokenRequest", "/spec", "expirationSeconds", "3600"},
    {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "/webhooks/0",
     "failurePolicy", R"("Fail")"},
    {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "/webhooks/0",
     "matchPolicy", R"("Equivalent")"},
    {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "/webhooks/0",
     "namespaceSelector", "{}"},
    {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "/webhooks/0",
     "objectSelector", "{}"},
    {"admissionregistration.k8s.io/v1", "ValidatingWebhookConfiguration", "/webhooks/0",
     "timeoutSeconds", "10"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "/webhooks/0",
     "failurePolicy", R"("Fail")"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "/webhooks/0",
     "matchPolicy", R"("Equivalent")"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "/webhooks/0",
     "namespaceSelector", "{}"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "/webhooks/0",
     "objectSelector", "{}"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "/webhooks/0",
     "timeoutSeconds", "10"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "/webhooks/0",
     "reinvocationPolicy", R"("Never")"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "/webhooks/0/rules/0",
     "scope", R"("*")"},
    {"admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration",
     "/webhooks/0/clientConfig/service", "port", "443"},
    {"admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy", "/spec", "failurePolicy",
     R"("Fail")"},
    {"admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "/spec", "failurePolicy",
     R"("Fail")"},
    {"admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "matchPolicy", R"("Equivalent")"},
    {"admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "namespaceSelector", "{}"},
    {"admissionregistration.k8s.io/v1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "objectSelector", "{}"},
    {"admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", "/spec", "failurePolicy",
     R"("Fail")"},
    {"admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "matchPolicy", R"("Equivalent")"},
    {"admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "namespaceSelector", "{}"},
    {"admissionregistration.k8s.io/v1beta1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "objectSelector", "{}"},
    {"admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", "/spec", "failurePolicy",
     R"("Fail")"},
    {"admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "matchPolicy", R"("Equivalent")"},
    {"admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "namespaceSelector", "{}"},
    {"admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicy", "/spec/matchConstraints",
     "objectSelector", "{}"},
    {"admissionregistration.k8s.io/v1alpha1", "MutatingAdmissionPolicyBinding", "/spec/paramRef",
     "parameterNotFoundAction", R"("Deny")"},
    {"flowcontrol.apiserver.k8s.io/v1", "FlowSchema", "/spec", "matchingPrecedence", "1000"},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "/spec/exempt",
     "nominalConcurrencyShares", "0"},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "/spec/exempt",
     "lendablePercent", "0"},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "/spec/limited",
     "nominalConcurrencyShares", "30"},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration", "/spec/limited",
     "lendablePercent", "0"},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
     "/spec/limited/limitResponse/queuing", "handSize", "8"},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
     "/spec/limited/limitResponse/queuing", "queues", "64"},
    {"flowcontrol.apiserver.k8s.io/v1", "PriorityLevelConfiguration",
     "/spec/limited/limitResponse/queuing", "queueLengthLimit", "50"},
    {"resource.k8s.io/v1", "ResourceClaim", "/spec/devices/requests/0/exactly", "allocationMode",
     R"("ExactCount")"},
    {"resource.k8s.io/v1", "ResourceClaim", "/spec/devices/requests/0/firstAvailable/0",
     "allocationMode", R"("ExactCount")"},
    {"resource.k8s.io/v1", "ResourceClaim", "/spec/devices/requests/0/exactly/tolerations/0",
     "operator", R"("Equal")"},
    {"resource.k8s.io/v1", "ResourceSlice", "/spec/devices/0/nodeAllocatableResourceMappings/x",
     "allocationMultiplier", R"("1")"},
    {"resource.k8s.io/v1beta2", "ResourceClaim", "/spec/devices/requests/0/exactly",
     "allocationMode", R"("ExactCount")"},
    {"resource.k8s.io/v1beta2", "ResourceClaim", "/spec/devices/requests/0/firstAvailable/0",
     "allocationMode", R"("ExactCount")"},
    {"resource.k8s.io/v1beta2", "ResourceClaim", "/spec/devices/requests/0/exactly/tolerations/0",
     "operator", R"("Equal")"},
    {"resource.k8s.io/v1beta2", "ResourceSlice",
     "/spec/devices/0/nodeAllocatableResourceMappings/x", "allocationMultiplier", R"("1")"},
    {"resource.k8s.io/v1beta1", "ResourceClaim", "/spec/devices/requests/0/firstAvailable/0",
     "allocationMode", R"("ExactCount")"},
    {"resource.k8s.io/v1beta1", "ResourceClaim", "/spec/devices/requests/0/tolerations/0",
     "operator", R"("Equal")"},
    {"resource.k8s.io/v1beta1", "ResourceSlice",
     "/spec/devices/0/basic/nodeAllocatableResourceMappings/x", "allocationMultiplier", R"("1")"},
    {"resource.k8s.io/v1alpha3", "ResourcePoolStatusRequest", "/spec", "limit", "100"},
    {"apiextensions.k8s.io/v1", "CustomResourceDefinition", "/spec", "conversion",
     R"({"strategy":"None"})"},
    {"apiextensions.k8s.io/v1", "CustomResourceDefinition",
     "/spec/conversion/webhook/clientConfig/service", "port", "443"},
    {"apiregistration.k8s.io/v1", "APIService", "/spec/service", "port", "443"},
};

// The place that a pointer names; what is missing is made, lists for "0".
Document& place(Document& document, std::string_view pointer) {
  Document* at = &document;
  while (!pointer.empty()) {
    if (pointer.starts_with('/')) pointer.remove_prefix(1);
    const std::string_view name = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(name.size());
    if (name == "0") {
      if (!at->is_array()) at->emplace_array();
      if (at->get_array().empty()) at->get_array().emplace_back(nullptr);
      at = &at->get_array()[0];
    } else {
      if (!at->is_object()) at->emplace_object();
      at = &at->get_object()[name];
    }
  }
  return *at;
}

Document other_than(const Document& value) {
  if (value.is_bool()) return !value.get_bool();
  if (value.is_number()) return 77;
  if (value.is_array()) return boost::json::array{"given"};
  if (value.is_object()) return boost::json::object{{"given", "x"}};
  return "given";
}

TEST(DefaultingRules, FillWhatIsLeftOutAndKeepWhatIsGiven) {
  for (const Row& row : kRows) {
    SCOPED_TRACE(testing::Message()
                 << row.api_version << " " << row.kind << " " << row.object << "/" << row.member);
    const Type* type = find_root_type(row.api_version, row.kind);
    ASSERT_TRUE(type);
    const Document expected = *parse_json(row.value);
    const std::string pointer = std::string(row.object) + "/" + std::string(row.member);
    Document empty = boost::json::object();
    place(empty, row.object);
    if (!place(empty, row.object).is_object()) place(empty, row.object).emplace_object();

    Document absent = empty;
    apply_defaults(absent, *type);
    EXPECT_EQ(place(absent, pointer), expected);

    Document null = empty;
    place(null, pointer) = nullptr;
    apply_defaults(null, *type);
    EXPECT_EQ(place(null, pointer), expected);

    Document given = empty;
    place(given, pointer) = other_than(expected);
    apply_defaults(given, *type);
    EXPECT_EQ(place(given, pointer), other_than(expected));

    Document twice = absent;
    apply_defaults(twice, *type);
    EXPECT_EQ(twice, absent);
  }
}

}  // namespace
}  // namespace keelson::api
