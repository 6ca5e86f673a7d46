// SPDX-License-Identifier: Apache-2.0
// Requests of other verbs that do what takes the right to create.
#include <gtest/gtest.h>

#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kRbac = "/apis/rbac.authorization.k8s.io/v1/namespaces/default";
const std::string kLeases = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

std::string lease(const std::string& more_metadata = {}) {
  return R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":"a")" +
         more_metadata + R"(},"spec":{"holderIdentity":"me"}})";
}

class RightToCreate : public testing::Test {
 protected:
  // bob may do `verbs` with leases and with commands in pods.
  void allow_bob(const std::string& verbs) {
    cluster.add(kRbac + "/roles",
                R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role",
                    "metadata":{"name":"bob"},"rules":[
                      {"apiGroups":["coordination.k8s.io"],"resources":["leases"],"verbs":)" +
                    verbs + R"(},{"apiGroups":[""],"resources":["pods/exec"],"verbs":)" + verbs +
                    "}]}");
    cluster.add(kRbac + "/rolebindings",
                R"({"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding",
                    "metadata":{"name":"bob"},"subjects":[{"kind":"User","name":"bob",
                    "apiGroup":"rbac.authorization.k8s.io"}],"roleRef":{"kind":"Role",
                    "name":"bob","apiGroup":"rbac.authorization.k8s.io"}})");
    cluster.become("bob");
  }
  StandardCluster cluster;
};

TEST_F(RightToCreate, IsNeededByAPutThatCreates) {
  allow_bob(R"(["get","update"])");
  const auto refused = cluster.put(kLeases + "/a", lease());
  EXPECT_EQ(refused.code, 403) << refused.body;
  EXPECT_NE(refused.body.find("cannot create resource"), std::string::npos) << refused.body;

  cluster.become_admin();
  const auto made = cluster.put(kLeases + "/a", lease());
  ASSERT_EQ(made.code, 201) << made.body;
  cluster.become("bob");
  const std::string version(made.text({"metadata", "resourceVersion"}));
  const auto updated =
      cluster.put(kLeases + "/a", lease(R"(,"resourceVersion":")" + version + "\""));
  EXPECT_EQ(updated.code, 200) << updated.body;
}

TEST_F(RightToCreate, DoesNotBringBackWhatWasDeleted) {
  const auto made = cluster.put(kLeases + "/a", lease());
  const std::string uid(made.text({"metadata", "uid"}));
  cluster.remove(kLeases + "/a");

  const auto late = cluster.put(kLeases + "/a", lease(R"(,"uid":")" + uid + "\""));

  EXPECT_EQ(late.code, 409) << late.body;
  EXPECT_NE(late.body.find("Precondition failed: UID in precondition: " + uid), std::string::npos)
      << late.body;
  EXPECT_EQ(cluster.get(kLeases + "/a").code, 404);
}

TEST_F(RightToCreate, IsNeededByACommandOverAWebSocket) {
  int started = 0;
  cluster.server->routes().add_connect(
      "pods", "exec", [&](net::HttpExchange& exchange, CallContext&) -> Task<void> {
        ++started;
        [[maybe_unused]] const auto done = co_await exchange.respond({});
      });
  const std::string exec = "/api/v1/namespaces/default/pods/web/exec?command=id";
  allow_bob(R"(["get","list","watch"])");

  const auto refused = cluster.get(exec);

  EXPECT_EQ(refused.code, 403) << refused.body;
  EXPECT_NE(refused.body.find("cannot create resource \\\"pods/exec\\\""), std::string::npos)
      << refused.body;
  EXPECT_EQ(started, 0);

  cluster.become_admin();
  cluster.get(exec);
  EXPECT_EQ(started, 1);
}

}  // namespace
}  // namespace keelson::apiserver
