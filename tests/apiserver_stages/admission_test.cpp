// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kPods = "/api/v1/namespaces/default/pods";

TEST(NamespaceLifecycle, RefusesContentWhereNoneMayBe) {
  StandardCluster cluster;
  cluster.add("/api/v1/namespaces",
              R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"going"}})");
  cluster.add("/api/v1/namespaces/going/configmaps", config_map("old"));
  ASSERT_EQ(cluster.remove("/api/v1/namespaces/going").code, 200);

  const auto nowhere = cluster.post("/api/v1/namespaces/none/configmaps", config_map("c"));
  const auto going = cluster.post("/api/v1/namespaces/going/configmaps", config_map("c"));
  const auto changed =
      cluster.patch("/api/v1/namespaces/going/configmaps/old", R"({"data":{"a":"b"}})");

  EXPECT_EQ(nowhere.code, 404);
  EXPECT_EQ(nowhere.text({"message"}), "namespaces \"none\" not found");
  EXPECT_EQ(going.code, 403);
  EXPECT_EQ(going.text({"message"}),
            "configmaps \"c\" is forbidden: unable to create new content in namespace going "
            "because it is being terminated");
  EXPECT_EQ(api::to_json(*api::find_at(going.json, {"details", "causes"})),
            R"([{"reason":"NamespaceTerminating","message":"namespace going is being terminated",)"
            R"("field":"metadata.namespace"}])");
  EXPECT_EQ(changed.code, 200);
  EXPECT_EQ(cluster.remove("/api/v1/namespaces/going/configmaps/old").code, 200);
}

TEST(NamespaceLifecycle, KeepsTheNamespacesOfTheSystem) {
  StandardCluster cluster;
  for (const std::string name : {"default", "kube-system", "kube-public"}) {
    const auto answer = cluster.remove("/api/v1/namespaces/" + name);
    EXPECT_EQ(answer.code, 403);
    EXPECT_EQ(answer.text({"message"}),
              "namespaces \"" + name + "\" is forbidden: this namespace may not be deleted");
  }
}

TEST(ServiceAccountAdmission, GivesPodsTheirAccountAndItsToken) {
  StandardCluster cluster;
  cluster.add_account("default", "default", R"(,"imagePullSecrets":[{"name":"registry"}])");

  const auto pod = cluster.post(kPods, pod_json("a", R"(,"initContainers":[{"name":"i","image":"i",
      "volumeMounts":[{"name":"own","mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"}]
      }],"volumes":[{"name":"own","emptyDir":{}}])"));

  ASSERT_EQ(pod.code, 201) << pod.body;
  EXPECT_EQ(pod.text({"spec", "serviceAccountName"}), "default");
  EXPECT_EQ(pod.text({"spec", "serviceAccount"}), "default");
  EXPECT_EQ(api::to_json(pod.json.at("spec").at("imagePullSecrets")), R"([{"name":"registry"}])");
  const auto& mounts = pod.json.at("spec").at("containers").at(0).at("volumeMounts").as_array();
  ASSERT_EQ(mounts.size(), 1u);
  const std::string volume(mounts[0].at("name").as_string());
  EXPECT_TRUE(volume.starts_with("kube-api-access-")) << volume;
  EXPECT_EQ(api::to_json(mounts[0]),
            R"({"name":")" + volume +
                R"(","readOnly":true,)"
                R"("mountPath":"/var/run/secrets/kubernetes.io/serviceaccount"})");
  const auto& own = pod.json.at("spec").at("initContainers").at(0).at("volumeMounts").as_array();
  EXPECT_EQ(own.size(), 1u);
  const auto& volumes = pod.json.at("spec").at("volumes").as_array();
  ASSERT_EQ(volumes.size(), 2u);
  EXPECT_EQ(
      api::to_json(volumes[1]),
      R"({"name":")" + volume +
          R"(","projected":{"sources":[{"serviceAccountToken":{"expirationSeconds":3607,)"
          R"("path":"token"}},{"configMap":{"name":"kube-root-ca.crt","items":[{"key":"ca.crt",)"
          R"("path":"ca.crt"}]}},{"downwardAPI":{"items":[{"path":"namespace","fieldRef":)"
          R"({"apiVersion":"v1","fieldPath":"metadata.namespace"}}]}}],"defaultMode":420}})");
}

TEST(ServiceAccountAdmission, GivesNoTokenWhereNoneIsWanted) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add_account("default", "quiet", R"(,"automountServiceAccountToken":false)");
  struct Case {
    std::string_view name;
    std::string spec;
    bool token;
  };
  const Case cases[] = {
      {"by-default", "", true},
      {"account-says-no", R"(,"serviceAccountName":"quiet")", false},
      {"pod-says-no", R"(,"automountServiceAccountToken":false)", false},
      {"pod-overrides", R"(,"serviceAccountName":"quiet","automountServiceAccountToken":true)",
       true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const auto pod = cluster.post(kPods, pod_json(std::string(c.name), c.spec));
    EXPECT_EQ(pod.code, 201) << pod.body;
    EXPECT_EQ(pod.body.find("kube-api-access-") != std::string::npos, c.token);
  }
}

TEST(ServiceAccountAdmission, RefusesPodsOfUnknownAccounts) {
  StandardCluster cluster;

  const auto answer = cluster.post(kPods, pod_json("a", R"(,"serviceAccountName":"none")"));

  EXPECT_EQ(answer.code, 403);
  EXPECT_EQ(answer.text({"message"}),
            "pods \"a\" is forbidden: error looking up service account default/none: "
            "serviceaccount \"none\" not found");
}

TEST(DefaultTolerationSeconds, AreAddedUnlessThePodToleratesAlready) {
  StandardCluster cluster;
  cluster.add_account("default");

  const auto plain = cluster.post(kPods, pod_json("plain"));
  const auto own = cluster.post(
      kPods, pod_json("own", R"(,"tolerations":[{"operator":"Exists","effect":"NoExecute"}])"));

  EXPECT_EQ(api::to_json(plain.json.at("spec").at("tolerations")),
            R"([{"key":"node.kubernetes.io/not-ready","operator":"Exists","effect":"NoExecute",)"
            R"("tolerationSeconds":300},{"key":"node.kubernetes.io/unreachable",)"
            R"("operator":"Exists","effect":"NoExecute","tolerationSeconds":300}])");
  EXPECT_EQ(own.json.at("spec").at("tolerations").as_array().size(), 1u);
}

TEST(Priority, ComesFromTheClass) {
  StandardCluster cluster;
  cluster.add_account("default");
  const std::string classes = "/apis/scheduling.k8s.io/v1/priorityclasses";
  const auto priority_class = [](const std::string& name, const std::string& more) {
    return R"({"apiVersion":"scheduling.k8s.io/v1","kind":"PriorityClass","metadata":{"name":")" +
           name + "\"}" + more + "}";
  };

  const auto none = cluster.post(kPods, pod_json("none"));
  cluster.add(classes, priority_class("usual", R"(,"value":7,"globalDefault":true)"));
  const auto usual = cluster.post(kPods, pod_json("usual"));
  const auto named =
      cluster.post(kPods, pod_json("named", R"(,"priorityClassName":"system-node-critical")"));
  const auto unknown = cluster.post(kPods, pod_json("unknown", R"(,"priorityClassName":"x")"));
  const auto own = cluster.post(kPods, pod_json("own", R"(,"priority":8)"));
  const auto second =
      cluster.post(classes, priority_class("second", R"(,"value":9,"globalDefault":true)"));

  EXPECT_EQ(none.json.at("spec").at("priority"), api::Document(0));
  EXPECT_EQ(none.text({"spec", "preemptionPolicy"}), "PreemptLowerPriority");
  EXPECT_EQ(usual.json.at("spec").at("priority"), api::Document(7));
  EXPECT_EQ(usual.text({"spec", "priorityClassName"}), "usual");
  EXPECT_EQ(named.json.at("spec").at("priority"), api::Document(2'000'001'000));
  EXPECT_EQ(unknown.text({"message"}),
            "pods \"unknown\" is forbidden: no PriorityClass with name x was found");
  EXPECT_EQ(own.text({"message"}),
            "pods \"own\" is forbidden: the integer value of priority (8) must not be provided in "
            "pod spec; priority admission controller computed 7 from the given PriorityClass "
            "name");
  EXPECT_EQ(second.text({"message"}),
            "priorityclasses.scheduling.k8s.io \"second\" is forbidden: PriorityClass usual is "
            "already marked as default. Only one default can exist");
}

TEST(TaintNodesByCondition, NewNodesTakeNoPods) {
  StandardCluster cluster;

  const auto node = cluster.post("/api/v1/nodes",
                                 R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"one"}})");

  ASSERT_EQ(node.code, 201) << node.body;
  EXPECT_EQ(api::to_json(node.json.at("spec").at("taints")),
            R"([{"key":"node.kubernetes.io/not-ready","effect":"NoSchedule"}])");
}

TEST(PodTopologyLabels, ComeFromTheNodeWithTheBinding) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/nodes", R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"one",
      "labels":{"topology.kubernetes.io/zone":"a","other":"x"}}})");
  cluster.add(kPods, pod_json("p"));

  const auto bound = cluster.post(kPods + "/p/binding",
                                  R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"p"},
          "target":{"apiVersion":"v1","kind":"Node","name":"one"}})");

  ASSERT_EQ(bound.code, 201) << bound.body;
  const auto pod = cluster.get(kPods + "/p");
  EXPECT_EQ(pod.text({"spec", "nodeName"}), "one");
  EXPECT_EQ(api::to_json(pod.json.at("metadata").at("labels")),
            R"({"topology.kubernetes.io/zone":"a"})");
}

TEST(DefaultClasses, GoToThoseWhoNameNone) {
  StandardCluster cluster;
  cluster.add("/apis/storage.k8s.io/v1/storageclasses",
              R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","provisioner":"p",
                  "metadata":{"name":"usual","annotations":
                    {"storageclass.kubernetes.io/is-default-class":"true"}}})");
  const auto claim = [](const std::string& name, const std::string& more) {
    return R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":")" + name +
           R"("},"spec":{"accessModes":["ReadWriteOnce"],
               "resources":{"requests":{"storage":"1Gi"}})" +
           more + "}}";
  };
  const std::string claims = "/api/v1/namespaces/default/persistentvolumeclaims";

  const auto given = cluster.post(claims, claim("a", ""));
  const auto refused = cluster.post(claims, claim("b", R"(,"storageClassName":"")"));

  ASSERT_EQ(given.code, 201) << given.body;
  EXPECT_EQ(given.text({"spec", "storageClassName"}), "usual");
  EXPECT_EQ(given.text({"status", "phase"}), "Pending");
  EXPECT_EQ(api::to_json(given.json.at("metadata").at("finalizers")),
            R"(["kubernetes.io/pvc-protection"])");
  EXPECT_EQ(refused.text({"spec", "storageClassName"}), "");
}

TEST(ClaimResize, NeedsAClassThatCanDoIt) {
  StandardCluster cluster;
  for (const std::string can : {"true", "false"}) {
    cluster.add("/apis/storage.k8s.io/v1/storageclasses",
                R"({"apiVersion":"storage.k8s.io/v1","kind":"StorageClass","provisioner":"p",
                    "metadata":{"name":"grows-)" +
                    can + R"("},"allowVolumeExpansion":)" + can + "}");
    cluster.add("/api/v1/namespaces/default/persistentvolumeclaims",
                R"({"apiVersion":"v1","kind":"PersistentVolumeClaim","metadata":{"name":")" + can +
                    R"("},"spec":{"accessModes":["ReadWriteOnce"],"storageClassName":"grows-)" +
                    can + R"(","resources":{"requests":{"storage":"1Gi"}}}})");
  }
  const std::string claims = "/api/v1/namespaces/default/persistentvolumeclaims/";
  const std::string more = R"({"spec":{"resources":{"requests":{"storage":"2Gi"}}}})";
  // Before it is bound, validation comes first.
  EXPECT_EQ(cluster.patch(claims + "true", more).text({"message"}),
            "PersistentVolumeClaim \"true\" is invalid: spec: Forbidden: spec is immutable after "
            "creation except resources.requests and volumeAttributesClassName for bound claims");
  for (const std::string can : {"true", "false"}) {
    ASSERT_EQ(cluster.patch(claims + can + "/status", R"({"status":{"phase":"Bound"}})").code, 200);
  }

  EXPECT_EQ(cluster.patch(claims + "true", more).code, 200);
  EXPECT_EQ(cluster.patch(claims + "false", more).text({"message"}),
            "persistentvolumeclaims \"false\" is forbidden: only dynamically provisioned pvc can "
            "be resized and the storageclass that provisions the pvc must support resize");
}

TEST(LimitRanger, GivesDefaultsAndKeepsLimits) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/limitranges",
              R"({"apiVersion":"v1","kind":"LimitRange","metadata":{"name":"l"},"spec":{"limits":[
                  {"type":"Container","default":{"cpu":"500m"},"defaultRequest":{"cpu":"100m"},
                   "max":{"cpu":"1"},"min":{"cpu":"50m"}}]}})");
  const auto with = [](const std::string& name, const std::string& resources) {
    return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
           R"("},"spec":{"containers":[{"name":"c","image":"i","resources":)" + resources + "}]}}";
  };

  const auto plain = cluster.post(kPods, with("plain", "{}"));
  const auto large = cluster.post(kPods, with("large", R"({"limits":{"cpu":"2"}})"));
  const auto small = cluster.post(kPods, with("small", R"({"requests":{"cpu":"10m"}})"));

  ASSERT_EQ(plain.code, 201) << plain.body;
  EXPECT_EQ(api::to_json(plain.json.at("spec").at("containers").at(0).at("resources")),
            R"({"limits":{"cpu":"500m"},"requests":{"cpu":"100m"}})");
  EXPECT_EQ(plain.text({"metadata", "annotations", "kubernetes.io/limit-ranger"}),
            "LimitRanger plugin set: cpu request for container c; cpu limit for container c");
  EXPECT_EQ(plain.text({"status", "qosClass"}), "Burstable");
  EXPECT_EQ(large.text({"message"}),
            "pods \"large\" is forbidden: maximum cpu usage per Container is 1, but limit is 2");
  EXPECT_EQ(small.text({"message"}),
            "pods \"small\" is forbidden: minimum cpu usage per Container is 50m, but request is "
            "10m");
}

TEST(RuntimeClass, BringsItsOverheadAndItsNodes) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/apis/node.k8s.io/v1/runtimeclasses",
              R"({"apiVersion":"node.k8s.io/v1","kind":"RuntimeClass","metadata":{"name":"vm"},
                  "handler":"kata","overhead":{"podFixed":{"cpu":"250m"}},
                  "scheduling":{"nodeSelector":{"vm":"yes"}}})");

  const auto pod = cluster.post(kPods, pod_json("a", R"(,"runtimeClassName":"vm")"));
  const auto unknown = cluster.post(kPods, pod_json("b", R"(,"runtimeClassName":"none")"));

  ASSERT_EQ(pod.code, 201) << pod.body;
  EXPECT_EQ(pod.text({"spec", "overhead", "cpu"}), "250m");
  EXPECT_EQ(pod.text({"spec", "nodeSelector", "vm"}), "yes");
  EXPECT_EQ(unknown.text({"message"}),
            "pods \"b\" is forbidden: pod rejected: RuntimeClass \"none\" not found");
}

}  // namespace
}  // namespace keelson::apiserver
