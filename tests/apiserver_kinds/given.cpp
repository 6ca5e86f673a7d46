// SPDX-License-Identifier: Apache-2.0
#include "given.h"

#include <gtest/gtest.h>

#include <map>

#include "api/codec/json.h"
#include "api/defaulting/defaulting.h"
#include "apiserver/registry/registry.h"
#include "base/base64.h"
#include "pki/certificate.h"

namespace keelson::apiserver::testing {
namespace {

constexpr std::string_view kTemplate =
    R"({"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"web","image":"web:1"}]}})";

struct Base {
  std::string_view group, version, plural;
  std::string rest;  // Members besides apiVersion, kind and metadata.
};

// A request that is signed by its own key, as base64.
std::string certificate_request() {
  const auto key = pki::make_key();
  EXPECT_TRUE(key);
  const auto pem = pki::make_request(*key, {.common_name = "jane"});
  EXPECT_TRUE(pem);
  return base64_encode(*pem);
}

const Base& base_of(std::string_view kind) {
  const std::string workload = R"("spec":{"selector":{"matchLabels":{"app":"web"}},"template":)" +
                               std::string(kTemplate) + "}";
  static const std::map<std::string_view, Base> kBases = {
      {"Pod", {"", "v1", "pods", R"("spec":{"containers":[{"name":"web","image":"web:1"}]})"}},
      {"Service", {"", "v1", "services", R"("spec":{"ports":[{"port":80}]})"}},
      {"ConfigMap", {"", "v1", "configmaps", R"("data":{"a":"1"})"}},
      {"Secret", {"", "v1", "secrets", R"("data":{"a":"MQ=="})"}},
      {"ReplicationController",
       {"", "v1", "replicationcontrollers",
        R"("spec":{"selector":{"app":"web"},"template":)" + std::string(kTemplate) + "}"}},
      {"Deployment", {"apps", "v1", "deployments", workload}},
      {"ReplicaSet", {"apps", "v1", "replicasets", workload}},
      {"DaemonSet", {"apps", "v1", "daemonsets", workload}},
      {"StatefulSet", {"apps", "v1", "statefulsets", workload}},
      {"Job",
       {"batch", "v1", "jobs",
        R"("spec":{"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"restartPolicy":"Never","containers":[{"name":"web","image":"web:1"}]}}})"}},
      {"PersistentVolumeClaim",
       {"", "v1", "persistentvolumeclaims",
        R"("spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}})"}},
      {"PersistentVolume",
       {"", "v1", "persistentvolumes",
        R"("spec":{"accessModes":["ReadWriteOnce"],"capacity":{"storage":"1Gi"},"hostPath":{"path":"/a"}})"}},
      {"PriorityClass", {"scheduling.k8s.io", "v1", "priorityclasses", R"("value":5)"}},
      {"Role",
       {"rbac.authorization.k8s.io", "v1", "roles",
        R"("rules":[{"verbs":["get"],"apiGroups":[""],"resources":["pods"]}])"}},
      {"ClusterRoleBinding",
       {"rbac.authorization.k8s.io", "v1", "clusterrolebindings",
        R"("roleRef":{"apiGroup":"rbac.authorization.k8s.io","kind":"ClusterRole","name":"view"})"}},
      {"ClusterRole",
       {"rbac.authorization.k8s.io", "v1", "clusterroles",
        R"("rules":[{"verbs":["get"],"nonResourceURLs":["/healthz"]}])"}},
      {"NetworkPolicy",
       {"networking.k8s.io", "v1", "networkpolicies", R"("spec":{"podSelector":{}})"}},
      {"Ingress",
       {"networking.k8s.io", "v1", "ingresses",
        R"("spec":{"defaultBackend":{"service":{"name":"web","port":{"number":80}}}})"}},
      {"IngressClass",
       {"networking.k8s.io", "v1", "ingressclasses", R"("spec":{"controller":"example.com/a"})"}},
      {"Namespace", {"", "v1", "namespaces", R"("spec":{"finalizers":["kubernetes"]})"}},
      {"Node", {"", "v1", "nodes", R"("spec":{})"}},
      {"ServiceAccount", {"", "v1", "serviceaccounts", R"("secrets":[])"}},
      {"Event",
       {"", "v1", "events", R"("involvedObject":{"namespace":"default"},"reason":"Seen")"}},
      {"Lease", {"coordination.k8s.io", "v1", "leases", R"("spec":{"leaseDurationSeconds":40})"}},
      {"Endpoints",
       {"", "v1", "endpoints",
        R"("subsets":[{"addresses":[{"ip":"10.0.0.1"}],"ports":[{"port":80}]}])"}},
      {"EndpointSlice",
       {"discovery.k8s.io", "v1", "endpointslices",
        R"("addressType":"IPv4","endpoints":[{"addresses":["10.0.0.1"]}],"ports":[{"port":80}])"}},
      {"LimitRange",
       {"", "v1", "limitranges", R"("spec":{"limits":[{"type":"Container","max":{"cpu":"2"}}]})"}},
      {"ResourceQuota", {"", "v1", "resourcequotas", R"("spec":{"hard":{"pods":"10"}})"}},
      {"PodTemplate", {"", "v1", "podtemplates", R"("template":)" + std::string(kTemplate)}},
      {"PodDisruptionBudget",
       {"policy", "v1", "poddisruptionbudgets", R"("spec":{"minAvailable":1})"}},
      {"CronJob",
       {"batch", "v1", "cronjobs",
        R"("spec":{"schedule":"*/5 * * * *","jobTemplate":{"spec":{"template":{"spec":{"restartPolicy":"Never","containers":[{"name":"web","image":"web:1"}]}}}}})"}},
      {"HorizontalPodAutoscaler",
       {"autoscaling", "v2", "horizontalpodautoscalers",
        R"("spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":3})"}},
      {"RuntimeClass", {"node.k8s.io", "v1", "runtimeclasses", R"("handler":"runc")"}},
      {"CertificateSigningRequest",
       {"certificates.k8s.io", "v1", "certificatesigningrequests",
        R"("spec":{"signerName":"example.com/signer","usages":["client auth"],"request":")" +
            certificate_request() + "\"}"}},
      {"StorageClass",
       {"storage.k8s.io", "v1", "storageclasses", R"("provisioner":"example.com/disk")"}},
  };
  return kBases.at(kind);
}

const api::Resource& resource_of_kind(std::string_view kind) {
  const Base& base = base_of(kind);
  return *api::find_builtin(base.group, base.version, base.plural);
}

const Strategy& strategy_of(const api::Document& object) {
  return strategy_for(resource_of_kind(api::string_at(object, {"kind"})));
}

}  // namespace

api::Document given(std::string_view kind, std::string_view patch) {
  const Base& base = base_of(kind);
  const api::Resource& resource = resource_of_kind(kind);
  auto document = api::parse_json(R"({"apiVersion":")" + resource.api_version() + R"(","kind":")" +
                                  std::string(kind) + R"(","metadata":{"name":"web")" +
                                  (resource.namespaced ? R"(,"namespace":"default")" : "") + "}," +
                                  base.rest + "}");
  const auto changes = api::parse_json(patch);
  EXPECT_TRUE(document && changes) << patch;
  if (!document || !changes) return {};
  auto changed = apply_patch(*document, *changes, PatchKind::Merge, *resource.type);
  EXPECT_TRUE(changed) << patch;
  if (!changed) return {};
  EXPECT_TRUE(api::normalize(*changed, *resource.type)) << patch;
  api::apply_defaults(*changed, resource);
  EXPECT_TRUE(api::normalize(*changed, *resource.type)) << patch;
  return *std::move(changed);
}

Texts texts(const api::FieldErrors& errors) {
  Texts result;
  for (const api::FieldError& error : errors) result.push_back(error.text());
  return result;
}

Texts validated(const api::Document& object) { return texts(strategy_of(object).validate(object)); }

Texts validated_update(const api::Document& now, const api::Document& before) {
  return texts(strategy_of(now).validate_update(now, before));
}

Texts validated_create(const api::Document& object, std::string_view group) {
  CallContext call;
  call.info.group = group;
  return texts(strategy_of(object).validate_create(object, call));
}

Texts validated_update_by(const api::Document& now, const api::Document& before,
                          std::string_view group) {
  CallContext call;
  call.info.group = group;
  return texts(strategy_of(now).validate_update_by(now, before, call));
}

Texts validated_status_update(const api::Document& now, const api::Document& before) {
  return texts(strategy_of(now).validate_status_update(now, before));
}

Texts validated_subresource_update(const api::Document& now, const api::Document& before,
                                   std::string_view subresource) {
  return texts(strategy_of(now).validate_subresource_update(now, before, subresource));
}

void prepare_for_create(api::Document& object) {
  strategy_of(object).prepare_for_create(object, CallContext{});
}

void prepare_for_status_update(api::Document& now, const api::Document& before) {
  strategy_of(now).prepare_for_status_update(now, before);
}

void expect_refused(std::string_view kind, const std::vector<BadObject>& table) {
  EXPECT_EQ(validated(given(kind)), Texts()) << kind;
  for (const BadObject& bad : table) {
    EXPECT_EQ(validated(given(kind, bad.patch)), bad.expected) << kind << " with " << bad.patch;
  }
}

}  // namespace keelson::apiserver::testing
