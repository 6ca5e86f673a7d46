// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "api/core/v1.h"
#include "apiserver/authz/rbac_policy.h"
#include "apiserver/authz/rbac_rules.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1";

User user(std::string name, std::vector<std::string> groups = {}) {
  User out;
  out.name = std::move(name);
  out.groups = std::move(groups);
  out.groups.emplace_back("system:authenticated");
  return out;
}

RequestInfo resource_request(std::string verb, std::string group, std::string resource,
                             std::string subresource, std::string name) {
  RequestInfo info;
  info.is_resource = true;
  info.verb = std::move(verb);
  info.group = std::move(group);
  info.resource = std::move(resource);
  info.subresource = std::move(subresource);
  info.name = std::move(name);
  return info;
}

TEST(RbacRule, AllowsWhatItNames) {
  struct Case {
    std::string_view rule, verb, group, resource, subresource, name;
    bool allowed;
  };
  const Case cases[] = {
      {"get core pods", "get", "", "pods", "", "a", true},
      {"get core pods", "list", "", "pods", "", "", false},
      {"get core pods", "get", "apps", "pods", "", "a", false},
      {"get core pods", "get", "", "pods", "log", "a", false},
      {"get core pods/log", "get", "", "pods", "log", "a", true},
      {"get core pods/log", "get", "", "pods", "", "a", false},
      {"* * *", "delete", "apps", "deployments", "scale", "a", true},
      {"get core *", "get", "", "pods", "log", "a", true},
      {"update * */scale", "update", "apps", "deployments", "scale", "a", true},
      {"update * */scale", "update", "apps", "deployments", "", "a", false},
      {"update * */scale", "update", "apps", "deployments", "status", "a", false},
      {"get core configmaps one,two", "get", "", "configmaps", "", "two", true},
      {"get core configmaps one,two", "get", "", "configmaps", "", "three", false},
      // A list without a name is more than one object.
      {"list core configmaps one", "list", "", "configmaps", "", "", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.rule) + " / " + std::string(c.verb));
    EXPECT_EQ(rule_allows(parse_rule(c.rule),
                          resource_request(std::string(c.verb), std::string(c.group),
                                           std::string(c.resource), std::string(c.subresource),
                                           std::string(c.name))),
              c.allowed);
  }
}

TEST(RbacRule, AllowsPathsExactlyOrByPrefix) {
  struct Case {
    std::string_view rule, path;
    bool allowed;
  };
  const Case cases[] = {
      {"get url /healthz", "/healthz", true},
      {"get url /healthz", "/healthz/etcd", false},
      {"get url /healthz/*", "/healthz/etcd", true},
      {"get url *", "/any", true},
      {"get url /api", "/apis", false},
      {"get core pods", "/healthz", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.rule);
    RequestInfo info;
    info.verb = "get";
    info.path = c.path;
    EXPECT_EQ(rule_allows(parse_rule(c.rule), info), c.allowed);
  }
}

TEST(RbacRule, IsCoveredPieceByPiece) {
  const std::vector held{parse_rule("get,list core pods,*/scale"),
                         parse_rule("get core secrets mine"), parse_rule("get url /logs/*")};
  struct Case {
    std::string_view wanted;
    std::size_t missing;
  };
  const Case cases[] = {
      {"get core pods", 0},       {"get,list core pods", 0},
      {"get,watch core pods", 1}, {"get core deployments/scale", 0},
      {"get core pods,nodes", 1}, {"get core secrets mine", 0},
      {"get core secrets", 1},    {"get core secrets mine,other", 1},
      {"get url /logs/a", 0},     {"get url /logs", 1},
      {"get core pods one", 0},   {"* core pods", 1},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.wanted);
    EXPECT_EQ(uncovered_rules(held, {parse_rule(c.wanted)}).size(), c.missing);
  }
}

TEST(Rbac, ComponentsMayDoTheirWorkAndNoMore) {
  StandardCluster cluster;
  struct Case {
    std::string_view user, group, action;
    bool allowed;
  };
  const Case cases[] = {
      {"jane", "", "get /version", true},
      {"jane", "", "get /openapi/v2", true},
      {"jane", "", "get /metrics", false},
      {"jane", "", "list - pods default", false},
      {"jane", "", "create authorization.k8s.io selfsubjectaccessreviews - -", true},
      {"jane", "kubeadm:cluster-admins", "delete - nodes - n", true},
      {"jane", "system:masters", "delete - nodes - n", true},
      {"jane", "system:monitoring", "get /metrics", true},
      {"system:kube-scheduler", "", "create - pods/binding default a", true},
      {"system:kube-scheduler", "", "list - pods - -", true},
      {"system:kube-scheduler", "", "watch storage.k8s.io storageclasses - -", true},
      {"system:kube-scheduler", "", "create events.k8s.io events default -", true},
      {"system:kube-scheduler", "", "get - secrets default s", false},
      {"system:kube-controller-manager", "", "create apps replicasets default -", true},
      {"system:kube-controller-manager", "", "deletecollection - pods default -", true},
      {"system:kube-controller-manager", "", "update - namespaces/finalize - n", true},
      {"system:kube-controller-manager", "", "update apps deployments/status default d", true},
      {"system:kube-controller-manager", "", "create - configmaps default -", true},
      {"system:kube-controller-manager", "", "create - serviceaccounts default -", true},
      {"system:kube-proxy", "", "watch discovery.k8s.io endpointslices - -", true},
      {"system:kube-proxy", "", "list - secrets - -", false},
      {"system:keelson:dns", "", "watch - services - -", true},
      {"system:keelson:dns", "", "update - services kube-system kube-dns", true},
      {"system:keelson:dns", "", "update - services default web", false},
      {"kube-apiserver-kubelet-client", "", "create - nodes/proxy - n", true},
      {"kube-apiserver-kubelet-client", "", "list - pods - -", false},
      {"system:serviceaccount:kube-system:job-controller", "", "create - pods default -", true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(std::string(c.user) + ": " + std::string(c.action));
    std::vector<std::string> groups;
    if (!c.group.empty()) groups.emplace_back(c.group);
    EXPECT_EQ(cluster.may(user(std::string(c.user), groups), std::string(c.action)), c.allowed);
  }
}

TEST(Rbac, GrantsAsSoonAsABindingIsThereAndNoLongerThanThat) {
  StandardCluster cluster;
  const User jane = user("jane");
  ASSERT_FALSE(cluster.may(jane, "list - pods default"));

  cluster.add(kRbac + "/namespaces/default/rolebindings",
              R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding",
                  "metadata":{"name":"readers"},
                  "subjects":[{"kind":"User","name":"jane","apiGroup":"rbac.authorization.k8s.io"}],
                  "roleRef":{"kind":"ClusterRole","name":"view",
                             "apiGroup":"rbac.authorization.k8s.io"}})");

  EXPECT_TRUE(cluster.may(jane, "list - pods default"));
  EXPECT_FALSE(cluster.may(jane, "list - pods kube-system"));
  EXPECT_FALSE(cluster.may(jane, "list - pods - -"));
  EXPECT_FALSE(cluster.may(jane, "get - secrets default s"));

  cluster.remove(kRbac + "/namespaces/default/rolebindings/readers");
  EXPECT_FALSE(cluster.may(jane, "list - pods default"));
}

TEST(Rbac, FollowsARoleOfTheNamespaceThroughItsChanges) {
  StandardCluster cluster;
  const User robot = user("system:serviceaccount:default:robot");
  const std::string place = kRbac + "/namespaces/default";
  cluster.add(place + "/rolebindings",
              R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding",
                  "metadata":{"name":"robot"},
                  "subjects":[{"kind":"ServiceAccount","name":"robot","namespace":"default"}],
                  "roleRef":{"kind":"Role","name":"robot",
                             "apiGroup":"rbac.authorization.k8s.io"}})");
  EXPECT_FALSE(cluster.may(robot, "get - pods default a"));
  cluster.become("system:serviceaccount:default:robot");
  EXPECT_EQ(cluster.get("/api/v1/namespaces/default/pods/a").text({"message"}),
            "pods \"a\" is forbidden: User \"system:serviceaccount:default:robot\" cannot get "
            "resource \"pods\" in API group \"\" in the namespace \"default\": RBAC: "
            "role.rbac.authorization.k8s.io \"robot\" not found");
  cluster.become_admin();

  cluster.add(place + "/roles",
              R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role",
                  "metadata":{"name":"robot"},
                  "rules":[{"apiGroups":[""],"resources":["pods"],"verbs":["get"]}]})");
  EXPECT_TRUE(cluster.may(robot, "get - pods default a"));
  EXPECT_FALSE(cluster.may(robot, "get - pods kube-system a"));

  cluster.patch(place + "/roles/robot", R"({"rules":[]})");
  EXPECT_FALSE(cluster.may(robot, "get - pods default a"));
}

TEST(Rbac, AggregatedRolesTakeInNewRoles) {
  StandardCluster cluster;
  cluster.add(kRbac + "/clusterrolebindings",
              R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding",
                  "metadata":{"name":"viewers"},
                  "subjects":[{"kind":"Group","name":"viewers",
                               "apiGroup":"rbac.authorization.k8s.io"}],
                  "roleRef":{"kind":"ClusterRole","name":"edit",
                             "apiGroup":"rbac.authorization.k8s.io"}})");
  const User jane = user("jane", {"viewers"});
  ASSERT_TRUE(cluster.may(jane, "delete - pods default a"));
  ASSERT_TRUE(cluster.may(jane, "get - pods/log default a"));
  ASSERT_FALSE(cluster.may(jane, "get example.com widgets default a"));

  cluster.add(kRbac + "/clusterroles",
              R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole",
                  "metadata":{"name":"widgets",
                    "labels":{"rbac.authorization.kubernetes.io/aggregate-to-view":"true"}},
                  "rules":[{"verbs":["get"],"apiGroups":["example.com"],
                            "resources":["widgets"]}]})");

  EXPECT_TRUE(cluster.may(jane, "get example.com widgets default a"));
}

TEST(Rbac, SaysWhyInUpstreamsWords) {
  StandardCluster cluster;
  cluster.become("jane");

  const auto answer = cluster.get("/api/v1/namespaces/default/pods");

  EXPECT_EQ(answer.code, 403);
  EXPECT_EQ(answer.text({"message"}),
            "pods is forbidden: User \"jane\" cannot list resource \"pods\" in API group \"\" in "
            "the namespace \"default\"");
}

TEST(Rbac, AnswersWhatOneMayDo) {
  StandardCluster cluster;
  cluster.become("jane");

  const auto review =
      cluster.post("/apis/authorization.k8s.io/v1/selfsubjectrulesreviews",
                   R"({"apiVersion":"authorization.k8s.io/v1","kind":"SelfSubjectRulesReview",
          "spec":{"namespace":"default"}})");

  ASSERT_EQ(review.code, 201) << review.body;
  EXPECT_NE(review.body.find("selfsubjectaccessreviews"), std::string::npos);
  EXPECT_NE(review.body.find("/openapi/*"), std::string::npos);
  EXPECT_EQ(review.body.find("\"pods\""), std::string::npos);
}

TEST(RbacPolicy, IsMendedAtStartUnlessProtected) {
  StandardCluster cluster;
  const std::string role = kRbac + "/clusterroles/system:kube-dns";
  const std::string protected_role = kRbac + "/clusterroles/system:node-problem-detector";
  ASSERT_EQ(cluster.patch(role, R"({"rules":[]})").code, 200);
  ASSERT_EQ(cluster
                .patch(protected_role,
                       R"({"rules":[],"metadata":{"annotations":
                           {"rbac.authorization.kubernetes.io/autoupdate":"false"}}})")
                .code,
            200);

  const auto client = cluster.server->make_client(User::system_masters("system:apiserver"));
  const auto mended = cluster.run(reconcile_policy(*client, cluster.server->caches()));

  ASSERT_TRUE(mended.has_value());

  EXPECT_NE(cluster.get(role).body.find("endpoints"), std::string::npos);
  EXPECT_EQ(cluster.get(protected_role).body.find("nodes/status"), std::string::npos);
}

TEST(NodeAuthorizer, GivesNodesWhatTheirPodsReferTo) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add_account("default", "other");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("a", R"(,"nodeName":"one","volumes":[
                {"name":"s","secret":{"secretName":"used"}},
                {"name":"m","configMap":{"name":"map"}},
                {"name":"p","persistentVolumeClaim":{"claimName":"claim"}}])"));
  const User one = user("system:node:one", {"system:nodes"});
  const User two = user("system:node:two", {"system:nodes"});
  const User impostor = user("system:node:one");
  struct Case {
    const User& user;
    std::string action;
    bool allowed;
  };
  const Case cases[] = {
      {one, "get - secrets default used", true},
      {two, "get - secrets default used", false},
      {impostor, "get - secrets default used", false},
      {one, "get - secrets default other", false},
      {one, "list - secrets default -", false},
      {one, "get - secrets kube-system used", false},
      {one, "update - secrets default used", false},
      {one, "watch - configmaps default map", true},
      {one, "get - configmaps default kube-root-ca.crt", true},
      {two, "get - configmaps default map", false},
      {one, "get - persistentvolumeclaims default claim", true},
      {two, "get - persistentvolumeclaims default claim", false},
      {one, "create - serviceaccounts/token default default", true},
      {one, "create - serviceaccounts/token default other", false},
      {two, "create - serviceaccounts/token default default", false},
      {one, "update coordination.k8s.io leases kube-node-lease one", true},
      {one, "update coordination.k8s.io leases kube-node-lease two", false},
      {one, "update coordination.k8s.io leases default one", false},
      {one, "patch - nodes/status - one", true},
      {one, "list - services - -", true},
      {one, "create - events default -", true},
      {one, "create apps deployments default -", false},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.user.name + ": " + c.action);
    EXPECT_EQ(cluster.may(c.user, c.action), c.allowed);
  }
}

TEST(NodeAuthorizer, ShowsANodeOnlyItselfAndItsPods) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("here", R"(,"nodeName":"one")"));
  cluster.add("/api/v1/namespaces/default/pods", pod_json("there", R"(,"nodeName":"two")"));
  const User one = user("system:node:one", {"system:nodes"});
  struct Case {
    std::string action;
    bool allowed;
  };
  const Case cases[] = {
      {"get - nodes - one", true},
      {"get - nodes - two", false},
      {"list - nodes - -", false},
      {"watch - nodes - one metadata.name=one", true},
      {"create - nodes - -", true},
      {"delete - nodes - one", false},
      {"get - nodes/status - one", false},
      {"get - nodes/proxy - one", false},
      {"get - pods default here", true},
      {"get - pods default there", false},
      {"get - pods default none", false},
      {"list - pods - -", false},
      {"list - pods - - spec.nodeName=one", true},
      {"watch - pods - - spec.nodeName=one,status.phase!=Failed", true},
      {"watch - pods - - spec.nodeName=two", false},
      {"list - pods - - spec.nodeName!=one", false},
      {"watch - pods default here metadata.name=here", true},
      {"watch - pods default there metadata.name=there", false},
      {"deletecollection - pods default - spec.nodeName=one", false},
      {"update - pods default here", false},
      {"patch - pods/status default here", true},
      {"get - pods/log default here", false},
      {"create - pods/exec default here", false},
      {"create - pods/binding default here", false},
      {"create - pods/eviction default here", true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.action);
    EXPECT_EQ(cluster.may(one, c.action), c.allowed);
  }
}

TEST(NodeAuthorizer, JudgesListsByWhatTheySelect) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("here", R"(,"nodeName":"one")"));
  cluster.add("/api/v1/namespaces/default/pods", pod_json("there", R"(,"nodeName":"two")"));
  const auto client = cluster.server->make_client(user("system:node:one", {"system:nodes"}));
  cluster.become("system:node:one", {"system:nodes"});

  const auto own = cluster.get("/api/v1/pods?fieldSelector=spec.nodeName%3Done");
  const auto all = cluster.get("/api/v1/pods");
  const auto in_process = cluster.run(
      client->list(api::resource_of<core::v1::Pod>(), "", {.field_selector = "spec.nodeName=one"}));
  const auto all_in_process = cluster.run(client->list(api::resource_of<core::v1::Pod>(), "", {}));

  ASSERT_EQ(own.code, 200) << own.body;
  EXPECT_EQ(own.json.at("items").as_array().size(), 1U);
  EXPECT_EQ(all.code, 403);
  EXPECT_EQ(
      all.text({"message"}),
      "pods is forbidden: User \"system:node:one\" cannot list resource \"pods\" in API group "
      "\"\" at the cluster scope: can only list/watch pods with spec.nodeName field selector");
  EXPECT_EQ(cluster.get("/api/v1/nodes/two").text({"message"}),
            "nodes \"two\" is forbidden: User \"system:node:one\" cannot get resource \"nodes\" in "
            "API group \"\" at the cluster scope: node 'one' cannot read 'two', only its own Node "
            "object");
  EXPECT_TRUE(in_process.has_value());
  EXPECT_FALSE(all_in_process.has_value());
  // Allowed by the name in the path, so nothing else may come.
  EXPECT_EQ(cluster
                .get("/api/v1/watch/namespaces/default/pods/here"
                     "?fieldSelector=metadata.namespace%3Ddefault")
                .text({"message"}),
            "fieldSelector metadata.name doesn't match requested name");
}

TEST(NodeAuthorizer, IsAskedWithASelectorToo) {
  StandardCluster cluster;
  const auto allowed = [&](const std::string& selector) {
    const auto answer = cluster.post(
        "/apis/authorization.k8s.io/v1/subjectaccessreviews",
        R"({"apiVersion":"authorization.k8s.io/v1","kind":"SubjectAccessReview","spec":{
            "user":"system:node:one","groups":["system:nodes"],"resourceAttributes":{
            "verb":"list","resource":"pods","version":"v1")" +
            selector + "}}}");
    EXPECT_EQ(answer.code, 201) << answer.body;
    return answer.json.at("status").at("allowed").as_bool();
  };
  const auto required = [](const std::string& op, const std::string& node) {
    return R"(,"fieldSelector":{"requirements":[{"key":"spec.nodeName","operator":")" + op +
           R"(","values":[")" + node + R"("]}]})";
  };

  EXPECT_FALSE(allowed(""));
  EXPECT_TRUE(allowed(required("In", "one")));
  EXPECT_FALSE(allowed(required("In", "two")));
  EXPECT_FALSE(allowed(required("NotIn", "one")));
  EXPECT_TRUE(allowed(R"(,"fieldSelector":{"rawSelector":"spec.nodeName=one"})"));
}

TEST(NodeAuthorizer, GivesNothingForAMirrorPod) {
  StandardCluster cluster;
  cluster.add("/api/v1/namespaces/default/pods",
              pod_json("static", R"(,"nodeName":"one","volumes":[
                {"name":"m","configMap":{"name":"map"}},
                {"name":"p","persistentVolumeClaim":{"claimName":"claim"}}])",
                       R"(,"annotations":{"kubernetes.io/config.mirror":"x"})"));
  const User one = user("system:node:one", {"system:nodes"});

  EXPECT_FALSE(cluster.may(one, "get - configmaps default map"));
  EXPECT_FALSE(cluster.may(one, "get - persistentvolumeclaims default claim"));
  EXPECT_TRUE(cluster.may(one, "get - pods default static"));
}

}  // namespace
}  // namespace keelson::apiserver
