// SPDX-License-Identifier: Apache-2.0
#include "api/defaulting/defaulting.h"

#include <gtest/gtest.h>

#include "api/codec/json.h"

namespace keelson::api {
namespace {

// Whether `part` is contained in `whole`: its members, and its list elements one by one.
bool contains(const Document& whole, const Document& part) {
  if (const auto* object = part.if_object()) {
    const auto* other = whole.if_object();
    return other && std::ranges::all_of(*object, [&](const auto& member) {
             const Document* value = other->if_contains(member.key());
             // "-" stands for a member that must not be there.
             if (member.value().is_string() && member.value().get_string() == "-") return !value;
             return value && contains(*value, member.value());
           });
  }
  if (const auto* array = part.if_array()) {
    const auto* other = whole.if_array();
    if (!other || other->size() != array->size()) return false;
    for (std::size_t i = 0; i < array->size(); ++i) {
      if (!contains((*other)[i], (*array)[i])) return false;
    }
    return true;
  }
  return whole == part;
}

Document defaulted(std::string_view api_version, std::string_view kind, std::string_view json,
                   Time now = {}) {
  const Type* type = find_root_type(api_version, kind);
  if (!type) return "no such kind";
  Document document = *parse_json(json);
  apply_defaults(document, *type, now);
  return document;
}

struct Case {
  const char* name;
  std::string_view api_version, kind, given, expected;
};

void check(std::span<const Case> cases) {
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const Document actual = defaulted(c.api_version, c.kind, c.given);
    EXPECT_TRUE(contains(actual, *parse_json(c.expected)))
        << to_json(actual) << "\nshould contain\n"
        << c.expected;
  }
}

TEST(Defaulting, MakesThePodThatUpstreamMakes) {
  const Document pod = defaulted("v1", "Pod", R"({"metadata":{"name":"web"},
      "spec":{"containers":[{"name":"c","image":"web","ports":[{"containerPort":80}],
      "readinessProbe":{"httpGet":{"port":80}}}]}})");
  const Document expected = *parse_json(R"({"metadata":{"name":"web"},"spec":{
      "containers":[{"name":"c","image":"web","ports":[{"containerPort":80,"protocol":"TCP"}],
        "readinessProbe":{"httpGet":{"port":80,"path":"/","scheme":"HTTP"},"timeoutSeconds":1,
        "periodSeconds":10,"successThreshold":1,"failureThreshold":3},
        "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File",
        "imagePullPolicy":"Always"}],
      "restartPolicy":"Always","terminationGracePeriodSeconds":30,"dnsPolicy":"ClusterFirst",
      "securityContext":{},"schedulerName":"default-scheduler","enableServiceLinks":true}})");
  EXPECT_EQ(pod, expected) << to_json(pod);
}

TEST(Defaulting, ReachesPodTemplates) {
  const Document deployment = defaulted("apps/v1", "Deployment", R"({"spec":{"template":{
      "spec":{"containers":[{"name":"c","image":"web:1","resources":{"limits":{"cpu":"1"}}}],
      "hostNetwork":true}}}})");
  const Document expected = *parse_json(R"({"spec":{"replicas":1,"revisionHistoryLimit":10,
      "progressDeadlineSeconds":600,
      "strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"25%","maxSurge":"25%"}},
      "template":{"spec":{"containers":[{"name":"c","image":"web:1",
        "resources":{"limits":{"cpu":"1"}},"imagePullPolicy":"IfNotPresent",
        "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}],
        "hostNetwork":true,"restartPolicy":"Always","terminationGracePeriodSeconds":30,
        "dnsPolicy":"ClusterFirst","securityContext":{},"schedulerName":"default-scheduler"}}}})");
  EXPECT_EQ(deployment, expected) << to_json(deployment);
}

TEST(Defaulting, PullsWhatMayChangeAlways) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"web", "Always"},
      {"web:latest", "Always"},
      {"registry:5000/web", "Always"},
      {"registry.example/team/web", "Always"},
      {"web:latest@sha256:0123456789abcdef", "Always"},
      {"web:1", "IfNotPresent"},
      {"registry:5000/web:1", "IfNotPresent"},
      {"web@sha256:0123456789abcdef", "IfNotPresent"},
      {"", "IfNotPresent"},
      {"Web", "IfNotPresent"},
  };
  for (const auto& [image, policy] : cases) {
    Document pod = boost::json::object{
        {"spec",
         boost::json::object{
             {"containers",
              boost::json::array{boost::json::object{{"image", boost::json::string_view(image)}}}},
             {"volumes", boost::json::array{boost::json::object{
                             {"image", boost::json::object{
                                           {"reference", boost::json::string_view(image)}}}}}}}}};
    apply_defaults(pod, *find_root_type("v1", "Pod"));
    EXPECT_EQ(pod.at_pointer("/spec/containers/0/imagePullPolicy").as_string(),
              boost::json::string_view(policy))
        << image;
    EXPECT_EQ(pod.at_pointer("/spec/volumes/0/image/pullPolicy").as_string(),
              boost::json::string_view(policy))
        << image;
  }
}

TEST(Defaulting, FollowsTheConditionsOfCore) {
  const Case cases[] = {
      {"ephemeral containers", "v1", "Pod", R"({"spec":{"ephemeralContainers":[{"image":"a:1"}]}})",
       R"({"spec":{"ephemeralContainers":[{"imagePullPolicy":"IfNotPresent",
           "terminationMessagePath":"/dev/termination-log","terminationMessagePolicy":"File"}]}})"},
      {"the old name of the service account", "v1", "Pod", R"({"spec":{"serviceAccount":"a"}})",
       R"({"spec":{"serviceAccount":"a","serviceAccountName":"a"}})"},
      {"the new name before the old", "v1", "ReplicationController",
       R"({"spec":{"template":{"spec":{"serviceAccount":"a","serviceAccountName":"b"}}}})",
       R"({"spec":{"template":{"spec":{"serviceAccount":"b","serviceAccountName":"b"}}}})"},
      {"no service account", "v1", "Pod", R"({"spec":{}})",
       R"({"spec":{"serviceAccount":"-","serviceAccountName":"-"}})"},
      {"a volume without a source", "v1", "Pod", R"({"spec":{"volumes":[{"name":"a"},
           {"name":"b","hostPath":{"path":"/"}}]}})",
       R"({"spec":{"volumes":[{"emptyDir":{}},{"emptyDir":"-","hostPath":{"type":""}}]}})"},
      {"requests from limits", "v1", "Pod", R"({"spec":{
           "containers":[{"resources":{"limits":{"cpu":"1","memory":"1Gi"},"requests":{"cpu":"500m"}}}],
           "initContainers":[{"resources":{"limits":{"cpu":"2"}}}]}})",
       R"({"spec":{"containers":[{"resources":{"requests":{"cpu":"500m","memory":"1Gi"}}}],
           "initContainers":[{"resources":{"requests":{"cpu":"2"}}}]}})"},
      {"no requests from limits in templates", "v1", "PodTemplate",
       R"({"template":{"spec":{"containers":[{"resources":{"limits":{"cpu":"1"}}}]}}})",
       R"({"template":{"spec":{"containers":[{"resources":{"requests":"-"}}],
           "enableServiceLinks":"-"}}})"},
      {"host ports", "v1", "Pod", R"({"spec":{"hostNetwork":true,
           "containers":[{"ports":[{"containerPort":80},{"containerPort":81,"hostPort":82}]}]}})",
       R"({"spec":{"containers":[{"ports":[{"hostPort":80},{"hostPort":82}]}]}})"},
      {"amounts finer than a thousandth", "v1", "Pod",
       R"({"spec":{"containers":[{"resources":{"requests":{"cpu":"1.0001","memory":"1.5Gi"}}}]}})",
       R"({"spec":{"containers":[{"resources":{"requests":{"cpu":"1001m","memory":"1.5Gi"}}}]}})"},
      {"requests of the pod from its containers and its limits", "v1", "Pod",
       R"({"spec":{"resources":{"limits":{"cpu":"4","memory":"1Gi"}},
           "containers":[{"resources":{"requests":{"cpu":"500m"}}},
                         {"resources":{"requests":{"cpu":"1"}}}],
           "initContainers":[{"resources":{"requests":{"cpu":"1"}}},
                             {"restartPolicy":"Always","resources":{"requests":{"cpu":"250m"}}}]}})",
       R"({"spec":{"resources":{"requests":{"cpu":"1750m","memory":"1Gi"}}}})"},
      {"huge pages of the pod from its containers", "v1", "Pod",
       R"({"spec":{"resources":{"limits":{"cpu":"1"}},
           "containers":[{"resources":{"limits":{"hugepages-2Mi":"4Mi"}}},
                         {"resources":{"limits":{"hugepages-2Mi":"2Mi"}}}]}})",
       R"({"spec":{"resources":{"limits":{"cpu":"1","hugepages-2Mi":"6Mi"},
                                "requests":{"cpu":"1","hugepages-2Mi":"6Mi"}}}})"},
      {"no resources of the pod where it states none", "v1", "Pod",
       R"({"spec":{"containers":[{"resources":{"requests":{"cpu":"1"}}}]}})",
       R"({"spec":{"resources":"-"}})"},
      {"replication controller", "v1", "ReplicationController",
       R"({"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}})",
       R"({"metadata":{"labels":{"a":"b"}},"spec":{"replicas":1,"selector":{"a":"b"}}})"},
      {"replication controller with a selector", "v1", "ReplicationController",
       R"({"metadata":{"labels":{"c":"d"}},"spec":{"selector":{"e":"f"},
           "template":{"metadata":{"labels":{"a":"b"}}}}})",
       R"({"metadata":{"labels":{"a":"-","c":"d"}},"spec":{"selector":{"a":"-","e":"f"}}})"},
      {"service", "v1", "Service", R"({"spec":{"ports":[{"port":80},{"port":81,"targetPort":"a"},
           {"port":82,"targetPort":0},{"port":83,"targetPort":""}]}})",
       R"({"spec":{"type":"ClusterIP","sessionAffinity":"None","internalTrafficPolicy":"Cluster",
           "externalTrafficPolicy":"-","allocateLoadBalancerNodePorts":"-",
           "ports":[{"targetPort":80,"protocol":"TCP"},{"targetPort":"a"},{"targetPort":82},
                    {"targetPort":83}]}})"},
      {"service with external addresses", "v1", "Service",
       R"({"spec":{"externalIPs":["1.2.3.4"]}})",
       R"({"spec":{"externalTrafficPolicy":"Cluster"}})"},
      {"node port", "v1", "Service", R"({"spec":{"type":"NodePort"}})",
       R"({"spec":{"externalTrafficPolicy":"Cluster","internalTrafficPolicy":"Cluster",
           "allocateLoadBalancerNodePorts":"-"}})"},
      {"load balancer", "v1", "Service", R"({"spec":{"type":"LoadBalancer"},
           "status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"},{"hostname":"a"}]}}})",
       R"({"spec":{"externalTrafficPolicy":"Cluster","allocateLoadBalancerNodePorts":true},
           "status":{"loadBalancer":{"ingress":[{"ipMode":"VIP"},{"ipMode":"-"}]}}})"},
      {"external name", "v1", "Service", R"({"spec":{"type":"ExternalName"}})",
       R"({"spec":{"internalTrafficPolicy":"-","externalTrafficPolicy":"-"}})"},
      {"affinity", "v1", "Service", R"({"spec":{"sessionAffinity":"ClientIP"}})",
       R"({"spec":{"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":10800}}}})"},
      {"affinity with a timeout", "v1", "Service", R"({"spec":{"sessionAffinity":"ClientIP",
           "sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}}}})",
       R"({"spec":{"sessionAffinityConfig":{"clientIP":{"timeoutSeconds":5}}}})"},
      {"no affinity", "v1", "Service", R"({"spec":{"sessionAffinityConfig":{"clientIP":{}}}})",
       R"({"spec":{"sessionAffinityConfig":"-"}})"},
      {"namespace", "v1", "Namespace",
       R"({"metadata":{"name":"a","labels":{"kubernetes.io/metadata.name":"b"}}})",
       R"({"metadata":{"labels":{"kubernetes.io/metadata.name":"a"}},"status":{"phase":"Active"}})"},
      {"node", "v1", "Node", R"({"status":{"capacity":{"cpu":"2"}}})",
       R"({"status":{"allocatable":{"cpu":"2"}}})"},
      {"node that tells", "v1", "Node", R"({"status":{"capacity":{"cpu":"2"},"allocatable":{}}})",
       R"({"status":{"allocatable":{"cpu":"-"}}})"},
      {"limit range", "v1", "LimitRange", R"({"spec":{"limits":[{"type":"Container",
           "max":{"cpu":"4","memory":"1Gi"},"default":{"cpu":"2"},"min":{"cpu":"1","disk":"3"}},
           {"type":"Pod","max":{"cpu":"1"}}]}})",
       R"({"spec":{"limits":[{"default":{"cpu":"2","memory":"1Gi"},
           "defaultRequest":{"cpu":"2","memory":"1Gi","disk":"3"}},{"default":"-"}]}})"},
      {"claims in a template", "apps/v1", "StatefulSet",
       R"({"spec":{"volumeClaimTemplates":[{}]}})",
       R"({"spec":{"volumeClaimTemplates":[{"spec":{"volumeMode":"Filesystem"},
           "status":{"phase":"Pending"}}]}})"},
  };
  check(cases);
}

TEST(Defaulting, FollowsTheConditionsOfOtherGroups) {
  const Case cases[] = {
      {"deployment that is recreated", "apps/v1", "Deployment",
       R"({"spec":{"strategy":{"type":"Recreate"}}})",
       R"({"spec":{"strategy":{"rollingUpdate":"-"}}})"},
      {"deployment with its own surge", "apps/v1", "Deployment",
       R"({"spec":{"strategy":{"rollingUpdate":{"maxSurge":2}}}})",
       R"({"spec":{"strategy":{"type":"RollingUpdate",
           "rollingUpdate":{"maxSurge":2,"maxUnavailable":"25%"}}}})"},
      {"daemon set", "apps/v1", "DaemonSet", R"({"spec":{}})",
       R"({"spec":{"updateStrategy":{"type":"RollingUpdate",
           "rollingUpdate":{"maxUnavailable":1,"maxSurge":0}}}})"},
      {"stateful set", "apps/v1", "StatefulSet", R"({"spec":{}})",
       R"({"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":0,
           "maxUnavailable":"-"}},"podManagementPolicy":"OrderedReady",
           "persistentVolumeClaimRetentionPolicy":{"whenDeleted":"Retain","whenScaled":"Retain"}}})"},
      {"stateful set with a type", "apps/v1", "StatefulSet",
       R"({"spec":{"updateStrategy":{"type":"RollingUpdate"}}})",
       R"({"spec":{"updateStrategy":{"rollingUpdate":"-"}}})"},
      {"stateful set updated on delete", "apps/v1", "StatefulSet",
       R"({"spec":{"updateStrategy":{"type":"OnDelete"}}})",
       R"({"spec":{"updateStrategy":{"rollingUpdate":"-"}}})"},
      {"job", "batch/v1", "Job", R"({"spec":{"template":{"metadata":{"labels":{"a":"b"}}}}})",
       R"({"metadata":{"labels":{"a":"b"}},"spec":{"completions":1,"parallelism":1,
           "backoffLimit":6,"podReplacementPolicy":"TerminatingOrFailed"}})"},
      {"job with parallelism", "batch/v1", "Job", R"({"spec":{"parallelism":3}})",
       R"({"spec":{"parallelism":3,"completions":"-"}})"},
      {"job with completions", "batch/v1", "Job", R"({"spec":{"completions":3}})",
       R"({"spec":{"parallelism":1,"completions":3}})"},
      {"job with limits per index", "batch/v1", "Job",
       R"({"spec":{"backoffLimitPerIndex":1,"podFailurePolicy":{"rules":[]}}})",
       R"({"spec":{"backoffLimit":2147483647,"podReplacementPolicy":"Failed"}})"},
      {"cron job's template stays", "batch/v1", "CronJob",
       R"({"spec":{"jobTemplate":{"spec":{}}}})",
       R"({"spec":{"jobTemplate":{"spec":{"completions":"-"}}}})"},
      {"autoscaler", "autoscaling/v2", "HorizontalPodAutoscaler", R"({"spec":{}})",
       R"({"spec":{"minReplicas":1,"behavior":"-","metrics":[{"type":"Resource","resource":{
           "name":"cpu","target":{"type":"Utilization","averageUtilization":80}}}]}})"},
      {"autoscaler with behavior", "autoscaling/v2", "HorizontalPodAutoscaler",
       R"({"spec":{"behavior":{"scaleUp":{"selectPolicy":"Min"}}}})",
       R"({"spec":{"behavior":{
           "scaleUp":{"selectPolicy":"Min","stabilizationWindowSeconds":0,"policies":[
             {"type":"Pods","value":4,"periodSeconds":15},
             {"type":"Percent","value":100,"periodSeconds":15}]},
           "scaleDown":{"selectPolicy":"Max","stabilizationWindowSeconds":"-","policies":[
             {"type":"Percent","value":100,"periodSeconds":15}]}}}})"},
      {"network policy", "networking.k8s.io/v1", "NetworkPolicy", R"({"spec":{}})",
       R"({"spec":{"policyTypes":["Ingress"]}})"},
      {"network policy for leaving", "networking.k8s.io/v1", "NetworkPolicy",
       R"({"spec":{"egress":[{}]}})", R"({"spec":{"policyTypes":["Ingress","Egress"]}})"},
      {"ingress class", "networking.k8s.io/v1", "IngressClass", R"({"spec":{"parameters":{}}})",
       R"({"spec":{"parameters":{"scope":"Cluster"}}})"},
      {"ingress class without parameters", "networking.k8s.io/v1", "IngressClass", R"({"spec":{}})",
       R"({"spec":{"parameters":"-"}})"},
      {"subjects", "rbac.authorization.k8s.io/v1", "RoleBinding",
       R"({"subjects":[{"kind":"User"},{"kind":"Group"},{"kind":"ServiceAccount"}]})",
       R"({"subjects":[{"apiGroup":"rbac.authorization.k8s.io"},
           {"apiGroup":"rbac.authorization.k8s.io"},{"apiGroup":"-"}]})"},
      {"rules of policies", "admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy",
       R"({"spec":{"matchConstraints":{"resourceRules":[{}]}}})",
       R"({"spec":{"matchConstraints":{"resourceRules":[{"scope":"*"}]}}})"},
      {"device request", "resource.k8s.io/v1", "ResourceClaim",
       R"({"spec":{"devices":{"requests":[{"exactly":{}},{"exactly":{"allocationMode":"All"}},
           {"firstAvailable":[{}]}]}}})",
       R"({"spec":{"devices":{"requests":[{"exactly":{"allocationMode":"ExactCount","count":1}},
           {"exactly":{"count":"-"}},
           {"firstAvailable":[{"allocationMode":"ExactCount","count":1}]}]}}})"},
      {"device request of beta 2", "resource.k8s.io/v1beta2", "ResourceClaim",
       R"({"spec":{"devices":{"requests":[{"exactly":{}},{"firstAvailable":[{}]}]}}})",
       R"({"spec":{"devices":{"requests":[{"exactly":{"count":1}},
           {"firstAvailable":[{"count":1}]}]}}})"},
      {"device request of beta 1", "resource.k8s.io/v1beta1", "ResourceClaim",
       R"({"spec":{"devices":{"requests":[{"deviceClassName":"a"},{"firstAvailable":[{}]}]}}})",
       R"({"spec":{"devices":{"requests":[{"allocationMode":"ExactCount","count":1},
           {"allocationMode":"-","firstAvailable":[{"count":1}]}]}}})"},
      {"definition", "apiextensions.k8s.io/v1", "CustomResourceDefinition",
       R"({"spec":{"names":{"kind":"FooBar"},"versions":[{"name":"v1","storage":false},
           {"name":"v2","storage":true}]}})",
       R"({"spec":{"names":{"singular":"foobar","listKind":"FooBarList"},
           "conversion":{"strategy":"None"}},"status":{"storedVersions":["v2"]}})"},
  };
  check(cases);
}

TEST(Defaulting, TaintsGetTheTimeNow) {
  const Time now = *Time::parse("2030-01-02T03:04:05Z");
  for (const std::string_view version : {"v1", "v1beta2"}) {
    const Document slice = defaulted(
        "resource.k8s.io/" + std::string(version), "ResourceSlice",
        R"({"spec":{"devices":[{"taints":[{},{"timeAdded":"2020-01-01T00:00:00Z"}]}]}})", now);
    EXPECT_EQ(slice.at_pointer("/spec/devices/0/taints/0/timeAdded"), "2030-01-02T03:04:05Z");
    EXPECT_EQ(slice.at_pointer("/spec/devices/0/taints/1/timeAdded"), "2020-01-01T00:00:00Z");
  }
  const Document basic = defaulted("resource.k8s.io/v1beta1", "ResourceSlice",
                                   R"({"spec":{"devices":[{"basic":{"taints":[{}]}}]}})", now);
  EXPECT_EQ(basic.at_pointer("/spec/devices/0/basic/taints/0/timeAdded"), "2030-01-02T03:04:05Z");
  const Document rule =
      defaulted("resource.k8s.io/v1alpha3", "DeviceTaintRule", R"({"spec":{"taint":{}}})", now);
  EXPECT_EQ(rule.at_pointer("/spec/taint/timeAdded"), "2030-01-02T03:04:05Z");
}

TEST(Defaulting, LeavesOtherKindsAndWrongTypesAlone) {
  EXPECT_EQ(to_json(defaulted("v1", "Event", R"({"reason":"x"})")), R"({"reason":"x"})");
  EXPECT_EQ(to_json(defaulted("v1", "ConfigMap", "{}")), "{}");
  const Document pod = defaulted("v1", "Pod", R"({"spec":{"containers":"none","volumes":[1]}})");
  EXPECT_EQ(pod.at_pointer("/spec/containers"), "none");
  EXPECT_EQ(pod.at_pointer("/spec/volumes/0"), 1);
  EXPECT_EQ(to_json(defaulted("v1", "Pod", R"({"spec":7})")), R"({"spec":7})");
}

TEST(Defaulting, AppliedTwiceChangesNothing) {
  for (const GroupVersion* group_version : builtin_group_versions()) {
    for (const Resource& resource : group_version->resources) {
      if (!resource.type) continue;
      Document once = boost::json::object{{"metadata", boost::json::object{{"name", "a"}}}};
      apply_defaults(once, resource);
      Document twice = once;
      apply_defaults(twice, resource);
      EXPECT_EQ(once, twice) << resource.kind;
    }
  }
}

}  // namespace
}  // namespace keelson::api
