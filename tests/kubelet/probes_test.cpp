// SPDX-License-Identifier: Apache-2.0
#include "fixture.h"

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
