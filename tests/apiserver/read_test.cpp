// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "cluster.h"

namespace keelson::apiserver {
namespace {

const std::string kMaps = "/api/v1/namespaces/default/configmaps";

std::vector<std::string> names_of(const Answer& list) {
  std::vector<std::string> names;
  for (const auto& item : list.json.at("items").as_array()) {
    names.emplace_back(api::string_at(item, {"metadata", "name"}));
  }
  return names;
}

using Names = std::vector<std::string>;

std::string pod(const std::string& name, const std::string& node) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name +
         R"("},"spec":{"nodeName":")" + node + R"(","containers":[{"name":"c","image":"i"}]}})";
}

TEST(List, SelectsByLabelsAndFields) {
  struct Case {
    std::string query;
    Names expected;
  };
  const Case cases[] = {
      {"", {"a", "b", "c"}},
      {"?labelSelector=app%3Dweb", {"a", "b"}},
      {"?labelSelector=app%3Dweb,tier%21%3Dfront", {"b"}},
      {"?labelSelector=app%20in%20(db)", {"c"}},
      {"?fieldSelector=metadata.name%3Db", {"b"}},
      {"?fieldSelector=metadata.name%21%3Db&labelSelector=app%3Dweb", {"a"}},
      {"?fieldSelector=metadata.namespace%3Dother", {}},
  };
  TestCluster cluster;
  ASSERT_EQ(
      cluster.post(kMaps, config_map("a", "", R"(,"labels":{"app":"web","tier":"front"})")).code,
      201);
  ASSERT_EQ(cluster.post(kMaps, config_map("b", "", R"(,"labels":{"app":"web"})")).code, 201);
  ASSERT_EQ(cluster.post(kMaps, config_map("c", "", R"(,"labels":{"app":"db"})")).code, 201);
  for (const auto& c : cases) {
    SCOPED_TRACE(c.query);
    const auto list = cluster.get(kMaps + c.query);
    EXPECT_EQ(list.code, 200);
    EXPECT_EQ(names_of(list), c.expected);
  }
}

TEST(List, HandsOutTheBytesThatOthersReadToo) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  ASSERT_EQ(cluster.post(kMaps, config_map("b")).code, 201);

  const auto list = cluster.watch(kMaps).exchange;
  const auto one = cluster.watch(kMaps + "/b").exchange;

  ASSERT_TRUE(list->finished && one->finished);
  EXPECT_TRUE(std::ranges::find(list->chunks, one->chunks.at(0)) != list->chunks.end());
}

TEST(List, IsCompressedOnlyIfItIsLongAndTheClientWantsIt) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("short")).code, 201);
  const std::string other = "/api/v1/namespaces/other/configmaps";
  ASSERT_EQ(cluster
                .post("/api/v1/namespaces",
                      R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"other"}})")
                .code,
            201);
  ASSERT_EQ(
      cluster.post(other, config_map("long", "\"k\":\"" + std::string(200'000, 'x') + "\"")).code,
      201);

  struct Case {
    std::string path, accepted, encoding;
  };
  const Case cases[] = {{kMaps, "gzip", ""}, {other, "", ""}, {other, "br, gzip", "gzip"}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.path + " " + c.accepted);
    const auto list = cluster.request("GET", c.path, {}, {{"Accept-Encoding", c.accepted}});
    EXPECT_EQ(list.code, 200);
    EXPECT_EQ(list.headers.get("Content-Encoding"), c.encoding);
    EXPECT_EQ(list.body.size() > 150'000, c.path == other && c.encoding.empty());
  }
}

TEST(List, ReadsFieldsOutOfTheObjects) {
  TestCluster cluster;
  const std::string pods = "/api/v1/namespaces/default/pods";
  ASSERT_EQ(cluster.post(pods, pod("p1", "n1")).code, 201);
  ASSERT_EQ(cluster.post(pods, pod("p2", "n2")).code, 201);
  ASSERT_EQ(cluster.post(pods, pod("p3", "")).code, 201);

  EXPECT_EQ(names_of(cluster.get("/api/v1/pods?fieldSelector=spec.nodeName%3Dn2")), (Names{"p2"}));
  EXPECT_EQ(names_of(cluster.get(pods + "?fieldSelector=spec.nodeName%3D")), (Names{"p3"}));
  const auto unknown = cluster.get(pods + "?fieldSelector=spec.foo%3D1");
  EXPECT_EQ(unknown.code, 400);
  EXPECT_EQ(unknown.text({"message"}), "field label not supported: spec.foo");
}

TEST(List, GoesOnAtTheRevisionWhereItBegan) {
  TestCluster cluster;
  for (const std::string name : {"a", "b", "c", "d", "e"}) {
    ASSERT_EQ(cluster.post(kMaps, config_map(name)).code, 201);
  }

  const auto first = cluster.get(kMaps + "?limit=2");
  EXPECT_EQ(names_of(first), (Names{"a", "b"}));
  EXPECT_EQ(first.json.at("metadata").at("remainingItemCount"), api::Document(3));
  ASSERT_EQ(cluster.remove(kMaps + "/d").code, 200);
  ASSERT_EQ(cluster.post(kMaps, config_map("bb")).code, 201);
  const std::string token(first.text({"metadata", "continue"}));
  const auto second = cluster.get(kMaps + "?limit=2&continue=" + token);
  const auto third = cluster.get(
      kMaps + "?limit=2&continue=" + std::string(second.text({"metadata", "continue"})));

  EXPECT_EQ(names_of(second), (Names{"c", "d"}));
  EXPECT_EQ(names_of(third), (Names{"e"}));
  EXPECT_EQ(third.text({"metadata", "continue"}), "");
  EXPECT_EQ(third.text({"metadata", "resourceVersion"}),
            first.text({"metadata", "resourceVersion"}));
}

TEST(List, ReadsAnOlderRevisionFromTheStore) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  const auto before = cluster.get(kMaps);
  const std::string version(before.text({"metadata", "resourceVersion"}));
  ASSERT_EQ(cluster.remove(kMaps + "/a").code, 200);

  const auto exact = cluster.get(kMaps + "?resourceVersionMatch=Exact&resourceVersion=" + version);
  EXPECT_EQ(names_of(exact), (Names{"a"}));
  const auto newer =
      cluster.get(kMaps + "?resourceVersionMatch=NotOlderThan&resourceVersion=" + version);
  EXPECT_EQ(names_of(newer), Names{});
}

TEST(List, OffersAnInconsistentRestWhenItsRevisionIsCompacted) {
  TestCluster cluster;
  for (const std::string name : {"a", "b", "c"}) {
    ASSERT_EQ(cluster.post(kMaps, config_map(name)).code, 201);
  }
  const auto first = cluster.get(kMaps + "?limit=1");
  ASSERT_EQ(cluster.post(kMaps, config_map("d")).code, 201);
  // What was kept for the list goes after a while, the store's history by compaction.
  cluster.executor.advance(std::chrono::minutes(20));
  const auto newest = cluster.run(cluster.store->current_revision());
  static_cast<void>(cluster.run(cluster.store->compact(*newest)));

  const auto expired =
      cluster.get(kMaps + "?limit=1&continue=" + std::string(first.text({"metadata", "continue"})));

  EXPECT_EQ(expired.code, 410);
  EXPECT_EQ(expired.text({"reason"}), "Expired");
  const auto rest =
      cluster.get(kMaps + "?continue=" + std::string(expired.text({"metadata", "continue"})));
  EXPECT_EQ(rest.code, 200) << rest.body;
  EXPECT_EQ(names_of(rest), (Names{"b", "c", "d"}));
}

TEST(List, RefusesOptionsThatDoNotFit) {
  struct Case {
    std::string query;
    int code;
    std::string message;
  };
  const Case cases[] = {
      {"?continue=nonsense!", 400, "continue key is not valid:"},
      {"?resourceVersion=abc", 400, "Invalid resource version"},
      {"?resourceVersionMatch=Exact", 422,
       "resourceVersionMatch is forbidden unless resourceVersion is provided"},
      {"?resourceVersion=999999", 504, "Timeout: Too large resource version: 999999, current: "},
      {"?labelSelector=a%20b%20c", 400, "unable to parse requirement"},
      {"?timeout=soon", 400,
       "invalid timeout specified in the request URL - time: invalid duration \"soon\""},
      {"?limit=x", 400, "strconv.ParseInt: parsing \"x\": invalid syntax"},
  };
  TestCluster cluster;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.query);
    const auto answer = cluster.get(kMaps + c.query);
    EXPECT_EQ(answer.code, c.code);
    EXPECT_NE(answer.text({"message"}).find(c.message), std::string_view::npos)
        << answer.text({"message"});
  }
}

TEST(Forms, FollowTheAcceptHeader) {
  TestCluster cluster;
  ASSERT_EQ(cluster.post(kMaps, config_map("a")).code, 201);
  const auto in_form = [&](const std::string& target, const std::string& accept) {
    return cluster.request("GET", target, {}, {{"Accept", accept}});
  };

  const auto table =
      in_form(kMaps, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json");
  EXPECT_EQ(table.text({"kind"}), "Table");
  EXPECT_EQ(table.json.at("rows").at(0).at("cells").at(0).as_string(), "a");
  EXPECT_EQ(api::string_at(table.json.at("rows").at(0), {"object", "kind"}),
            "PartialObjectMetadata");
  const auto partial =
      in_form(kMaps + "/a", "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
  EXPECT_EQ(partial.text({"metadata", "name"}), "a");
  EXPECT_EQ(api::find_at(partial.json, {"data"}), nullptr);
  const auto yaml = in_form(kMaps + "/a", "application/yaml");
  EXPECT_EQ(yaml.headers.get("Content-Type"), "application/yaml");
  EXPECT_NE(yaml.body.find("\nkind: ConfigMap\n"), std::string::npos) << yaml.body;
  const auto fallback = in_form(kMaps, "application/cbor,application/json");
  EXPECT_EQ(fallback.headers.get("Content-Type"), "application/json");
  EXPECT_EQ(in_form(kMaps, "image/png").code, 406);
  EXPECT_EQ(cluster.get(kMaps + "/a?pretty=true").body.substr(0, 6), "{\n    ");
}

TEST(Bodies, AreReadInTheFormTheyComeIn) {
  TestCluster cluster;
  const auto send = [&](const std::string& body, const std::string& type) {
    return cluster.request("POST", kMaps, body, {{"Content-Type", type}});
  };

  EXPECT_EQ(
      send("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n", "application/yaml").code,
      201);
  EXPECT_EQ(send(config_map("b"), "application/json; charset=utf-8").code, 201);
  const auto unknown = send("x", "text/plain");
  EXPECT_EQ(unknown.code, 415);
  const auto broken = send("{\"apiVersion\":", "application/json");
  EXPECT_EQ(broken.code, 400);
  EXPECT_EQ(broken.text({"message"}),
            "the object provided is unrecognized (must be of type ConfigMap): couldn't get "
            "version/kind; json parse error: unexpected end of JSON input ({\"apiVersion\":)");
  const auto large = send(std::string(4 << 20, 'x'), "application/json");
  EXPECT_EQ(large.code, 413);
  EXPECT_EQ(large.text({"message"}), "Request entity too large: limit is 3145728");
}

TEST(Routes, AnswerWhatIsNoResource) {
  struct Case {
    std::string target;
    int code;
    std::string body;
  };
  const Case cases[] = {
      {"/healthz", 200, "ok"},
      {"/readyz?verbose", 200,
       "[+]ping ok\n[+]etcd ok\n[+]informer-sync ok\n[+]shutdown ok\nreadyz check passed\n"},
      {"/livez/ping", 200, "ok"},
      {"/livez/none", 404, "404 page not found\n"},
      {"/nowhere", 404, "404 page not found\n"},
      {"/api/v1/unicorns", 404, "404 page not found\n"},
  };
  TestCluster cluster;
  for (const auto& c : cases) {
    SCOPED_TRACE(c.target);
    const auto answer = cluster.get(c.target);
    EXPECT_EQ(answer.code, c.code);
    EXPECT_EQ(answer.body, c.body);
  }
  const std::string paths = cluster.get("/").body;
  for (const std::string_view path : {"/healthz", "/livez", "/metrics", "/readyz", "/version"}) {
    EXPECT_NE(paths.find("\"" + std::string(path) + "\""), std::string::npos) << paths;
  }
  EXPECT_EQ(cluster.get("/version").text({"minor"}), "36");
  EXPECT_EQ(cluster.get("/version/").text({"minor"}), "36");
  EXPECT_NE(
      cluster.get("/metrics").body.find("apiserver_storage_objects{resource=\"namespaces\"} 4\n"),
      std::string::npos);
}

TEST(Access, IsDeniedByDefaultInUpstreamsWords) {
  TestCluster cluster;
  cluster.user = "jane";
  cluster.groups = {};

  const auto list = cluster.get(kMaps);
  EXPECT_EQ(list.code, 403);
  EXPECT_EQ(
      list.text({"message"}),
      "configmaps is forbidden: User \"jane\" cannot list resource \"configmaps\" in API group "
      "\"\" in the namespace \"default\"");
  EXPECT_EQ(
      cluster.get(kMaps + "/a").text({"message"}),
      "configmaps \"a\" is forbidden: User \"jane\" cannot get resource \"configmaps\" in API "
      "group \"\" in the namespace \"default\"");
  EXPECT_EQ(cluster.get("/metrics").text({"message"}),
            "forbidden: User \"jane\" cannot get path \"/metrics\"");
  EXPECT_EQ(cluster.get("/healthz").code, 200);

  cluster.user.clear();
  const auto anonymous = cluster.get("/api/v1/nodes");
  EXPECT_EQ(anonymous.text({"message"}),
            "nodes is forbidden: User \"system:anonymous\" cannot list resource \"nodes\" in API "
            "group \"\" at the cluster scope");
  const auto unknown =
      cluster.request("GET", "/api/v1/nodes", {}, {{"Authorization", "Bearer wrong"}});
  EXPECT_EQ(unknown.code, 401);
  EXPECT_EQ(unknown.text({"message"}), "Unauthorized");
}

TEST(Impersonation, ActsAsTheOtherAndNeedsTheRightTo) {
  TestCluster cluster;
  const auto as_jane = cluster.request("GET", kMaps, {}, {{"Impersonate-User", "jane"}});
  EXPECT_EQ(as_jane.code, 403);
  EXPECT_NE(as_jane.text({"message"}).find("User \"jane\""), std::string_view::npos);

  cluster.user = "joe";
  cluster.groups = {};
  const auto refused = cluster.request("GET", kMaps, {}, {{"Impersonate-User", "admin"}});
  EXPECT_EQ(
      refused.text({"message"}),
      "users \"admin\" is forbidden: User \"joe\" cannot impersonate resource \"users\" in API "
      "group \"\" at the cluster scope");
}

TEST(Versions, OfOneStoredKindAreConverted) {
  TestCluster cluster;
  const auto created = cluster.post(
      "/apis/events.k8s.io/v1/namespaces/default/events",
      R"({"apiVersion":"events.k8s.io/v1","kind":"Event","metadata":{"name":"e"},"note":"hello",)"
      R"("reason":"Why","type":"Normal","action":"Do","eventTime":"2024-01-01T00:00:00.000000Z",)"
      R"("reportingController":"c","reportingInstance":"i",)"
      R"("regarding":{"kind":"Pod","name":"p","namespace":"default"}})");
  ASSERT_EQ(created.code, 201) << created.body;

  const auto core = cluster.get("/api/v1/namespaces/default/events/e");
  EXPECT_EQ(core.text({"message"}), "hello");
  EXPECT_EQ(core.text({"involvedObject", "name"}), "p");
  const auto selected = cluster.get(
      "/apis/events.k8s.io/v1/namespaces/default/events?fieldSelector=regarding.name%3Dp");
  EXPECT_EQ(names_of(selected), (Names{"e"}));
  EXPECT_EQ(api::string_at(selected.json.at("items").at(0), {"note"}), "hello");
}

}  // namespace
}  // namespace keelson::apiserver
