// SPDX-License-Identifier: Apache-2.0
// Subresources that lead to a kubelet or into a pod, with a backend that keeps what it is asked.
#include <gtest/gtest.h>

#include <set>

#include "apiserver/connect/kubelet_connect.h"
#include "standard_cluster.h"

namespace keelson::apiserver {
namespace {

class FixedBody final : public net::HttpBody {
 public:
  explicit FixedBody(net::HttpResponse answer)
      : head_(std::move(answer)), rest_(std::exchange(head_.body, {})) {}
  const net::HttpResponse& head() const override { return head_; }
  Task<Result<std::string>> read() override { co_return std::exchange(rest_, {}); }

 private:
  net::HttpResponse head_;
  std::string rest_;
};

// What all backends were asked, and what they answer.
struct Backends {
  std::vector<std::string> dialed;
  std::vector<net::HttpRequest> requests;
  net::HttpResponse answer{200, {}, "hello"};
};

class FakeBackend final : public net::HttpClient {
 public:
  explicit FakeBackend(Backends& backends) : backends_(backends) {}

  Task<Result<net::HttpResponse>> send(net::HttpRequest, Duration, std::size_t) override {
    co_return fail(Status::unavailable("not served"));
  }
  Task<Result<std::unique_ptr<net::HttpBody>>> open(net::HttpRequest request) override {
    backends_.requests.push_back(std::move(request));
    co_return std::make_unique<FixedBody>(backends_.answer);
  }
  Task<Result<Upgraded>> upgrade(net::HttpRequest request) override {
    backends_.requests.push_back(std::move(request));
    co_return Upgraded{backends_.answer, nullptr};
  }

 private:
  Backends& backends_;
};

const std::string kPods = "/api/v1/namespaces/default/pods";
const std::string kServices = "/api/v1/namespaces/default/services";

// The node n1 runs the pod web at 10.0.0.7; the pod idle has no node.
class Connect : public testing::Test {
 protected:
  Connect() {
    add_kubelet_connect(cluster.server->routes(), *client,
                        [this](net::Origin origin) {
                          backends.dialed.push_back(host_and_port(origin.host, origin.port));
                          return std::make_unique<FakeBackend>(backends);
                        },
                        *cluster.random, {});
    cluster.add_account("default");
    cluster.add("/api/v1/nodes", R"({"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}})");
    cluster.patch("/api/v1/nodes/n1/status",
                  R"({"status":{"addresses":[{"type":"InternalIP","address":"10.0.0.1"}]}})");
    add_pod("web", "10.0.0.7");
    cluster.add(kPods, pod_json("idle"));
  }

  void add_pod(const std::string& name, const std::string& ip) {
    cluster.add(kPods, pod_json(name, R"(,"nodeName":"n1")"));
    const auto answer = cluster.patch(kPods + "/" + name + "/status",
                                      R"({"status":{"phase":"Running","podIP":")" + ip +
                                          R"(","podIPs":[{"ip":")" + ip + "\"}]}}");
    ASSERT_EQ(answer.code, 200) << answer.body;
  }
  void add_service(const std::string& name, const std::string& addresses) {
    cluster.add(kServices, R"({"apiVersion":"v1","kind":"Service","metadata":{"name":")" + name +
                               R"("},"spec":{"ports":[{"name":"web","port":80},
                                 {"name":"admin","port":81}]}})");
    cluster.add("/api/v1/namespaces/default/endpoints",
                R"({"apiVersion":"v1","kind":"Endpoints","metadata":{"name":")" + name +
                    R"("},"subsets":[{"addresses":[)" + addresses +
                    R"(],"ports":[{"name":"web","port":8080},{"name":"admin","port":8081}]}]})");
  }
  static std::string address(const std::string& ip, const std::string& pod,
                             const std::string& namespace_ = "default") {
    return R"({"ip":")" + ip + R"(","targetRef":{"kind":"Pod","name":")" + pod +
           R"(","namespace":")" + namespace_ + "\"}}";
  }
  // The only request so far.
  const net::HttpRequest& asked() const {
    CHECK(backends.requests.size() == 1);
    return backends.requests.front();
  }

  StandardCluster cluster;
  Backends backends;
  const std::unique_ptr<client::Client> client =
      cluster.server->make_client(User::system_masters("connect"));
};

TEST_F(Connect, ChecksWhatIsAskedOfALogFirst) {
  struct Case {
    std::string query, message;
    int code;
  };
  const std::string invalid = "PodLogOptions \"none\" is invalid: ";
  const Case cases[] = {
      {"tailLines=-5", invalid + "tailLines: Invalid value: -5: must be greater than or equal to 0",
       422},
      {"limitBytes=0", invalid + "limitBytes: Invalid value: 0: must be greater than 0", 422},
      {"sinceSeconds=0", invalid + "sinceSeconds: Invalid value: 0: must be greater than 0", 422},
      {"sinceSeconds=5&sinceTime=2023-01-01T00:00:00Z",
       invalid + "Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified", 422},
      {"stream=Stderr&tailLines=1",
       invalid + "Forbidden: `tailLines` and specific `stream` are mutually exclusive for now",
       422},
      {"stream=stdin",
       invalid + "stream: Unsupported value: \"stdin\": supported values: \"All\", \"Stderr\", "
                 "\"Stdout\"",
       422},
      {"tailLines=five", "strconv.ParseInt: parsing \"five\": invalid syntax", 400},
      {"tailLines=5", "pods \"none\" not found", 404},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.query);
    const auto answer = cluster.get(kPods + "/none/log?" + c.query);
    EXPECT_EQ(answer.code, c.code);
    EXPECT_EQ(answer.text({"message"}), c.message);
  }
}

TEST_F(Connect, PassesTheLogOn) {
  const auto answer =
      cluster.get(kPods + "/web/log?container=c&follow=true&tailLines=3&timestamps=false");

  EXPECT_EQ(answer.body, "hello");
  EXPECT_EQ(asked().target, "/containerLogs/default/web/c?follow=true&tailLines=3");
  EXPECT_EQ(backends.dialed, std::vector<std::string>{"10.0.0.1:10250"});
}

TEST_F(Connect, HasNoLogOfAPodThatNoNodeHas) {
  const auto log = cluster.get(kPods + "/idle/log");
  const auto exec = cluster.post(kPods + "/idle/exec?command=ls&stdout=true", "");
  const auto attach = cluster.post(kPods + "/idle/attach?stdout=true", "");
  const auto forward = cluster.post(kPods + "/idle/portforward?ports=80", "");

  EXPECT_EQ(log.code, 204);
  EXPECT_EQ(log.body, "");
  for (const auto& answer : {exec, attach, forward}) {
    EXPECT_EQ(answer.code, 400);
    EXPECT_EQ(answer.text({"message"}), "pod idle does not have a host assigned");
  }
}

TEST_F(Connect, MeansTheVeryPodThatWasAuthorized) {
  const std::string uid(cluster.get(kPods + "/web").text({"metadata", "uid"}));
  const net::Headers upgrade{{"Connection", "Upgrade"}, {"Upgrade", "SPDY/3.1"}};

  cluster.request("POST", kPods + "/web/exec?command=ls&stdout=true", {}, upgrade);
  cluster.request("POST", kPods + "/web/attach?stdout=true", {}, upgrade);
  cluster.request("POST", kPods + "/web/portforward?ports=80", {}, upgrade);

  ASSERT_EQ(backends.requests.size(), 3U);
  EXPECT_EQ(backends.requests[0].target, "/exec/default/web/" + uid + "/c?output=1&command=ls");
  EXPECT_EQ(backends.requests[1].target, "/attach/default/web/" + uid + "/c?output=1");
  EXPECT_EQ(backends.requests[2].target, "/portForward/default/web/" + uid + "?port=80");
}

TEST_F(Connect, KeepsTheEscapesOfAProxiedPath) {
  struct Case {
    std::string_view path, sent;
  };
  const Case cases[] = {
      {"/", "/"},           {"/a/b/", "/a/b/"},
      {"/a%20b", "/a%20b"}, {"/a%3Fb=c/d%25e?f=%2F", "/a%3Fb=c/d%25e?f=%2F"},
      {"/a%2Fb", "/a%2Fb"}, {"/proxy/proxy", "/proxy/proxy"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.path);
    backends.requests.clear();
    const auto answer = cluster.get(kPods + "/web:8080/proxy" + std::string(c.path));
    EXPECT_EQ(answer.code, 200) << answer.body;
    EXPECT_EQ(asked().target, c.sent);
  }
}

TEST_F(Connect, FindsThePathBehindNamesLikeIt) {
  cluster.add("/api/v1/namespaces",
              R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"proxy"}})");
  cluster.add_account("proxy");
  const std::string pods = "/api/v1/namespaces/proxy/pods";
  cluster.add(pods, pod_json("proxy", R"(,"nodeName":"n1")"));
  cluster.patch(pods + "/proxy/status", R"({"status":{"podIP":"10.0.0.8","podIPs":[
                {"ip":"10.0.0.8"}]}})");

  const auto answer = cluster.get(pods + "/proxy/proxy/a/b");

  EXPECT_EQ(answer.code, 200) << answer.body;
  EXPECT_EQ(asked().target, "/a/b");
}

TEST_F(Connect, PassesHeadersOnButCredentials) {
  backends.answer.headers = {{"Set-Cookie", "a=b"},
                             {"Connection", "X-Hop"},
                             {"X-Hop", "1"},
                             {"Access-Control-Allow-Origin", "*"}};

  const auto answer = cluster.request("GET", kPods + "/web:8080/proxy/a?b", {},
                                      {{"Cookie", "c=d"},
                                       {"User-Agent", "test"},
                                       {"X-Csrf", "1"},
                                       {"Authorization", "Basic x"},
                                       {"Impersonate-Extra-Scopes", "all"},
                                       {"Impersonate-User", "admin"},
                                       {"Impersonate-Group", "system:masters"},
                                       {"Connection", "keep-alive, X-Near"},
                                       {"X-Near", "1"},
                                       {"X-Forwarded-For", "192.0.2.1"}});

  ASSERT_EQ(answer.code, 200) << answer.body;
  const net::Headers& sent = asked().headers;
  EXPECT_EQ(sent.get("Cookie"), "c=d");
  EXPECT_EQ(sent.get("User-Agent"), "test");
  EXPECT_EQ(sent.get("X-Csrf"), "1");
  EXPECT_TRUE(sent.get("X-Forwarded-For").starts_with("192.0.2.1, "));
  EXPECT_EQ(sent.get("X-Forwarded-Uri"), kPods + "/web:8080/proxy/a");
  for (const std::string_view name : {"Authorization", "Impersonate-User", "Impersonate-Group",
                                      "Impersonate-Extra-Scopes", "Connection", "X-Near"}) {
    EXPECT_FALSE(sent.has(name)) << name;
  }
  EXPECT_EQ(answer.headers.get("Set-Cookie"), "a=b");
  EXPECT_FALSE(answer.headers.has("X-Hop"));
  EXPECT_FALSE(answer.headers.has("Access-Control-Allow-Origin"));
}

TEST_F(Connect, PassesTheBackendsErrorsOnAsTheyAre) {
  backends.answer = {404, {{"Content-Type", "text/html"}}, "<p>nothing here</p>"};

  const auto answer = cluster.get(kPods + "/web:8080/proxy/a");

  EXPECT_EQ(answer.code, 404);
  EXPECT_EQ(answer.body, "<p>nothing here</p>");
}

TEST_F(Connect, KeepsRedirectsBelowTheProxy) {
  const std::string prefix = "/api/v1/namespaces/default/pods/web:8080/proxy";
  backends.answer = {302, {{"Location", "/login?next=%2Fa"}}, ""};

  const auto redirected = cluster.get(prefix + "/a");
  const auto bare = cluster.get(prefix + "?a=b");

  EXPECT_EQ(redirected.headers.get("Location"), prefix + "/login?next=%2Fa");
  EXPECT_EQ(bare.code, 301);
  EXPECT_EQ(bare.headers.get("Location"), prefix + "/?a=b");
  EXPECT_EQ(backends.requests.size(), 1U);
}

TEST(ProxiedLocation, IsThatOfTheBackendOnly) {
  struct Case {
    std::string location, proxied;
  };
  const Case cases[] = {
      {"/login", "/p/login"},
      {"/p/login", "/p/login"},
      {"login", "login"},
      {"?a", "?a"},
      {"http://10.0.0.7:80/a?b#c", "/p/a?b#c"},
      {"https://api:6443/a", "https://api:6443/p/a"},
      {"https://example.org/a", "https://example.org/a"},
      {"//example.org/a", "//example.org/a"},
      {"mailto:me", "mailto:me"},
      {"http://10.0.0.7:80", "http://10.0.0.7:80"},
  };
  for (const auto& c : cases) {
    EXPECT_EQ(proxied_location(c.location, "/p", "10.0.0.7:80", "api:6443"), c.proxied);
  }
}

TEST_F(Connect, ReachesNoAddressOfThisMachineThroughAPod) {
  struct Case {
    std::string ip;
    bool allowed;
  };
  const Case cases[] = {
      {"10.0.0.7", true},
      {"2001:db8::1", true},
      {"127.0.0.1", false},
      {"127.8.8.8", false},
      {"169.254.1.1", false},
      {"224.0.0.1", false},
      {"0.0.0.0", false},
      {"255.255.255.255", false},
      {"::1", false},
      {"::", false},
      {"fe80::1", false},
      {"ff02::1", false},
      {"::ffff:127.0.0.1", false},
      {"", false},
      {"example.org", false},
  };
  for (const auto& c : cases) EXPECT_EQ(is_proxyable(c.ip), c.allowed) << c.ip;
  add_pod("own", "127.0.0.1");

  const auto answer = cluster.get(kPods + "/own:8080/proxy/");

  EXPECT_EQ(answer.code, 400);
  EXPECT_EQ(answer.text({"message"}), "address not allowed");
  EXPECT_TRUE(backends.dialed.empty());
}

TEST_F(Connect, RefusesNamesThatMeanNothing) {
  EXPECT_EQ(cluster.get(kPods + "/ftp:web:1/proxy/").text({"message"}),
            "invalid pod request \"ftp:web:1\"");
  EXPECT_EQ(cluster.get(kServices + "/a:b:c:d/proxy/").text({"message"}),
            "invalid service request \"a:b:c:d\"");
}

TEST_F(Connect, ReachesTheServicesOwnPodsOnly) {
  add_pod("more", "10.0.0.9");
  add_service("fine", address("10.0.0.7", "web") + "," + address("10.0.0.9", "more"));
  add_service("foreign", R"({"ip":"10.9.9.9"},)" + address("10.9.9.9", "web") + "," +
                             address("10.0.0.7", "web", "kube-system"));

  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(cluster.get(kServices + "/fine:web/proxy/").code, 200);
  }
  const std::set<std::string> reached(backends.dialed.begin(), backends.dialed.end());
  const auto foreign = cluster.get(kServices + "/foreign:web/proxy/");
  const auto by_number = cluster.get(kServices + "/fine:81/proxy/");
  const auto no_port = cluster.get(kServices + "/fine:82/proxy/");

  EXPECT_EQ(reached, (std::set<std::string>{"10.0.0.7:8080", "10.0.0.9:8080"}));
  EXPECT_EQ(foreign.code, 503);
  EXPECT_EQ(foreign.text({"message"}), "no endpoints available for service \"foreign:web\"");
  EXPECT_EQ(by_number.code, 200);
  EXPECT_TRUE(backends.dialed.back().ends_with(":8081"));
  EXPECT_EQ(no_port.text({"message"}), "no service port 82 found for service \"fine\"");
}

}  // namespace
}  // namespace keelson::apiserver
