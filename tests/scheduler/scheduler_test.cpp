// SPDX-License-Identifier: Apache-2.0
// The whole component against an API server in memory, on a virtual clock.
#include "scheduler/scheduler.h"

#include <gtest/gtest.h>

#include "api/policy/v1.h"
#include "base/virtual_executor.h"
#include "client/fake_api.h"
#include "scheduler/builders.h"
#include "scheduler/failure.h"

namespace keelson::scheduler {
namespace {

using namespace std::chrono_literals;
using client::FakeApi;

class SchedulerTest : public testing::Test {
 protected:
  SchedulerTest() { group.start(scheduler.run()); }
  ~SchedulerTest() override {
    group.request_stop();
    executor.advance(5s);
  }

  std::string node_of(const std::string& pod) {
    return api.must_get<Pod>({"default", pod}).spec.nodeName;
  }
  const core::v1::PodCondition* scheduled_condition(const std::string& pod) {
    for (const auto& condition : api.must_get<Pod>({"default", pod}).status.conditions) {
      if (condition.type == "PodScheduled") return &condition;
    }
    return nullptr;
  }
  // "Scheduled: Successfully assigned ..." of all events about the pod.
  std::vector<std::string> events_of(const std::string& pod) {
    std::vector<std::string> texts;
    for (const auto& event : api.all<core::v1::Event>()) {
      if (event->involvedObject.name == pod) {
        texts.push_back(event->reason + ": " + event->message);
      }
    }
    return texts;
  }

  VirtualExecutor executor;
  FakeApi api{executor};
  std::unique_ptr<Random> random = make_seeded_random(7);
  Scheduler scheduler{api, executor, *random};
  TaskGroup group{executor};
};

using Texts = std::vector<std::string>;

TEST_F(SchedulerTest, BindsAPodAndSaysSo) {
  api.add(make_node("node-1"));
  api.add(make_pod("web", "1", "1Gi"));

  executor.advance(1s);

  EXPECT_EQ(node_of("web"), "node-1");
  EXPECT_EQ(events_of("web"), Texts{"Scheduled: Successfully assigned default/web to node-1"});
  EXPECT_EQ(scheduled_condition("web")->status, "True");
  EXPECT_EQ(scheduler.counts().scheduled, 1u);
}

TEST_F(SchedulerTest, SpreadsPodsByWhatIsLeft) {
  for (int i = 0; i < 4; ++i) api.add(make_node("node-" + std::to_string(i)));
  for (int i = 0; i < 8; ++i) api.add(make_pod("web-" + std::to_string(i), "1", "1Gi"));

  executor.advance(1s);

  std::map<std::string, int> counts;
  for (const auto& pod : api.all<Pod>()) ++counts[pod->spec.nodeName];
  EXPECT_EQ(counts, (std::map<std::string, int>{
                        {"node-0", 2}, {"node-1", 2}, {"node-2", 2}, {"node-3", 2}}));
}

TEST_F(SchedulerTest, NeverPutsMoreOnANodeThanItHas) {
  for (int i = 0; i < 3; ++i) api.add(make_node("node-" + std::to_string(i), "4"));
  for (int i = 0; i < 50; ++i) api.add(make_pod("web-" + std::to_string(i), "1"));

  executor.advance(1min);

  std::map<std::string, int> counts;
  for (const auto& pod : api.all<Pod>()) ++counts[pod->spec.nodeName];
  EXPECT_EQ(counts,
            (std::map<std::string, int>{{"", 38}, {"node-0", 4}, {"node-1", 4}, {"node-2", 4}}));
  EXPECT_EQ(scheduler.unschedulable_pods(), 38u);
}

TEST_F(SchedulerTest, SaysWhyAPodFitsNowhere) {
  api.add(make_node("small-1", "1"));
  api.add(make_node("small-2", "1"));
  Node tainted = make_node("tainted");
  tainted.spec.taints = {{.key = "a", .value = "", .effect = "NoSchedule"}};
  api.add(tainted);
  api.add(on_node(make_pod("busy-1", "500m"), "small-1"));

  api.add(make_pod("web", "600m", "16Gi"));
  executor.advance(1s);

  constexpr auto kMessage =
      "0/3 nodes are available: 1 Insufficient cpu, 1 node(s) had untolerated taint(s), "
      "2 Insufficient memory. no new claims to deallocate, preemption: 0/3 nodes are available: "
      "3 Preemption is not helpful for scheduling.";
  ASSERT_NE(scheduled_condition("web"), nullptr);
  EXPECT_EQ(scheduled_condition("web")->status, "False");
  EXPECT_EQ(scheduled_condition("web")->reason, "Unschedulable");
  EXPECT_EQ(scheduled_condition("web")->message, kMessage);
  EXPECT_EQ(events_of("web"), Texts{std::string("FailedScheduling: ") + kMessage});
}

TEST_F(SchedulerTest, SaysThatNobodyCouldBePreempted) {
  api.add(make_node("node-1", "1"));
  api.add(on_node(make_pod("busy", "1"), "node-1"));
  api.add(make_pod("web", "1"));
  executor.advance(1s);

  EXPECT_EQ(events_of("web"),
            Texts{"FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu. no new claims to "
                  "deallocate, preemption: 0/1 nodes are available: 1 No preemption victims found "
                  "for incoming pod."});
}

TEST_F(SchedulerTest, WithoutNodesItSaysSo) {
  api.add(make_pod("web"));
  executor.advance(1s);
  EXPECT_EQ(events_of("web"), Texts{"FailedScheduling: no nodes available to schedule pods"});

  api.add(make_node("node-1"));
  executor.advance(10s);

  EXPECT_EQ(node_of("web"), "node-1");
}

TEST_F(SchedulerTest, TriesAgainWhenAPodMakesRoom) {
  api.add(make_node("node-1", "1"));
  api.add(on_node(make_pod("busy", "1"), "node-1"));
  api.add(make_pod("web", "1"));
  executor.advance(30s);
  EXPECT_EQ(node_of("web"), "");

  api.erase<Pod>({"default", "busy"}, {.grace_period_seconds = 0});
  executor.advance(1s);

  EXPECT_EQ(node_of("web"), "node-1");
}

TEST_F(SchedulerTest, PodsThatHaveEndedUseNothing) {
  api.add(make_node("node-1", "1"));
  api.add(on_node(make_pod("job", "1"), "node-1"));
  api.add(make_pod("web", "1"));
  executor.advance(30s);
  EXPECT_EQ(node_of("web"), "");

  api.change<Pod>({"default", "job"}, [](Pod& pod) { pod.status.phase = "Succeeded"; });
  executor.advance(1s);

  EXPECT_EQ(node_of("web"), "node-1");
}

TEST_F(SchedulerTest, LeavesPodsOfOtherSchedulersAlone) {
  api.add(make_node("node-1"));
  Pod other = make_pod("other");
  other.spec.schedulerName = "custom";
  api.add(other);
  executor.advance(10s);

  EXPECT_EQ(node_of("other"), "");
  EXPECT_TRUE(events_of("other").empty());
}

TEST_F(SchedulerTest, WaitsForGatesAndThenSchedules) {
  api.add(make_node("node-1"));
  Pod gated = make_pod("web");
  gated.spec.schedulingGates = {{.name = "wait"}};
  api.add(gated);
  executor.advance(10s);
  EXPECT_EQ(node_of("web"), "");

  api.change<Pod>({"default", "web"}, [](Pod& pod) { pod.spec.schedulingGates.clear(); });
  executor.advance(1s);

  EXPECT_EQ(node_of("web"), "node-1");
}

TEST_F(SchedulerTest, TriesAgainAfterABindingFailed) {
  api.add(make_node("node-1", "1"));
  api.fail_next(2, {.verb = "create", .subresource = "binding"},
                Status::unavailable("connection refused"));
  api.add(make_pod("web", "1"));
  executor.advance(500ms);
  EXPECT_EQ(node_of("web"), "");
  EXPECT_EQ(scheduled_condition("web")->reason, "SchedulerError");
  EXPECT_EQ(scheduled_condition("web")->message,
            "running Bind plugin \"DefaultBinder\": connection refused");

  executor.advance(5s);

  EXPECT_EQ(node_of("web"), "node-1");
  EXPECT_EQ(scheduler.counts().errors, 2u);
}

TEST_F(SchedulerTest, AChangeDuringAFailingBindingIsNotLost) {
  api.add(make_node("node-1", "1"));
  api.add(in_zone(make_node("node-2", "1"), "b"));
  api.fail_next(1, {.verb = "create", .subresource = "binding"},
                Status::unavailable("connection refused"));
  executor.advance(1s);
  api.add(make_pod("web", "1"));
  api.change<Pod>({"default", "web"},
                  [](Pod& pod) { pod.spec.nodeSelector["topology.kubernetes.io/zone"] = "b"; });
  executor.advance(10s);

  EXPECT_EQ(node_of("web"), "node-2");
}

TEST_F(SchedulerTest, APodDeletedWhileItIsBoundLeavesItsRoom) {
  api.add(make_node("node-1", "1"));
  executor.advance(1s);
  api.fail_next(1, {.verb = "create", .subresource = "binding"},
                Status::not_found("", "pods", "web"));
  api.add(make_pod("web", "1"));
  api.erase<Pod>({"default", "web"});
  api.add(make_pod("next", "1"));
  executor.advance(20s);

  EXPECT_EQ(api.peek<Pod>({"default", "web"}), nullptr);
  EXPECT_EQ(node_of("next"), "node-1");
}

TEST_F(SchedulerTest, AFailedBindingMakesRoomForOthers) {
  api.add(make_node("node-1", "1"));
  executor.advance(1s);
  api.fail_next(1, {.verb = "create", .name = "web", .subresource = "binding"},
                Status::forbidden("", "pods/binding", "web", "no"));
  api.add(make_pod("web", "1"));
  api.add(with_priority(make_pod("next", "1"), 0));
  executor.advance(500ms);

  EXPECT_EQ(node_of("web"), "");
  EXPECT_EQ(node_of("next"), "node-1");
}

TEST_F(SchedulerTest, KeepsANominationThatSomebodyElseMade) {
  api.add(make_node("node-1", "1"));
  Pod pod = make_pod("web", "2");
  pod.status.nominatedNodeName = "node-2";
  api.add(pod);
  executor.advance(1s);
  ASSERT_NE(scheduled_condition("web"), nullptr);
  EXPECT_EQ(api.must_get<Pod>({"default", "web"}).status.nominatedNodeName, "node-2");
}

TEST(EventText, EndsWhereAnEventDoes) {
  const std::string fits(1024, 'x');
  EXPECT_EQ(event_text(fits), fits);
  EXPECT_EQ(event_text(fits + "y"), std::string(1020, 'x') + " ...");
}

TEST_F(SchedulerTest, APodBoundByAnotherIsTakenAsItIs) {
  api.add(make_node("node-1", "1"));
  api.add(make_node("node-2", "1"));
  executor.advance(1s);
  // Between our choice and our binding somebody else binds it.
  api.fail_next(1, {.verb = "create", .subresource = "binding"},
                Status::conflict("", "pods/binding", "web", "already assigned"));
  api.add(make_pod("web", "1"));
  api.change<Pod>({"default", "web"}, [](Pod& pod) { pod.spec.nodeName = "node-2"; });
  executor.advance(1s);

  api.add(make_pod("next", "1"));
  executor.advance(20s);

  EXPECT_EQ(node_of("web"), "node-2");
  EXPECT_EQ(node_of("next"), "node-1");
}

TEST_F(SchedulerTest, CatchesUpAfterTheWatchesBroke) {
  api.add(make_node("node-1", "2"));
  executor.advance(1s);

  api.end_watches(Status::unavailable("connection reset"));
  api.add(make_pod("web", "2"));
  api.compact();
  executor.advance(10s);

  EXPECT_EQ(node_of("web"), "node-1");
}

TEST_F(SchedulerTest, PutsDaemonPodsOnTheNodeTheyName) {
  for (int i = 0; i < 5; ++i) api.add(make_node("node-" + std::to_string(i)));
  const auto daemon = [](std::string name, std::string node) {
    Pod pod = make_pod(std::move(name));
    pod.spec.affinity.ensure()
        .nodeAffinity.ensure()
        .requiredDuringSchedulingIgnoredDuringExecution.ensure()
        .nodeSelectorTerms = {
        {.matchExpressions = {}, .matchFields = {{"metadata.name", "In", {std::move(node)}}}}};
    return pod;
  };
  api.add(daemon("agent", "node-3"));
  api.add(daemon("lost", "node-9"));
  executor.advance(1s);

  EXPECT_EQ(node_of("agent"), "node-3");
  EXPECT_EQ(
      scheduled_condition("lost")->message,
      "0/5 nodes are available: 5 node(s) didn't satisfy plugin(s) [NodeAffinity]. no new "
      "claims to deallocate, preemption: 0/5 nodes are available: 5 Preemption is not helpful "
      "for scheduling.");
}

TEST_F(SchedulerTest, PreemptsTheLeastImportantPod) {
  api.add(make_node("node-1", "2"));
  api.add(make_node("node-2", "2"));
  api.add(with_priority(on_node(make_pod("low", "2"), "node-1"), 1));
  api.add(with_priority(on_node(make_pod("middle", "2"), "node-2"), 5));
  executor.advance(1s);

  api.add(with_priority(make_pod("high", "1"), 10));
  executor.advance(1s);

  const Pod& low = api.must_get<Pod>({"default", "low"});
  EXPECT_TRUE(low.metadata.deletionTimestamp);
  ASSERT_FALSE(low.status.conditions.empty());
  EXPECT_EQ(low.status.conditions[0].type, "DisruptionTarget");
  EXPECT_EQ(low.status.conditions[0].reason, "PreemptionByScheduler");
  EXPECT_FALSE(api.must_get<Pod>({"default", "middle"}).metadata.deletionTimestamp);
  EXPECT_EQ(events_of("low"),
            Texts{"Preempted: Preempted by pod " +
                  api.must_get<Pod>({"default", "high"}).metadata.uid + " on node node-1"});
  EXPECT_EQ(api.must_get<Pod>({"default", "high"}).status.nominatedNodeName, "node-1");

  // Its room is kept from less important pods until the victim has gone.
  api.add(with_priority(make_pod("sneaky", "1"), 2));
  api.erase<Pod>({"default", "low"}, {.grace_period_seconds = 0});
  executor.advance(10s);
  EXPECT_EQ(node_of("high"), "node-1");
  EXPECT_EQ(node_of("sneaky"), "node-1");
}

TEST_F(SchedulerTest, DoesNotPreemptWhereThePolicyForbidsIt) {
  api.add(make_node("node-1", "1"));
  api.add(with_priority(on_node(make_pod("low", "1"), "node-1"), 1));
  Pod polite = with_priority(make_pod("polite", "1"), 10);
  polite.spec.preemptionPolicy = "Never";
  api.add(polite);
  executor.advance(1s);

  EXPECT_FALSE(api.must_get<Pod>({"default", "low"}).metadata.deletionTimestamp);
  EXPECT_EQ(events_of("polite"),
            Texts{"FailedScheduling: 0/1 nodes are available: 1 Insufficient cpu. no new claims to "
                  "deallocate, preemption: not eligible due to preemptionPolicy=Never."});
}

TEST_F(SchedulerTest, PreemptsWhereADisruptionBudgetAllowsIt) {
  api.add(make_node("node-1", "2"));
  api.add(make_node("node-2", "2"));
  api.add(with_priority(with_label(on_node(make_pod("guarded", "2"), "node-1"), "app", "db"), 1));
  api.add(with_priority(on_node(make_pod("free", "2"), "node-2"), 5));
  policy::v1::PodDisruptionBudget budget;
  budget.metadata.namespace_ = "default";
  budget.metadata.name = "db";
  budget.spec.selector.ensure().matchLabels["app"] = "db";
  api.add(budget);
  executor.advance(1s);

  api.add(with_priority(make_pod("high", "1"), 10));
  executor.advance(1s);

  EXPECT_FALSE(api.must_get<Pod>({"default", "guarded"}).metadata.deletionTimestamp);
  EXPECT_TRUE(api.must_get<Pod>({"default", "free"}).metadata.deletionTimestamp);
}

TEST_F(SchedulerTest, PodsWithClaimsWaitInsteadOfRunningWithoutTheirDevices) {
  api.add(make_node("node-1"));
  Pod claiming = make_pod("web");
  claiming.spec.resourceClaims.emplace_back().name = "gpu";
  api.add(claiming);
  executor.advance(1s);

  EXPECT_EQ(node_of("web"), "");
  EXPECT_EQ(scheduled_condition("web")->reason, "Unschedulable");
}

TEST(SchedulerRuns, AreTheSameWithTheSameSeed) {
  const auto run = [](std::uint64_t seed) {
    VirtualExecutor executor;
    FakeApi api(executor);
    const auto random = make_seeded_random(seed);
    Scheduler scheduler(api, executor, *random);
    TaskGroup group(executor);
    for (int i = 0; i < 20; ++i) api.add(make_node("node-" + std::to_string(i)));
    for (int i = 0; i < 60; ++i) api.add(make_pod("web-" + std::to_string(i), "500m"));
    api.fail_next(10, {.verb = "create", .subresource = "binding"},
                  Status::unavailable("connection refused"));
    group.start(scheduler.run());
    executor.advance(1min);
    group.request_stop();
    executor.advance(5s);
    std::vector<std::string> nodes;
    for (const auto& pod : api.all<Pod>()) nodes.push_back(pod->spec.nodeName);
    return nodes;
  };

  const auto first = run(1);
  EXPECT_EQ(std::ranges::count(first, ""), 0);
  EXPECT_EQ(first, run(1));
  EXPECT_NE(first, run(2));
}

}  // namespace
}  // namespace keelson::scheduler
