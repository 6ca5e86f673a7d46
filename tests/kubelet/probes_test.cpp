// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"
#include "kubelet/probe.h"

namespace keelson::kubelet {
namespace {

// Commands succeed while `well`.
class ProbesTest : public KubeletTest {
 protected:
  ProbesTest() {
    runtime.on_exec([this](const std::string&, const std::vector<std::string>& command) {
      cri::v1::ExecSyncResponse response;
      asked.push_back(command.at(0));
      response.set_exit_code(sick.contains(command.at(0)) ? 1 : 0);
      response.set_stdout(sick.contains(command.at(0)) ? "not well" : "");
      return response;
    });
  }
  static v1::Probe probe(std::string command, int period = 5, int failures = 2) {
    v1::Probe out;
    out.exec.emplace().command = {std::move(command)};
    out.periodSeconds = period;
    out.timeoutSeconds = 1;
    out.successThreshold = 1;
    out.failureThreshold = failures;
    return out;
  }
  std::set<std::string> sick;
  std::vector<std::string> asked;
};

TEST_F(ProbesTest, ReadinessDecidesWhetherThePodIsReady) {
  sick = {"ready"};
  auto web = make_pod("web");
  web.spec.containers[0].readinessProbe = probe("ready");
  start();
  api.add(web);
  executor.advance(20s);
  EXPECT_EQ(phase(), "Running");
  EXPECT_FALSE(is_ready());
  EXPECT_EQ(find_condition(pod().status, "Ready")->message,
            "containers with unready status: [main]");
  EXPECT_TRUE(has_event("Unhealthy"));

  sick.clear();
  EXPECT_TRUE(until([&] { return is_ready(); }, 6s));
  sick = {"ready"};
  executor.advance(6s);
  EXPECT_TRUE(is_ready()) << "one failure is not enough";
  EXPECT_TRUE(until([&] { return !is_ready(); }, 6s));
  EXPECT_EQ(container().restartCount, 0);
}

TEST_F(ProbesTest, LivenessRestartsTheContainer) {
  auto web = make_pod("web");
  web.spec.containers[0].livenessProbe = probe("live");
  start();
  api.add(web);
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  executor.advance(30s);
  EXPECT_EQ(container().restartCount, 0);

  sick = {"live"};

  ASSERT_TRUE(until([&] { return container().restartCount == 1; }, 15s));
  executor.advance(2s);
  bool told = false;
  for (const auto& event : api.all<v1::Event>()) {
    told |= event->reason == "Killing" &&
            event->message == "Container main failed liveness probe, will be restarted";
  }
  EXPECT_TRUE(told);
}

TEST_F(ProbesTest, OthersWaitForTheStartupProbe) {
  sick = {"started"};
  auto web = make_pod("web");
  web.spec.containers[0].startupProbe = probe("started", 5, 10);
  web.spec.containers[0].livenessProbe = probe("live");
  start();
  api.add(web);
  executor.advance(20s);
  EXPECT_FALSE(is_ready());
  EXPECT_EQ(container().started, false);
  EXPECT_EQ(std::ranges::count(asked, "live"), 0);

  sick.clear();

  EXPECT_TRUE(until([&] { return is_ready(); }, 10s));
  EXPECT_EQ(container().started, true);
  executor.advance(10s);
  EXPECT_GT(std::ranges::count(asked, "live"), 0);
}

TEST_F(ProbesTest, AStartupProbeThatNeverSucceedsRestartsTheContainer) {
  sick = {"started"};
  auto web = make_pod("web");
  web.spec.containers[0].startupProbe = probe("started", 2, 3);
  start();
  api.add(web);

  EXPECT_TRUE(until(
      [&] { return !pod().status.containerStatuses.empty() && container().restartCount == 1; },
      20s));
}

TEST(Redirect, LeadsWhereTheLocationSays) {
  const HttpProbe from{.scheme = "http",
                       .host = "shop.example.com",
                       .address = "10.88.0.2",
                       .port = 8080,
                       .path = "/a/b?x=1"};
  struct Case {
    std::string location, scheme, host, address;
    std::uint16_t port;
    std::string path;
  };
  const Case cases[] = {
      {"/ready", "http", "shop.example.com", "10.88.0.2", 8080, "/ready"},
      {"/ready?y=2#part", "http", "shop.example.com", "10.88.0.2", 8080, "/ready?y=2"},
      {"c", "http", "shop.example.com", "10.88.0.2", 8080, "/a/c"},
      {"../c/./d/..", "http", "shop.example.com", "10.88.0.2", 8080, "/c/"},
      {"/../../c", "http", "shop.example.com", "10.88.0.2", 8080, "/c"},
      {"?y=2", "http", "shop.example.com", "10.88.0.2", 8080, "/a/b?y=2"},
      {"at/12:30", "http", "shop.example.com", "10.88.0.2", 8080, "/a/at/12:30"},
      {"http://10.88.0.2:8080/c", "http", "", "10.88.0.2", 8080, "/c"},
      {"https://10.88.0.2", "https", "", "10.88.0.2", 443, "/"},
      {"HTTP://user:word@10.88.0.2/c", "http", "", "10.88.0.2", 80, "/c"},
      {"//example.com:81?q", "http", "shop.example.com", "example.com", 81, "/?q"},
      {"https://[2001:db8::1]:8443/c", "https", "", "2001:db8::1", 8443, "/c"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.location);
    const auto to = redirected(from, c.location);
    ASSERT_TRUE(to) << to.error().message();
    EXPECT_EQ(to->scheme, c.scheme);
    EXPECT_EQ(to->host, c.host);
    EXPECT_EQ(to->address, c.address);
    EXPECT_EQ(to->port, c.port);
    EXPECT_EQ(to->path, c.path);
  }
  for (const char* location : {"ftp://10.88.0.2/", "http:/c", "http://", "http://[::1/",
                               "http://10.88.0.2:80x/", "http://10.88.0.2:99999/", "/a\nb"}) {
    EXPECT_FALSE(redirected(from, location)) << location;
  }
}

// Pages by path; what is not there answers 404.
class HttpProbesTest : public KubeletTest {
 protected:
  HttpProbesTest() {
    host.on_http_get([this](const HttpProbe& probe) -> Result<HttpAnswer> {
      asked.push_back(probe.path);
      const auto found = pages.find(probe.path);
      return found == pages.end() ? HttpAnswer{.status = 404} : found->second;
    });
  }
  void add_web() {
    auto web = make_pod("web");
    auto& probe = web.spec.containers[0].readinessProbe.emplace();
    probe.periodSeconds = 5;
    probe.timeoutSeconds = 1;
    probe.successThreshold = 1;
    probe.failureThreshold = 1;
    probe.httpGet.emplace().path = "/start";
    probe.httpGet->port = api::IntOrString(8080);
    start();
    api.add(web);
  }
  std::string message_of(const std::string& reason) {
    for (const auto& event : api.all<v1::Event>()) {
      if (event->reason == reason) return event->message;
    }
    return "<none>";
  }
  std::map<std::string, HttpAnswer> pages;
  std::vector<std::string> asked;
};

TEST_F(HttpProbesTest, TheLastAnswerOnTheHostCounts) {
  pages["/start"] = {.status = 302, .location = "/login"};
  pages["/login"] = {.status = 500};
  add_web();
  executor.advance(3s);
  EXPECT_FALSE(is_ready());
  EXPECT_EQ(message_of("Unhealthy"),
            "Readiness probe failed: HTTP probe failed with statuscode: 500");

  pages["/login"] = {.status = 200};
  EXPECT_TRUE(until([&] { return is_ready(); }, 6s));
  EXPECT_FALSE(has_event("ProbeWarning"));
}

TEST_F(HttpProbesTest, ARedirectToAnotherHostIsASuccessWorthAWarning) {
  pages["/start"] = {.status = 301, .body = "moved", .location = "http://example.com/login"};
  add_web();
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  executor.advance(1s);
  EXPECT_EQ(asked.front(), "/start");
  EXPECT_EQ(std::ranges::count(asked, "/login"), 0);
  EXPECT_EQ(message_of("ProbeWarning"),
            "Readiness probe warning: Probe terminated redirects, Response body: moved");
}

TEST_F(HttpProbesTest, AnEndlessRedirectIsAFailure) {
  pages["/start"] = {.status = 307, .location = "/start"};
  add_web();
  executor.advance(3s);
  EXPECT_FALSE(is_ready());
  EXPECT_EQ(asked.size(), 10u);
  EXPECT_NE(message_of("Unhealthy").find(":8080/start\": stopped after 10 redirects"),
            std::string::npos);
}

TEST_F(ProbesTest, HooksRunAfterStartAndBeforeStop) {
  auto web = make_pod("web");
  auto& lifecycle = web.spec.containers[0].lifecycle.emplace();
  lifecycle.postStart.emplace().exec.emplace().command = {"hello"};
  lifecycle.preStop.emplace().exec.emplace().command = {"goodbye"};
  start();
  api.add(web);
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  EXPECT_EQ(asked, std::vector<std::string>{"hello"});

  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 30});

  ASSERT_TRUE(until([&] { return !exists(); }, 10s));
  EXPECT_EQ(asked, (std::vector<std::string>{"hello", "goodbye"}));
}

TEST_F(ProbesTest, APreStopSleepTakesItsTimeOutOfTheGracePeriod) {
  runtime.behave("stubborn:1", {.ignores_stop = true});
  auto web = make_pod("web", {make_container("main", "stubborn:1")});
  web.spec.containers[0].lifecycle.emplace().preStop.emplace().sleep.emplace().seconds = 10;
  start();
  api.add(web);
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 30});

  executor.advance(28s);
  EXPECT_TRUE(exists());
  EXPECT_TRUE(until([&] { return !exists(); }, 4s));
}

TEST_F(ProbesTest, AFailedPostStartHookRestartsTheContainer) {
  sick = {"hello"};
  auto web = make_pod("web");
  web.spec.containers[0].lifecycle.emplace().postStart.emplace().exec.emplace().command = {"hello"};
  start();
  api.add(web);

  ASSERT_TRUE(until([&] { return waiting() == "PostStartHookError"; }, 10s));
  executor.advance(2s);
  EXPECT_TRUE(has_event("FailedPostStartHook"));
}

}  // namespace
}  // namespace keelson::kubelet
