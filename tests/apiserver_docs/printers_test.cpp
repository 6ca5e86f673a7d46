// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <chrono>
#include <string>

#include "api/codec/json.h"
#include "apiserver/printers/cells.h"
#include "apiserver/printers/printer.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

// 2026-01-02T00:00:00Z; the objects below were made a day before, which is "24h".
constexpr Wall kNow{1767312000s};
constexpr std::string_view kMeta = R"("metadata":{"name":"a","namespace":"default","uid":"1",)"
                                   R"("creationTimestamp":"2026-01-01T00:00:00Z")";

api::ObjectPtr make(std::string_view api_version, std::string_view kind, std::string_view meta,
                    std::string_view rest) {
  std::string json = R"({"apiVersion":")" + std::string(api_version) + R"(","kind":")" +
                     std::string(kind) + R"(",)" + std::string(kMeta) + std::string(meta) + "}" +
                     std::string(rest.empty() ? "" : ",") + std::string(rest) + "}";
  auto object = api::Object::from_json(std::move(json));
  EXPECT_TRUE(object.has_value()) << kind;
  return object.value_or(nullptr);
}

std::string cells(std::string_view group, std::string_view version, std::string_view kind,
                  std::string_view rest, std::string_view meta = "") {
  const api::Resource* resource = api::find_builtin_kind(group, version, kind);
  if (resource == nullptr) return "no such kind";
  const auto object = make(resource->api_version(), kind, meta, rest);
  const auto row = cells_of(*resource, *object, kNow);
  EXPECT_EQ(row.size(), columns_of(*resource).size()) << kind;
  return api::to_json(row);
}

TEST(HumanDuration, ShowsTwoUnitsWhereTheFirstIsSmall) {
  struct Case {
    Duration duration;
    std::string_view text;
  };
  const Case cases[] = {
      {-2s, "<invalid>"},
      {0s, "0s"},
      {119s, "119s"},
      {2min, "2m"},
      {5min + 30s, "5m30s"},
      {10min + 30s, "10m"},
      {179min, "179m"},
      {3h, "3h"},
      {7h + 59min, "7h59m"},
      {8h + 59min, "8h"},
      {47h, "47h"},
      {48h, "2d"},
      {76h, "3d4h"},
      {8 * 24h + 5h, "8d"},
      {2 * 365 * 24h, "2y"},
      {2 * 365 * 24h + 24h, "2y1d"},
      {9 * 365 * 24h + 24h, "9y"},
  };
  for (const Case& c : cases) EXPECT_EQ(human_duration(c.duration), c.text);
}

TEST(Pods, AreSummedUpInOneWord) {
  struct Case {
    std::string_view name, meta, spec, status, expected;
  };
  const Case cases[] = {
      {"running", "", R"("nodeName":"n1","containers":[{"name":"c"}])",
       R"("phase":"Running","podIPs":[{"ip":"10.0.0.5"}],"containerStatuses":[{"name":"c",)"
       R"("ready":true,"restartCount":0,"state":{"running":{}}}])",
       R"(["a","1/1","Running","0","24h","10.0.0.5","n1","<none>","<none>"])"},
      {"pending", "", R"("containers":[{"name":"c"}])", R"("phase":"Pending")",
       R"(["a","0/1","Pending","0","24h","<none>","<none>","<none>","<none>"])"},
      {"creating", "", R"("containers":[{"name":"c"}])",
       R"("phase":"Pending","containerStatuses":[{"name":"c","state":{"waiting":)"
       R"({"reason":"ContainerCreating"}}}])",
       R"(["a","0/1","ContainerCreating","0","24h","<none>","<none>","<none>","<none>"])"},
      {"crash loop", "", R"("containers":[{"name":"c"}])",
       R"("phase":"Running","containerStatuses":[{"name":"c","restartCount":3,"state":{"waiting":)"
       R"({"reason":"CrashLoopBackOff"}},"lastState":{"terminated":{"exitCode":1,)"
       R"("finishedAt":"2026-01-01T23:55:00Z"}}}])",
       R"_(["a","0/1","CrashLoopBackOff","3 (5m ago)","24h","<none>","<none>","<none>","<none>"])_"},
      {"completed", "", R"("containers":[{"name":"c"}])",
       R"("phase":"Succeeded","containerStatuses":[{"name":"c","state":{"terminated":)"
       R"({"exitCode":0,"reason":"Completed"}}}])",
       R"(["a","0/1","Completed","0","24h","<none>","<none>","<none>","<none>"])"},
      {"killed without a reason", "", R"("containers":[{"name":"c"}])",
       R"("phase":"Failed","containerStatuses":[{"name":"c","state":{"terminated":)"
       R"({"exitCode":137,"signal":9}}}])",
       R"(["a","0/1","Signal:9","0","24h","<none>","<none>","<none>","<none>"])"},
      {"one of two completed", "", R"("containers":[{"name":"c"},{"name":"d"}])",
       R"("phase":"Running","conditions":[{"type":"Ready","status":"False"}],"containerStatuses":)"
       R"([{"name":"c","state":{"terminated":{"exitCode":0,"reason":"Completed"}}},)"
       R"({"name":"d","ready":true,"state":{"running":{}}}])",
       R"(["a","1/2","NotReady","0","24h","<none>","<none>","<none>","<none>"])"},
      {"first init container running", "",
       R"("initContainers":[{"name":"i"},{"name":"j"}],"containers":[{"name":"c"}])",
       R"("phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":)"
       R"({"exitCode":0}}},{"name":"j","restartCount":2,"state":{"running":{}}}])",
       R"(["a","0/1","Init:1/2","2","24h","<none>","<none>","<none>","<none>"])"},
      {"init container failed", "",
       R"("initContainers":[{"name":"i"}],"containers":[{"name":"c"}])",
       R"("phase":"Pending","initContainerStatuses":[{"name":"i","state":{"terminated":)"
       R"({"exitCode":2,"reason":"Error"}}}])",
       R"(["a","0/1","Init:Error","0","24h","<none>","<none>","<none>","<none>"])"},
      {"sidecar counts", "",
       R"("initContainers":[{"name":"s","restartPolicy":"Always"}],"containers":[{"name":"c"}])",
       R"("phase":"Running","initContainerStatuses":[{"name":"s","ready":true,"started":true,)"
       R"("restartCount":1,"state":{"running":{}}}],"containerStatuses":[{"name":"c",)"
       R"("ready":true,"state":{"running":{}}}])",
       R"(["a","2/2","Running","1","24h","<none>","<none>","<none>","<none>"])"},
      {"terminating", R"(,"deletionTimestamp":"2026-01-01T12:00:00Z")",
       R"("containers":[{"name":"c"}])", R"("phase":"Running")",
       R"(["a","0/1","Terminating","0","24h","<none>","<none>","<none>","<none>"])"},
      {"deleted but over", R"(,"deletionTimestamp":"2026-01-01T12:00:00Z")",
       R"("containers":[{"name":"c"}])", R"("phase":"Succeeded")",
       R"(["a","0/1","Succeeded","0","24h","<none>","<none>","<none>","<none>"])"},
      {"evicted", "", R"("containers":[{"name":"c"}])", R"("phase":"Failed","reason":"Evicted")",
       R"(["a","0/1","Evicted","0","24h","<none>","<none>","<none>","<none>"])"},
      {"gated, with readiness gates", "",
       R"("containers":[{"name":"c"}],"readinessGates":[{"conditionType":"x"},)"
       R"({"conditionType":"y"}])",
       R"("phase":"Pending","nominatedNodeName":"n2","conditions":[{"type":"PodScheduled",)"
       R"("status":"False","reason":"SchedulingGated"},{"type":"x","status":"True"}])",
       R"(["a","0/1","SchedulingGated","0","24h","<none>","<none>","n2","1/2"])"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.name);
    const std::string rest =
        R"("spec":{)" + std::string(c.spec) + R"(},"status":{)" + std::string(c.status) + "}";
    EXPECT_EQ(cells("", "v1", "Pod", rest, c.meta), c.expected);
  }
}

TEST(Rows, ShowEachKindAsUpstreamDoes) {
  struct Case {
    std::string_view group, version, kind, rest, expected;
    std::string_view meta = "";
  };
  const Case cases[] = {
      {"apps", "v1", "Deployment",
       R"("spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}},"template":{"spec":)"
       R"({"containers":[{"name":"c","image":"nginx"},{"name":"d","image":"envoy"}]}}},)"
       R"("status":{"readyReplicas":2,"updatedReplicas":3,"availableReplicas":1})",
       R"(["a","2/3",3,1,"24h","c,d","nginx,envoy","app=web"])"},
      {"apps", "v1", "ReplicaSet",
       R"("spec":{"replicas":3,"selector":{"matchLabels":{"app":"web"}}},)"
       R"("status":{"replicas":3,"readyReplicas":2})",
       R"(["a",3,3,2,"24h","","","app=web"])"},
      {"apps", "v1", "StatefulSet", R"("spec":{"replicas":2},"status":{"readyReplicas":1})",
       R"(["a","1/2","24h","",""])"},
      {"apps", "v1", "DaemonSet",
       R"("spec":{"template":{"spec":{"nodeSelector":{"os":"linux"}}}},)"
       R"("status":{"desiredNumberScheduled":5,"currentNumberScheduled":4,"numberReady":3,)"
       R"("updatedNumberScheduled":2,"numberAvailable":1})",
       R"(["a",5,4,3,2,1,"os=linux","24h","","","<none>"])"},
      {"apps", "v1", "ControllerRevision", R"("revision":7)",
       R"(["a","statefulset.apps/web",7,"24h"])",
       R"(,"ownerReferences":[{"apiVersion":"apps/v1","kind":"StatefulSet","name":"web",)"
       R"("uid":"2","controller":true}])"},
      {"batch", "v1", "Job",
       R"("spec":{"completions":3},"status":{"succeeded":1,"startTime":"2026-01-01T23:59:00Z"})",
       R"(["a","Running","1/3","60s","24h","","","<none>"])"},
      {"batch", "v1", "Job",
       R"("spec":{"parallelism":4},"status":{"succeeded":1,"startTime":"2026-01-01T23:00:00Z",)"
       R"("completionTime":"2026-01-01T23:05:30Z","conditions":[{"type":"Complete",)"
       R"("status":"True"}]})",
       R"(["a","Complete","1/1 of 4","5m30s","24h","","","<none>"])"},
      {"batch", "v1", "CronJob",
       R"("spec":{"schedule":"* * * * *","suspend":false},"status":{"lastScheduleTime":)"
       R"("2026-01-01T23:59:30Z"})",
       R"(["a","* * * * *","<none>","False",0,"30s","24h","","","<none>"])"},
      {"", "v1", "Service",
       R"("spec":{"type":"NodePort","clusterIP":"10.96.0.1","clusterIPs":["10.96.0.1"],)"
       R"("ports":[{"port":80,"nodePort":30080,"protocol":"TCP"},{"port":53,"protocol":"UDP"}],)"
       R"("selector":{"app":"web"}})",
       R"(["a","NodePort","10.96.0.1","<none>","80:30080/TCP,53/UDP","24h","app=web"])"},
      {"", "v1", "Service", R"("spec":{"type":"LoadBalancer","clusterIP":"10.96.0.1"})",
       R"(["a","LoadBalancer","10.96.0.1","<pending>","<none>","24h","<none>"])"},
      {"", "v1", "Service",
       R"("spec":{"type":"LoadBalancer","clusterIP":"10.96.0.1","externalIPs":["1.2.3.4"]},)"
       R"("status":{"loadBalancer":{"ingress":[{"hostname":"lb"},{"ip":"5.6.7.8"}]}})",
       R"(["a","LoadBalancer","10.96.0.1","5.6.7.8,lb,1.2.3.4","<none>","24h","<none>"])"},
      {"", "v1", "Service", R"("spec":{"type":"ExternalName","externalName":"example.com"})",
       R"(["a","ExternalName","<none>","example.com","<none>","24h","<none>"])"},
      {"", "v1", "Endpoints",
       R"("subsets":[{"addresses":[{"ip":"10.0.0.1"},{"ip":"fd00::1"}],"ports":[{"port":80},)"
       R"({"port":443}]}])",
       R"(["a","10.0.0.1:80,[fd00::1]:80,10.0.0.1:443 + 1 more...","24h"])"},
      {"discovery.k8s.io", "v1", "EndpointSlice",
       R"("addressType":"IPv4","endpoints":[{"addresses":["1","2"]},{"addresses":["3","4"]}],)"
       R"("ports":[{"port":80}])",
       R"(["a","IPv4","80","1,2,3 + 1 more...","24h"])"},
      {"discovery.k8s.io", "v1", "EndpointSlice", R"("addressType":"IPv4","endpoints":[])",
       R"(["a","IPv4","<unset>","<unset>","24h"])"},
      {"networking.k8s.io", "v1", "Ingress",
       R"("spec":{"ingressClassName":"nginx","tls":[{}],"rules":[{"host":"a.b"},{"host":"c.d"}]},)"
       R"("status":{"loadBalancer":{"ingress":[{"ip":"1.2.3.4"}]}})",
       R"(["a","nginx","a.b,c.d","1.2.3.4","80, 443","24h"])"},
      {"networking.k8s.io", "v1", "Ingress", R"("spec":{})", R"(["a","<none>","*","","80","24h"])"},
      {"networking.k8s.io", "v1", "IngressClass",
       R"("spec":{"controller":"c","parameters":{"apiGroup":"g","kind":"K","name":"p"}})",
       R"(["a","c","K.g/p","24h"])"},
      {"networking.k8s.io", "v1", "NetworkPolicy", R"("spec":{"podSelector":{}})",
       R"(["a","<none>","24h"])"},
      {"", "v1", "Node",
       R"("spec":{"unschedulable":true},"status":{"conditions":[{"type":"Ready","status":"True"}],)"
       R"("addresses":[{"type":"InternalIP","address":"10.0.0.2"}],"nodeInfo":)"
       R"({"kubeletVersion":"v1.36.0","osImage":"Debian"}})",
       R"(["a","Ready,SchedulingDisabled","control-plane","24h","v1.36.0","10.0.0.2","<none>",)"
       R"("Debian","<unknown>","<unknown>"])",
       R"(,"labels":{"node-role.kubernetes.io/control-plane":""})"},
      {"", "v1", "Node", R"("status":{"conditions":[{"type":"Ready","status":"Unknown"}]})",
       R"(["a","NotReady","<none>","24h","","<none>","<none>","<unknown>","<unknown>",)"
       R"("<unknown>"])"},
      {"", "v1", "Event",
       R"("involvedObject":{"kind":"Pod","name":"web","fieldPath":"spec.containers{c}"},)"
       R"("type":"Normal","reason":"Pulled","message":" done \n","count":3,)"
       R"("source":{"component":"kubelet","host":"n1"},"firstTimestamp":"2026-01-01T23:00:00Z",)"
       R"("lastTimestamp":"2026-01-01T23:59:00Z")",
       R"(["60s","Normal","Pulled","pod/web","spec.containers{c}","kubelet, n1","done","60m",3,)"
       R"("a"])"},
      {"events.k8s.io", "v1", "Event",
       R"("regarding":{"kind":"Pod","name":"web"},"type":"Normal","reason":"Scheduled","note":"n",)"
       R"("eventTime":"2026-01-01T23:59:00.000000Z","reportingController":"scheduler",)"
       R"("series":{"count":5,"lastObservedTime":"2026-01-01T23:59:50.000000Z"})",
       R"(["10s","Normal","Scheduled","pod/web","","scheduler","n","60s",5,"a"])"},
      {"", "v1", "Namespace", R"("status":{"phase":"Active"})", R"(["a","Active","24h"])"},
      {"", "v1", "Secret", R"("type":"Opaque","data":{"k":"dg=="})", R"(["a","Opaque",1,"24h"])"},
      {"", "v1", "ConfigMap", R"("data":{"k":"v"},"binaryData":{"b":"dg=="})", R"(["a",2,"24h"])"},
      {"", "v1", "ServiceAccount", "", R"(["a","24h"])"},
      {"", "v1", "PersistentVolume",
       R"("spec":{"capacity":{"storage":"10Gi"},"accessModes":["ReadWriteMany","ReadWriteOnce"],)"
       R"("persistentVolumeReclaimPolicy":"Retain","claimRef":{"namespace":"ns","name":"c"},)"
       R"("storageClassName":"fast","volumeMode":"Filesystem"},"status":{"phase":"Bound"})",
       R"(["a","10Gi","RWO,RWX","Retain","Bound","ns/c","fast","<unset>","","24h","Filesystem"])"},
      {"", "v1", "PersistentVolumeClaim",
       R"("spec":{"volumeName":"pv","storageClassName":"fast"},"status":{"phase":"Bound",)"
       R"("capacity":{"storage":"1Gi"},"accessModes":["ReadWriteOncePod"]})",
       R"(["a","Bound","pv","1Gi","RWOP","fast","<unset>","24h","<unset>"])"},
      {"", "v1", "PersistentVolumeClaim",
       R"("spec":{"accessModes":["ReadWriteOnce"]},"status":{"phase":"Pending"})",
       R"(["a","Pending","","","","","<unset>","24h","<unset>"])"},
      {"", "v1", "ResourceQuota",
       R"("status":{"hard":{"pods":"10","limits.cpu":"2"},"used":{"pods":"3"}})",
       R"(["a","pods: 3/10","limits.cpu: 0/2","24h"])"},
      {"", "v1", "ReplicationController",
       R"("spec":{"replicas":2,"selector":{"a":"b"}},"status":{"replicas":1,"readyReplicas":1})",
       R"(["a",2,1,1,"24h","","","a=b"])"},
      {"", "v1", "ComponentStatus",
       R"("conditions":[{"type":"Healthy","status":"True","message":"ok"}])",
       R"(["a","Healthy","ok",""])"},
      {"autoscaling", "v2", "HorizontalPodAutoscaler",
       R"("spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"minReplicas":1,)"
       R"("maxReplicas":5,"metrics":[{"type":"Resource","resource":{"name":"cpu","target":)"
       R"({"type":"Utilization","averageUtilization":80}}},{"type":"Pods","pods":{"metric":)"
       R"({"name":"q"},"target":{"type":"AverageValue","averageValue":"30"}}},{"type":"External",)"
       R"("external":{"metric":{"name":"e"},"target":{"type":"Value","value":"1"}}}]},)"
       R"("status":{"currentReplicas":2,"currentMetrics":[{"type":"Resource","resource":)"
       R"({"name":"cpu","current":{"averageUtilization":12}}}]})",
       R"(["a","Deployment/web","cpu: 12%/80%, <unknown>/30 + 1 more...","1",5,2,"24h"])"},
      {"autoscaling", "v1", "HorizontalPodAutoscaler",
       R"("spec":{"scaleTargetRef":{"kind":"Deployment","name":"web"},"maxReplicas":5,)"
       R"("targetCPUUtilizationPercentage":80})",
       R"(["a","Deployment/web","cpu: <unknown>/80%","<unset>",5,0,"24h"])"},
      {"policy", "v1", "PodDisruptionBudget",
       R"("spec":{"minAvailable":"50%"},"status":{"disruptionsAllowed":1})",
       R"(["a","50%","N/A",1,"24h"])"},
      {"rbac.authorization.k8s.io", "v1", "ClusterRoleBinding",
       R"("roleRef":{"kind":"ClusterRole","name":"r"},"subjects":[{"kind":"User","name":"u"},)"
       R"({"kind":"Group","name":"g"},{"kind":"ServiceAccount","name":"s","namespace":"n"}])",
       R"(["a","ClusterRole/r","24h","u","g","n/s"])"},
      {"rbac.authorization.k8s.io", "v1", "Role", "", R"(["a","2026-01-01T00:00:00Z"])"},
      {"storage.k8s.io", "v1", "StorageClass", R"("provisioner":"p","allowVolumeExpansion":true)",
       R"_(["a (default)","p","Delete","Immediate",true,"24h"])_",
       R"(,"annotations":{"storageclass.kubernetes.io/is-default-class":"true"})"},
      {"storage.k8s.io", "v1", "CSIDriver",
       R"("spec":{"podInfoOnMount":true,"tokenRequests":[{"audience":"x"}],)"
       R"("volumeLifecycleModes":["Persistent","Ephemeral"]})",
       R"(["a",true,true,false,"x",false,"Persistent,Ephemeral","24h"])"},
      {"storage.k8s.io", "v1", "CSINode", R"("spec":{"drivers":[{"name":"d","nodeID":"n"}]})",
       R"(["a",1,"24h"])"},
      {"storage.k8s.io", "v1", "VolumeAttachment",
       R"("spec":{"attacher":"d","nodeName":"n","source":{"persistentVolumeName":"pv"}},)"
       R"("status":{"attached":true})",
       R"(["a","d","pv","n",true,"24h"])"},
      {"certificates.k8s.io", "v1", "CertificateSigningRequest",
       R"("spec":{"signerName":"s","username":"u","expirationSeconds":3600},"status":)"
       R"({"certificate":"eA==","conditions":[{"type":"Approved","status":"True"}]})",
       R"(["a","24h","s","u","60m","Approved,Issued"])"},
      {"flowcontrol.apiserver.k8s.io", "v1", "FlowSchema",
       R"("spec":{"priorityLevelConfiguration":{"name":"p"},"matchingPrecedence":100,)"
       R"("distinguisherMethod":{"type":"ByUser"}},"status":{"conditions":[{"type":"Dangling",)"
       R"("status":"False"}]})",
       R"(["a","p",100,"ByUser","24h","False"])"},
      {"flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration",
       R"("spec":{"type":"Limited","limited":{"nominalConcurrencyShares":30,"limitResponse":)"
       R"({"type":"Queue","queuing":{"queues":64,"handSize":6,"queueLengthLimit":50}}}})",
       R"(["a","Limited",30,64,6,50,"24h"])"},
      {"flowcontrol.apiserver.k8s.io", "v1", "PriorityLevelConfiguration",
       R"("spec":{"type":"Exempt"})",
       R"(["a","Exempt","<none>","<none>","<none>","<none>","24h"])"},
      {"admissionregistration.k8s.io", "v1", "ValidatingWebhookConfiguration",
       R"("webhooks":[{"name":"w"}])", R"(["a",1,"24h"])"},
      {"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding",
       R"("spec":{"policyName":"p","paramRef":{"name":"x","namespace":"n"}})",
       R"(["a","p","n/x","24h"])"},
      {"admissionregistration.k8s.io", "v1", "ValidatingAdmissionPolicyBinding",
       R"("spec":{"policyName":"p","paramRef":{"name":"x"}})", R"(["a","p","*/x","24h"])"},
      {"storage.k8s.io", "v1", "VolumeAttributesClass", R"("driverName":"d")",
       R"_(["a (default)","d","24h"])_",
       R"(,"annotations":{"volumeattributesclass.alpha.kubernetes.io/is-default-class":"true"})"},
      {"apiregistration.k8s.io", "v1", "APIService",
       R"("spec":{"service":{"namespace":"kube-system","name":"metrics"}},"status":{"conditions":)"
       R"([{"type":"Available","status":"False","reason":"MissingEndpoints"}]})",
       R"_(["a","kube-system/metrics","False (MissingEndpoints)","24h"])_"},
      {"coordination.k8s.io", "v1", "Lease", R"("spec":{"holderIdentity":"h"})",
       R"(["a","h","24h"])"},
      {"node.k8s.io", "v1", "RuntimeClass", R"("handler":"runc")", R"(["a","runc","24h"])"},
      {"scheduling.k8s.io", "v1", "PriorityClass", R"("value":10,"globalDefault":true)",
       R"(["a",10,true,"24h",""])"},
      {"resource.k8s.io", "v1", "ResourceClaim",
       R"("status":{"allocation":{},"reservedFor":[{"resource":"pods","name":"p","uid":"3"}]})",
       R"(["a","allocated,reserved","24h"])"},
      {"apiextensions.k8s.io", "v1", "CustomResourceDefinition", "",
       R"(["a","2026-01-01T00:00:00Z"])"},
  };
  for (const Case& c : cases) {
    SCOPED_TRACE(c.kind);
    EXPECT_EQ(cells(c.group, c.version, c.kind, c.rest, c.meta), c.expected);
  }
}

// Whatever is left out of an object, its row fits its columns and shows its name.
TEST(Rows, HaveOneCellForEachColumnOfEveryKind) {
  int kinds = 0;
  for (const api::GroupVersion* version : api::builtin_group_versions()) {
    for (const api::Resource& resource : version->resources) {
      if (!resource.has_verb("list")) continue;
      const auto object = make(resource.api_version(), resource.kind, "", "");
      const auto row = cells_of(resource, *object, kNow);
      ASSERT_EQ(row.size(), columns_of(resource).size()) << resource.kind;
      const bool event = resource.kind == "Event";
      EXPECT_EQ((event ? row.back() : row.front()).as_string(), "a") << resource.kind;
      ++kinds;
    }
  }
  EXPECT_GT(kinds, 60);
}

// No kind that is served by default falls back to a row of unknowns.
TEST(Rows, AreKnownForEveryKindServedByDefault) {
  for (const api::GroupVersion* version : api::builtin_group_versions()) {
    for (const api::Resource& resource : version->resources) {
      if (!resource.has_verb("list") || !resource.served_by_default || !resource.gate.empty()) {
        continue;
      }
      const auto object = make(resource.api_version(), resource.kind, "", "");
      const auto row = cells_of(resource, *object, kNow);
      const auto columns = columns_of(resource);
      for (std::size_t i = 0; i < row.size(); ++i) {
        const bool may_be_unknown = resource.kind == "Node" || resource.kind == "Event";
        if (may_be_unknown || !row[i].is_string()) continue;
        EXPECT_NE(row[i].as_string(), "<unknown>") << resource.kind << " " << columns[i].name;
      }
    }
  }
}

TEST(Rows, ShowAScaleReadThroughItsSubresource) {
  const api::Resource& deployments = *api::find_builtin("apps", "v1", "deployments");
  const auto scale =
      make("autoscaling/v1", "Scale", "", R"("spec":{"replicas":3},"status":{"replicas":2})");

  const api::Resource& shown = printed_as(deployments, *scale);

  ASSERT_EQ(columns_of(shown).size(), 4U);
  EXPECT_EQ(columns_of(shown)[1].name, "Desired");
  EXPECT_EQ(api::to_json(cells_of(shown, *scale, kNow)), R"(["a",3,2,"24h"])");
}

TEST(Rows, OfAnotherKindThanTheResourceDoNotBreak) {
  const api::Resource& pods = *api::find_builtin("", "v1", "pods");
  const auto eviction = make("policy/v1", "Eviction", "", "");

  const auto row = cells_of(pods, *eviction, kNow);

  ASSERT_EQ(row.size(), columns_of(pods).size());
  EXPECT_EQ(row.front().as_string(), "a");
}

}  // namespace
}  // namespace keelson::apiserver
