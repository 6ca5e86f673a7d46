// SPDX-License-Identifier: Apache-2.0
// Admission plugins that ask who writes.
#include <gtest/gtest.h>

#include "base/base64.h"
#include "pki/certificate.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1";
const std::string kRequests = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

std::string role(const std::string& name, const std::string& rules) {
  return R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":")" +
         name + R"("},"rules":)" + rules + "}";
}

std::string cluster_role(const std::string& name, const std::string& rules) {
  return R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":")" +
         name + R"("},"rules":)" + rules + "}";
}

std::string binding(const std::string& kind, const std::string& name, const std::string& user,
                    const std::string& role_name) {
  return R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":")" + kind +
         R"(","metadata":{"name":")" + name + R"("},"subjects":[{"kind":"User","name":")" + user +
         R"(","apiGroup":"rbac.authorization.k8s.io"}],"roleRef":{"kind":"ClusterRole","name":")" +
         role_name + R"(","apiGroup":"rbac.authorization.k8s.io"}})";
}

const std::string kReadPods = R"([{"apiGroups":[""],"resources":["pods"],"verbs":["get","list"]}])";
const std::string kReadSecrets =
    R"([{"apiGroups":[""],"resources":["secrets"],"verbs":["get","list"]}])";

// jane may write roles and bindings of the namespace default, and read pods there.
class Escalation : public testing::Test {
 protected:
  Escalation() {
    cluster.add(kRbac + "/clusterroles",
                cluster_role("rbac-writer",
                             R"([{"apiGroups":["rbac.authorization.k8s.io"],
                                  "resources":["roles","rolebindings"],"verbs":["create","update",
                                  "patch","get"]},
                                 {"apiGroups":[""],"resources":["pods"],
                                  "verbs":["get","list"]}])"));
    cluster.add(kRbac + "/clusterroles", cluster_role("secret-reader", kReadSecrets));
    cluster.add(kRbac + "/namespaces/default/rolebindings",
                binding("RoleBinding", "jane", "jane", "rbac-writer"));
    cluster.become("jane");
  }
  StandardCluster cluster;
  const std::string roles = kRbac + "/namespaces/default/roles";
  const std::string bindings = kRbac + "/namespaces/default/rolebindings";
};

TEST_F(Escalation, GivesAwayOnlyWhatOneHas) {
  const auto own = cluster.post(roles, role("own", kReadPods));
  const auto more = cluster.post(roles, role("more", kReadSecrets));

  EXPECT_EQ(own.code, 201) << own.body;
  EXPECT_EQ(more.code, 403);
  EXPECT_EQ(more.text({"message"}),
            "roles.rbac.authorization.k8s.io \"more\" is forbidden: user \"jane\" "
            "(groups=[\"system:authenticated\"]) is attempting to grant RBAC permissions not "
            "currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\" "
            "\"list\"]}");
  EXPECT_EQ(cluster.patch(roles + "/own", R"({"rules":)" + kReadSecrets + "}").code, 403);
}

TEST_F(Escalation, HoldsForBindings) {
  const auto own = cluster.post(bindings, binding("RoleBinding", "own", "joe", "rbac-writer"));
  const auto more = cluster.post(bindings, binding("RoleBinding", "more", "joe", "secret-reader"));
  const auto none = cluster.post(bindings, binding("RoleBinding", "none", "joe", "no-such-role"));

  EXPECT_EQ(own.code, 201) << own.body;
  EXPECT_EQ(more.code, 403);
  EXPECT_EQ(none.code, 404);
  EXPECT_EQ(none.text({"message"}),
            "clusterroles.rbac.authorization.k8s.io \"no-such-role\" not found");
}

TEST_F(Escalation, IsAllowedToThoseWhoMayBindOrEscalate) {
  cluster.become_admin();
  cluster.add(kRbac + "/clusterroles",
              cluster_role("powers", R"([{"apiGroups":["rbac.authorization.k8s.io"],
                  "resources":["clusterroles"],"verbs":["bind"],"resourceNames":["secret-reader"]},
                  {"apiGroups":["rbac.authorization.k8s.io"],"resources":["roles"],
                  "verbs":["escalate"]}])"));
  cluster.add(bindings, binding("RoleBinding", "powers", "jane", "powers"));
  cluster.become("jane");

  EXPECT_EQ(cluster.post(bindings, binding("RoleBinding", "a", "joe", "secret-reader")).code, 201);
  EXPECT_EQ(cluster.post(roles, role("more", kReadSecrets)).code, 201);
  EXPECT_EQ(cluster.post(bindings, binding("RoleBinding", "b", "joe", "cluster-admin")).code, 403);
}

TEST_F(Escalation, RefusesLabelsThatWouldAddToAnotherRole) {
  cluster.become_admin();
  cluster.add(roles, role("secrets", kReadSecrets));
  cluster.become("jane");

  const auto answer = cluster.patch(roles + "/secrets", R"({"metadata":{"labels":{"a":"b"}}})");

  EXPECT_EQ(answer.code, 403);
}

TEST(NodeRestriction, LetsNodesChangeOnlyThemselves) {
  StandardCluster cluster;
  cluster.add_account("default");
  for (const std::string name : {"one", "two"}) {
    cluster.add("/api/v1/nodes",
                R"({"apiVersion":"v1","kind":"Node","metadata":{"name":")" + name + "\"}}");
    cluster.add("/api/v1/namespaces/default/pods",
                pod_json("on-" + name, R"(,"nodeName":")" + name + "\""));
  }
  cluster.become("system:node:one", {"system:nodes"});
  const std::string pods = "/api/v1/namespaces/default/pods/";
  const std::string failed = R"({"status":{"phase":"Failed"}})";

  EXPECT_EQ(cluster.patch("/api/v1/nodes/one", R"({"metadata":{"labels":{"mine":"1"}}})").code,
            200);
  EXPECT_EQ(cluster.patch("/api/v1/nodes/two", R"({"metadata":{"labels":{"mine":"1"}}})").code,
            403);
  EXPECT_EQ(cluster
                .patch("/api/v1/nodes/one",
                       R"({"metadata":{"labels":{"node-restriction.kubernetes.io/team":"a"}}})")
                .text({"message"}),
            "nodes \"one\" is forbidden: is not allowed to modify labels: "
            "node-restriction.kubernetes.io/team");
  EXPECT_EQ(cluster.patch("/api/v1/nodes/one", R"({"spec":{"taints":[]}})").code, 403);
  EXPECT_EQ(cluster.patch(pods + "on-one/status", failed).code, 200);
  EXPECT_EQ(cluster.patch(pods + "on-two/status", failed).code, 403);
  EXPECT_EQ(cluster.remove(pods + "on-two").code, 403);
  EXPECT_EQ(cluster.post("/api/v1/namespaces/default/pods", pod_json("new")).text({"message"}),
            "pods \"new\" is forbidden: pod does not have \"kubernetes.io/config.mirror\" "
            "annotation, node \"one\" can only create mirror pods");
}

// The nodes one and two, each with a pod; node one asks.
class NodePods : public testing::Test {
 protected:
  NodePods() {
    cluster.add_account("default");
    for (const std::string name : {"one", "two"}) {
      cluster.add("/api/v1/nodes",
                  R"({"apiVersion":"v1","kind":"Node","metadata":{"name":")" + name + "\"}}");
      cluster.add(pods, pod_json("on-" + name, R"(,"nodeName":")" + name + "\""));
    }
    uid = cluster.get("/api/v1/nodes/one").text({"metadata", "uid"});
    cluster.become("system:node:one", {"system:nodes"});
  }

  // Of what a node shows of its own accord.
  std::string mirror(const std::string& spec, const std::string& owners) const {
    return pod_json(
        "m", R"(,"nodeName":"one")" + spec,
        R"(,"annotations":{"kubernetes.io/config.mirror":"x"},"ownerReferences":[)" + owners + "]");
  }
  std::string owner(const std::string& more = R"(,"controller":true)") const {
    return R"({"apiVersion":"v1","kind":"Node","name":"one","uid":")" + uid + "\"" + more + "}";
  }
  std::string refusal(const std::string& pod) {
    return std::string(cluster.post(pods, pod).text({"message"}));
  }

  StandardCluster cluster;
  std::string uid;
  const std::string pods = "/api/v1/namespaces/default/pods";
};

TEST_F(NodePods, OfANodesOwnMakingReferToNothing) {
  struct Case {
    std::string spec, why;
  };
  const std::string env = R"(,"initContainers":[{"name":"i","image":"i",)";
  const std::string node = "node \"one\" can not create pods that reference ";
  const Case cases[] = {
      {env + R"("envFrom":[{"secretRef":{"name":"top"}}]}])",
       "a mirror pod may not reference secrets"},
      {env + R"("env":[{"name":"A","valueFrom":{"secretKeyRef":{"name":"top","key":"k"}}}]}])",
       "a mirror pod may not reference secrets"},
      {R"(,"imagePullSecrets":[{"name":"top"}])", "a mirror pod may not reference secrets"},
      {R"(,"volumes":[{"name":"v","csi":{"driver":"d","nodePublishSecretRef":{"name":"top"}}}])",
       "a mirror pod may not reference secrets"},
      {R"(,"serviceAccountName":"top")", "a mirror pod may not reference service accounts"},
      {env + R"("envFrom":[{"configMapRef":{"name":"map"}}]}])", node + "configmaps"},
      {R"(,"volumes":[{"name":"v","projected":{"sources":[{"configMap":{"name":"map"}}]}}])",
       node + "configmaps"},
      {R"(,"volumes":[{"name":"v","persistentVolumeClaim":{"claimName":"c"}}])",
       node + "persistentvolumeclaims"},
      {R"(,"volumes":[{"name":"v","ephemeral":{"volumeClaimTemplate":{"spec":{
           "accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}}}])",
       node + "persistentvolumeclaims"},
      {R"(,"resourceClaims":[{"name":"r","resourceClaimName":"c"}])", node + "resourceclaims"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.spec);
    EXPECT_EQ(refusal(mirror(c.spec, owner())), "pods \"m\" is forbidden: " + c.why);
  }
  EXPECT_EQ(cluster.post(pods, mirror("", owner())).code, 201);
}

TEST_F(NodePods, OfANodesOwnMakingBelongToIt) {
  const std::string other =
      R"({"apiVersion":"v1","kind":"Node","name":"two","uid":"u","controller":true})";
  const std::string forbidden = "pods \"m\" is forbidden: node ";
  const std::string no_owner =
      forbidden + "\"one\" can only create pods with an owner reference set to itself";

  EXPECT_EQ(refusal(mirror("", "")), no_owner);
  EXPECT_EQ(refusal(mirror("", other)), no_owner);
  EXPECT_EQ(refusal(mirror("", owner() + "," + other)),
            forbidden + "\"one\" can only create pods with a single owner reference set to itself");
  EXPECT_EQ(
      refusal(mirror("", owner(""))),
      forbidden + "\"one\" can only create pods with a controller owner reference set to itself");
  EXPECT_EQ(refusal(mirror("", owner(R"(,"controller":true,"blockOwnerDeletion":true)"))),
            forbidden + "\"one\" must not set blockOwnerDeletion on an owner reference");
  const std::string right = uid;
  uid = "another";
  EXPECT_EQ(refusal(mirror("", owner())),
            forbidden + "one UID mismatch: expected another got " + right);
}

TEST_F(NodePods, KeepTheirLabelsAndClaims) {
  const std::string status = pods + "/on-one/status";

  EXPECT_EQ(cluster.patch(status, R"({"metadata":{"labels":{"app":"web"}}})").text({"message"}),
            "pods \"on-one\" is forbidden: node \"one\" cannot update labels through pod status");
  EXPECT_EQ(cluster
                .patch(status, R"({"status":{"resourceClaimStatuses":[
                       {"name":"r","resourceClaimName":"c"}]}})")
                .text({"message"}),
            "pods \"on-one\" is forbidden: node \"one\" cannot update resource claim statues");
  EXPECT_EQ(cluster.patch(status, R"({"status":{"message":"fine"}})").code, 200);
}

TEST_F(NodePods, OfOthersAreNotEvicted) {
  const auto evict = [&](const std::string& name) {
    return cluster.post(
        pods + "/" + name + "/eviction",
        R"({"apiVersion":"policy/v1","kind":"Eviction","metadata":{"name":")" + name + "\"}}");
  };

  EXPECT_EQ(evict("on-two").text({"message"}),
            "pods \"on-two\" is forbidden: node one can only evict pods with spec.nodeName set to "
            "itself");
  EXPECT_EQ(evict("on-one").code, 201);
}

std::string signing_request(const std::string& name, const std::string& organization) {
  const auto key = pki::make_key().value();
  const auto pem =
      pki::make_request(key, {.common_name = "jane", .organizations = {organization}}).value();
  return R"({"apiVersion":"certificates.k8s.io/v1","kind":"CertificateSigningRequest",
             "metadata":{"name":")" +
         name + R"("},"spec":{"signerName":"kubernetes.io/kube-apiserver-client",
             "usages":["client auth"],"username":"somebody","request":")" +
         base64_encode(pem) + "\"}}";
}

TEST(CertificateAdmission, LetsNobodyBecomeAMaster) {
  StandardCluster cluster;

  const auto fine = cluster.post(kRequests, signing_request("fine", "developers"));
  const auto master = cluster.post(kRequests, signing_request("master", "system:masters"));

  ASSERT_EQ(fine.code, 201) << fine.body;
  EXPECT_EQ(fine.text({"spec", "username"}), "admin");
  EXPECT_EQ(master.code, 403);
  EXPECT_EQ(master.text({"message"}),
            "certificatesigningrequests.certificates.k8s.io \"master\" is forbidden: use of "
            "kubernetes.io/kube-apiserver-client signer with system:masters group is not allowed");
}

TEST(CertificateAdmission, AsksWhoMayApprove) {
  StandardCluster cluster;
  cluster.add(kRequests, signing_request("a", "developers"));
  cluster.add(kRbac + "/clusterroles", cluster_role("csr", R"([{"apiGroups":["certificates.k8s.io"],
                  "resources":["certificatesigningrequests/approval"],
                  "verbs":["update","patch"]}])"));
  cluster.add(kRbac + "/clusterrolebindings", binding("ClusterRoleBinding", "csr", "jane", "csr"));
  cluster.become("jane");
  const std::string approval =
      R"({"status":{"conditions":[{"type":"Approved","status":"True","reason":"r"}]}})";

  const auto refused = cluster.patch(kRequests + "/a/approval", approval);

  EXPECT_EQ(refused.code, 403);
  EXPECT_NE(refused.text({"message"})
                .find("user not permitted to approve requests with signerName "
                      "\"kubernetes.io/kube-apiserver-client\""),
            std::string_view::npos)
      << refused.body;
  cluster.become_admin();
  EXPECT_EQ(cluster.patch(kRequests + "/a/approval", approval).code, 200);
}

}  // namespace
}  // namespace keelson::apiserver
