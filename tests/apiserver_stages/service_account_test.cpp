// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "api/codec/json.h"
#include "pki/jwt.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

const std::string kSelf = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const std::string kReviews = "/apis/authentication.k8s.io/v1/tokenreviews";
// What every authenticated user may get.
const std::string kProbe = "/version";

std::string token_path(const std::string& account) {
  return "/api/v1/namespaces/default/serviceaccounts/" + account + "/token";
}

std::string token_request(const std::string& spec) {
  return R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenRequest","spec":{)" + spec + "}}";
}

std::string bound_to_pod(const std::string& name, const std::string& uid = {}) {
  std::string text = R"("boundObjectRef":{"apiVersion":"v1","kind":"Pod","name":")" + name + "\"";
  if (!uid.empty()) text += R"(,"uid":")" + uid + "\"";
  return text + "}";
}

std::string issue(StandardCluster& cluster, const std::string& spec = {}) {
  const auto answer = cluster.post(token_path("default"), token_request(spec));
  EXPECT_EQ(answer.code, 201) << answer.body;
  return std::string(answer.text({"status", "token"}));
}

std::string review(const std::string& token, const std::string& audiences = {}) {
  return R"({"apiVersion":"authentication.k8s.io/v1","kind":"TokenReview","spec":{"token":")" +
         token + "\"" + audiences + "}}";
}

TEST(ServiceAccountToken, ProvesWhoItWasMadeFor) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("web"));

  const std::string token = issue(cluster, bound_to_pod("web"));
  const auto answer = cluster.post(kReviews, review(token));

  ASSERT_EQ(answer.code, 201) << answer.body;
  EXPECT_EQ(answer.text({"status", "user", "username"}), "system:serviceaccount:default:default");
  EXPECT_EQ(api::to_json(*api::find_at(answer.json, {"status", "user", "groups"})),
            R"(["system:serviceaccounts","system:serviceaccounts:default",)"
            R"("system:authenticated"])");
  EXPECT_EQ(api::to_json(*api::find_at(
                answer.json, {"status", "user", "extra", "authentication.kubernetes.io/pod-name"})),
            R"(["web"])");
  EXPECT_EQ(cluster.get_with_token(kProbe, token).code, 200);
}

TEST(ServiceAccountToken, CarriesUpstreamsClaims) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("web", R"(,"nodeName":"one")"));

  const auto claims = api::parse_json(
      pki::unverified_claims(issue(cluster, bound_to_pod("web") + R"(,"expirationSeconds":900)"))
          .value());

  ASSERT_TRUE(claims.has_value());
  EXPECT_EQ(api::to_json(claims->at("aud")), R"(["https://kubernetes.default.svc.cluster.local"])");
  EXPECT_EQ(claims->at("iss").as_string(), "https://kubernetes.default.svc.cluster.local");
  EXPECT_EQ(claims->at("sub").as_string(), "system:serviceaccount:default:default");
  EXPECT_EQ(claims->at("exp").as_int64() - claims->at("iat").as_int64(), 900);
  const auto& own = claims->at("kubernetes.io");
  EXPECT_EQ(own.at("namespace").as_string(), "default");
  EXPECT_EQ(own.at("serviceaccount").at("name").as_string(), "default");
  EXPECT_EQ(own.at("pod").at("name").as_string(), "web");
  EXPECT_EQ(own.at("node").at("name").as_string(), "one");
  EXPECT_EQ(own.at("pod").at("uid").as_string().size(), 36u);
}

TEST(ServiceAccountToken, EndsWithItsTimeItsAccountAndItsPod) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("web"));
  const std::string bound = issue(cluster, bound_to_pod("web"));
  const std::string brief = issue(cluster, R"("expirationSeconds":600)");
  const std::string longer = issue(cluster, R"("expirationSeconds":86400)");
  ASSERT_EQ(cluster.get_with_token(kProbe, bound).code, 200);
  ASSERT_EQ(cluster.get_with_token(kProbe, brief).code, 200);

  cluster.remove("/api/v1/namespaces/default/pods/web");
  EXPECT_EQ(cluster.get_with_token(kProbe, bound).code, 401);

  cluster.executor.advance(12min);
  EXPECT_EQ(cluster.get_with_token(kProbe, brief).code, 401);
  EXPECT_EQ(cluster.get_with_token(kProbe, longer).code, 200);

  cluster.remove("/api/v1/namespaces/default/serviceaccounts/default");
  EXPECT_EQ(cluster.get_with_token(kProbe, longer).code, 401);
  // Another account of the same name is another account.
  cluster.add_account("default");
  EXPECT_EQ(cluster.get_with_token(kProbe, longer).code, 401);
}

TEST(ServiceAccountToken, IsGoodForItsAudiencesOnly) {
  StandardCluster cluster;
  cluster.add_account("default");
  const std::string token = issue(cluster, R"("audiences":["vault","other"])");

  EXPECT_EQ(cluster.get_with_token(kProbe, token).code, 401);
  const auto here = cluster.post(kReviews, review(token));
  EXPECT_EQ(here.text({"status", "error"}), "invalid bearer token");
  const auto there = cluster.post(kReviews, review(token, R"(,"audiences":["vault","x"])"));
  EXPECT_EQ(api::to_json(*api::find_at(there.json, {"status", "audiences"})), R"(["vault"])");
}

TEST(ServiceAccountToken, OfAnotherKeyOrBrokenIsRefused) {
  StandardCluster cluster;
  cluster.add_account("default");
  std::string token = issue(cluster);
  // The last character of the claims.
  const auto dot = token.rfind('.');
  token[dot + 5] = token[dot + 5] == 'A' ? 'B' : 'A';

  EXPECT_EQ(cluster.get_with_token(kProbe, token).code, 401);
  EXPECT_EQ(cluster.get_with_token(kProbe, "no.such.token").code, 401);
  EXPECT_EQ(cluster.get_with_token(kProbe, "x").code, 401);
  // Who asks has nothing to do with whose token it is.
  for (const std::string& bad : {token, std::string("no.such.token"), std::string("x")}) {
    const auto answer = cluster.post(kReviews, review(bad));
    ASSERT_EQ(answer.code, 201) << answer.body;
    EXPECT_EQ(answer.text({"status", "error"}), "invalid bearer token");
    EXPECT_EQ(api::find_at(answer.json, {"status", "user"}), nullptr);
  }
}

TEST(ServiceAccountToken, IsGoodBesideABadCertificate) {
  StandardCluster cluster;
  cluster.add_account("default");
  const std::string token = issue(cluster);
  cluster.certificate_error = "unknown authority";

  EXPECT_EQ(cluster.get_with_token(kProbe, token).code, 200);
  EXPECT_EQ(cluster.get_with_token(kProbe, "x").code, 401);
}

TEST(TokenRequest, RefusesWhatCannotBeBound) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add_account("default", "other");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("web"));
  struct Case {
    std::string account, spec;
    int code;
    std::string_view text;
  };
  const Case cases[] = {
      {"none", "", 404, "serviceaccounts \"none\" not found"},
      {"default", R"("expirationSeconds":599)", 422,
       "may not specify a duration less than 10 minutes"},
      {"default", R"("expirationSeconds":4294967297)", 422,
       "may not specify a duration larger than 2^32 seconds"},
      {"default", bound_to_pod("none"), 404, "pods \"none\" not found"},
      {"default", bound_to_pod("web", "not-its-uid"), 409, "does not match the UID in record"},
      {"other", bound_to_pod("web"), 400, "pod running with different serviceaccount name"},
      {"default", R"("boundObjectRef":{"apiVersion":"v1","kind":"ConfigMap","name":"c"})", 400,
       "cannot bind token for object of type"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.spec);
    const auto answer = cluster.post(token_path(c.account), token_request(c.spec));
    EXPECT_EQ(answer.code, c.code);
    EXPECT_NE(answer.text({"message"}).find(c.text), std::string_view::npos) << answer.body;
    EXPECT_EQ(answer.text({"status", "token"}), "");
  }
}

TEST(TokenRequest, GivesANodeTokensOfItsOwnPodsOnly) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("here", R"(,"nodeName":"one")"));
  cluster.add("/api/v1/namespaces/default/pods", pod_json("there", R"(,"nodeName":"two")"));
  const auto bound = [&](const std::string& name) {
    const auto pod = cluster.get("/api/v1/namespaces/default/pods/" + name);
    return bound_to_pod(name, std::string(pod.text({"metadata", "uid"})));
  };
  const std::string here = bound("here"), there = bound("there");
  cluster.become("system:node:one", {"system:nodes"});
  const auto ask = [&](const std::string& spec) {
    return cluster.post(token_path("default"), token_request(spec));
  };

  EXPECT_EQ(ask(here).code, 201);
  EXPECT_EQ(ask(there).text({"message"}),
            "serviceaccounts \"default\" is forbidden: node requested token bound to a pod "
            "scheduled on a different node");
  EXPECT_EQ(ask(bound_to_pod("here")).text({"message"}),
            "serviceaccounts \"default\" is forbidden: node requested token with a pod binding "
            "without a uid");
  EXPECT_EQ(ask("").text({"message"}),
            "serviceaccounts \"default\" is forbidden: node requested token not bound to a pod");
}

TEST(TokenRequest, GivesANodeOnlyTheAudiencesThatThePodAsksFor) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add(
      "/apis/storage.k8s.io/v1/csidrivers",
      R"({"apiVersion":"storage.k8s.io/v1","kind":"CSIDriver","metadata":{"name":"driver.example"},
                  "spec":{"tokenRequests":[{"audience":"storage"}]}})");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("web", R"(,"nodeName":"one","volumes":[
      {"name":"t","projected":{"sources":[{"serviceAccountToken":{"audience":"vault","path":"t"}}]}},
      {"name":"d","csi":{"driver":"driver.example"}}])"));
  cluster.add("/api/v1/namespaces/default/pods",
              pod_json("bare", R"(,"nodeName":"one","automountServiceAccountToken":false)"));
  const auto uid_of = [&](const std::string& name) {
    const auto pod = cluster.get("/api/v1/namespaces/default/pods/" + name);
    return std::string(pod.text({"metadata", "uid"}));
  };
  const std::string web = bound_to_pod("web", uid_of("web"));
  const std::string bare = bound_to_pod("bare", uid_of("bare"));
  cluster.become("system:node:one", {"system:nodes"});
  const auto ask = [&](const std::string& bound, const std::string& audiences) {
    return cluster.post(token_path("default"),
                        token_request(bound + R"(,"audiences":[)" + audiences + "]"));
  };

  EXPECT_EQ(ask(web, R"("vault")").code, 201);
  EXPECT_EQ(ask(web, R"("storage")").code, 201);
  EXPECT_EQ(ask(web, "").code, 201);
  EXPECT_EQ(ask(web, R"("https://kubernetes.default.svc.cluster.local")").code, 201);
  EXPECT_EQ(ask(web, R"("bank")").text({"message"}),
            "serviceaccounts \"default\" is forbidden: audience \"bank\" not found in pod spec "
            "volume, system:node:one is not authorized to request tokens for this audience");
  EXPECT_EQ(ask(web, R"("vault","storage")").text({"message"}),
            "serviceaccounts \"default\" is forbidden: node may only request 0 or 1 audiences");
  EXPECT_EQ(ask(bare, "").code, 403);
}

TEST(TokenRequest, OfAPodLastsLongerThanItSays) {
  StandardCluster cluster;
  cluster.add_account("default");
  cluster.add("/api/v1/namespaces/default/pods", pod_json("web"));

  const auto answer = cluster.post(
      token_path("default"), token_request(bound_to_pod("web") + R"(,"expirationSeconds":3607)"));

  const std::string token(answer.text({"status", "token"}));
  cluster.executor.advance(2h);
  EXPECT_EQ(cluster.get_with_token(kProbe, token).code, 200);
  EXPECT_EQ(answer.text({"status", "expirationTimestamp"}), "2023-11-14T23:13:27Z");
}

TEST(SelfSubjectReview, TellsWhoOneIs) {
  StandardCluster cluster;
  cluster.add_account("default");
  const std::string token = issue(cluster);
  cluster.user.clear();
  cluster.groups.clear();

  const auto answer = cluster.request(
      "POST", kSelf, R"({"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"})",
      {{"Authorization", "bearer " + token}});

  EXPECT_EQ(answer.code, 201) << answer.body;
  EXPECT_EQ(answer.text({"status", "userInfo", "username"}),
            "system:serviceaccount:default:default");
}

TEST(IssuerDiscovery, PublishesTheKeysThatVerifyTokens) {
  StandardCluster cluster;
  cluster.add_account("default");
  const std::string token = issue(cluster);

  const auto configuration = cluster.get_with_token("/.well-known/openid-configuration", token);
  const auto keys = cluster.get_with_token("/openid/v1/jwks", token);

  EXPECT_EQ(configuration.text({"issuer"}), "https://kubernetes.default.svc.cluster.local");
  EXPECT_EQ(keys.headers.get("Content-Type"), "application/jwk-set+json");
  ASSERT_EQ(keys.code, 200) << keys.body;
  EXPECT_EQ(keys.json.at("keys").as_array().size(), 1u);
  EXPECT_EQ(keys.body.find("\"d\""), std::string::npos);
}

}  // namespace
}  // namespace keelson::apiserver
