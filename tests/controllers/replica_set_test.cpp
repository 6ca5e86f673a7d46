// SPDX-License-Identifier: Apache-2.0
#include "controllers/replica_set.h"

#include "controllers/fixture.h"
#include "controllers/own_writes.h"
#include "controllers/ownership.h"
#include "controllers/replicas.h"
#include "controllers/slow_start.h"

namespace keelson::controllers {
namespace {

using apps::v1::ReplicaSet;

class ReplicaSetTest : public ControllerTest {
 protected:
  void add_set(int replicas) {
    ReplicaSet set;
    set.metadata.name = "web";
    set.metadata.namespace_ = "default";
    set.spec.replicas = replicas;
    set.spec.selector.ensure().matchLabels["app"] = "web";
    set.spec.template_ = make_template("web");
    api.add(set);
    start(make_replica_set_controller);
  }
  void scale(int replicas) {
    api.change<ReplicaSet>(key("web"), [&](ReplicaSet& set) { set.spec.replicas = replicas; });
    settle();
  }
  const apps::v1::ReplicaSetStatus& status() { return api.must_get<ReplicaSet>(key("web")).status; }
};

TEST_F(ReplicaSetTest, CreatesWhatIsMissingAndCountsWhatIsThere) {
  add_set(3);

  ASSERT_EQ(pods().size(), 3u);
  const auto* owner = controller_of(pods().front()->metadata);
  ASSERT_NE(owner, nullptr);
  EXPECT_EQ(owner->uid, api.must_get<ReplicaSet>(key("web")).metadata.uid);
  EXPECT_EQ(status().replicas, 3);
  EXPECT_EQ(status().readyReplicas, 0);
  EXPECT_TRUE(has_event("web", "SuccessfulCreate: Created pod: web-"));

  run_pods();
  EXPECT_EQ(status().readyReplicas, 3);
  EXPECT_EQ(status().availableReplicas, 3);
  EXPECT_EQ(status().fullyLabeledReplicas, 3);
}

TEST_F(ReplicaSetTest, ReplacesAPodThatIsDeletedOrHasFailed) {
  add_set(2);
  run_pods();

  api.erase<Pod>(key_of(*pods()[0]), {.grace_period_seconds = 0});
  change_pod(pods()[0], [](Pod& pod) { pod.status.phase = core::v1::PodPhase::Failed; });
  settle();

  int active = 0;
  for (const auto& pod : pods()) active += is_active(*pod);
  EXPECT_EQ(active, 2);
  EXPECT_EQ(status().replicas, 2);
}

TEST_F(ReplicaSetTest, ScalesDownByDeletingThoseOfLeastWorth) {
  add_set(3);
  const auto all = pods();
  run_pod(all[0]);
  run_pod(all[2]);
  settle();

  scale(2);

  EXPECT_EQ(api.peek<Pod>(key_of(*all[1])), nullptr);
  EXPECT_EQ(pods().size(), 2u);
  EXPECT_EQ(status().replicas, 2);
}

TEST_F(ReplicaSetTest, CreatesNoMoreWhileItsOwnPodsAreOnTheirWay) {
  // Watches that say nothing for a while: only what is expected keeps it from creating again.
  add_set(0);
  api.compact();
  scale(50);
  scale(51);

  EXPECT_EQ(pods().size(), 51u);
}

TEST_F(ReplicaSetTest, AdoptsOrphansThatItsSelectorFindsAndReleasesOthers) {
  api.add(make_pod("orphan"));
  add_set(1);

  ASSERT_EQ(pods().size(), 1u);
  EXPECT_NE(controller_of(pods()[0]->metadata), nullptr);

  change_pod(pods()[0], [](Pod& pod) { pod.metadata.labels["app"] = "other"; });
  settle();
  EXPECT_EQ(controller_of(api.must_get<Pod>(key("orphan")).metadata), nullptr);
  EXPECT_EQ(pods().size(), 1u);
}

TEST_F(ReplicaSetTest, LeavesPodsOfAnotherOwnerAlone) {
  Pod pod = make_pod("owned");
  pod.metadata.ownerReferences.push_back(
      {.apiVersion = "v1", .kind = "Other", .name = "x", .uid = "uid-x", .controller = true});
  api.add(pod);
  add_set(1);

  EXPECT_EQ(pods().size(), 2u);
  EXPECT_EQ(controller_of(api.must_get<Pod>(key("owned")).metadata)->uid, "uid-x");
}

TEST_F(ReplicaSetTest, SaysWhyPodsCannotBeCreatedAndTriesAgain) {
  api.fail_next(3, {.verb = "create", .resource = "pods"},
                Status::forbidden("", "pods", "", "exceeded quota"));
  add_set(4);

  EXPECT_TRUE(has_event("web", "FailedCreate: Error creating: "));
  EXPECT_EQ(pods().size(), 4u);
  executor.advance(1s);
  EXPECT_TRUE(status().conditions.empty());
}

TEST_F(ReplicaSetTest, ShowsTheFailureAsLongAsItLasts) {
  api.fail_next(1000, {.verb = "create", .resource = "pods"},
                Status::forbidden("", "pods", "", "exceeded quota"));
  add_set(4);

  ASSERT_EQ(status().conditions.size(), 1u);
  EXPECT_EQ(status().conditions[0].type, "ReplicaFailure");
  EXPECT_EQ(status().conditions[0].reason, "FailedCreate");
  // One try a round, rounds at growing distances.
  EXPECT_LT(api.calls({.verb = "create", .resource = "pods"}), 10);

  api.heal();
  executor.advance(20min);
  EXPECT_EQ(pods().size(), 4u);
  EXPECT_TRUE(status().conditions.empty());
}

TEST_F(ReplicaSetTest, CountsAPodAsAvailableAfterMinReadySeconds) {
  add_set(1);
  api.change<ReplicaSet>(key("web"), [](ReplicaSet& set) { set.spec.minReadySeconds = 30; });
  run_pods();
  EXPECT_EQ(status().readyReplicas, 1);
  EXPECT_EQ(status().availableReplicas, 0);

  executor.advance(31s);
  EXPECT_EQ(status().availableReplicas, 1);
}

TEST(PlanReplicas, RemovesThoseOfLeastWorthFirst) {
  const Wall now{1'700'000'000s};
  struct Traits {
    std::string node = "node-1";
    std::string phase = "Running";
    bool ready = true;
    int cost = 0;
    Duration ready_for = 1h;
    int restarts = 0;
    Duration age = 1h;
    int sidecar_restarts = 0;
  };
  const auto make = [&](const std::string& name, const Traits& traits) {
    Pod pod = make_pod(name);
    pod.metadata.uid = name;
    pod.spec.nodeName = traits.node;
    pod.status.phase = traits.phase;
    set_condition(pod, "Ready", traits.ready ? "True" : "False", now - traits.ready_for);
    if (traits.cost)
      pod.metadata.annotations["controller.kubernetes.io/pod-deletion-cost"] =
          std::to_string(traits.cost);
    pod.status.containerStatuses.push_back({.name = "main", .restartCount = traits.restarts});
    pod.metadata.creationTimestamp = api::Time(now - traits.age);
    for (const std::string init : {"once", "sidecar"}) {
      auto& container = pod.spec.initContainers.emplace_back();
      container.name = init;
      if (init == "sidecar") container.restartPolicy = "Always";
      // Restarts of a container that has run to its end tell nothing.
      pod.status.initContainerStatuses.push_back(
          {.name = init,
           .restartCount = init == "once" ? 7 - traits.restarts : traits.sidecar_restarts});
    }
    return std::make_shared<const Pod>(pod);
  };
  struct Case {
    std::string_view name;
    Traits keep, remove;
  };
  const Case cases[] = {
      {"not assigned before assigned",
       {.phase = "Pending", .ready = false},
       {.node = "", .phase = "Pending", .ready = false}},
      {"pending before running", {.ready = false}, {.phase = "Pending", .ready = false}},
      {"unknown before running", {.ready = false}, {.phase = "Unknown", .ready = false}},
      {"not ready before ready", {}, {.ready = false}},
      {"cheap before dear", {.cost = 10}, {.cost = -5}},
      {"readiness counts before the cost", {.cost = -100}, {.ready = false, .cost = 100}},
      {"crowded node first", {.node = "node-2"}, {.node = "node-1"}},
      {"ready for a shorter time first", {.ready_for = 2h}, {.ready_for = 5min}},
      {"more restarts first", {}, {.restarts = 3}},
      {"more restarts of sidecars first", {}, {.sidecar_restarts = 1}},
      {"restarts of containers before those of sidecars",
       {.restarts = 1, .sidecar_restarts = 9},
       {.restarts = 2}},
      {"restarts before ages of about the same", {.age = 3601s}, {.restarts = 1, .age = 3700s}},
      {"younger first", {.age = 3h}, {.age = 5min}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    // Names by which the order would be the wrong one.
    const auto keep = make("a", c.keep), remove = make("b", c.remove);
    std::vector<PodPtr> related{keep, remove, make("neighbour", {.node = "node-1"})};

    const auto plan = plan_replicas(1, {keep, remove}, related, now);

    ASSERT_EQ(plan.remove.size(), 1u);
    EXPECT_EQ(plan.remove[0]->metadata.name, "b");
    EXPECT_EQ(plan.create, 0);
  }
}

TEST(PlanReplicas, DoesAtMostFiveHundredAtOnce) {
  EXPECT_EQ(plan_replicas(2000, {}, {}, Wall{}).create, 500);
  std::vector<PodPtr> many(600, std::make_shared<const Pod>(make_pod("a")));
  EXPECT_EQ(plan_replicas(0, many, many, Wall{}).remove.size(), 500u);
}

TEST(SlowStart, TriesFewWhereAllFail) {
  struct Case {
    int count, failing_from, tried, succeeded;
  };
  const Case cases[] = {
      {10, 10, 10, 10}, {10, 0, 1, 0}, {10, 1, 3, 1}, {10, 4, 7, 4}, {0, 0, 0, 0}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.failing_from);
    VirtualExecutor executor;
    int tried = 0;
    std::optional<SlowStart> done;
    const std::function<Task<Result<void>>(int)> make = [&](int number) -> Task<Result<void>> {
      ++tried;
      if (number >= c.failing_from) co_return fail(Status::internal("no"));
      co_return Result<void>{};
    };
    spawn(executor, [](const auto* make_one, int count, auto* out) -> Task<void> {
      out->emplace(co_await slow_start(count, *make_one));
    }(&make, c.count, &done));
    executor.run_ready();

    ASSERT_TRUE(done.has_value());
    EXPECT_EQ(tried, c.tried);
    EXPECT_EQ(done->succeeded, c.succeeded);
    EXPECT_EQ(done->untried, c.count - c.tried);
    EXPECT_EQ(done->outcome.has_value(), c.tried == c.succeeded);
  }
}

TEST(OwnWrites, HoldACopyBackUntilItShowsThem) {
  VirtualExecutor executor;
  OwnWrites writes{executor};
  const auto version = [](const std::string& text) {
    meta::v1::ObjectMeta metadata;
    metadata.uid = "uid";
    metadata.resourceVersion = text;
    return metadata;
  };
  EXPECT_EQ(writes.behind(version("7")), 0s);

  writes.note(version("12"));
  EXPECT_EQ(writes.behind(version("9")), 30s);
  EXPECT_EQ(writes.behind(version("12")), 0s);
  // Seen once, it counts no more: lists after a loss may be older.
  EXPECT_EQ(writes.behind(version("9")), 0s);

  writes.note(version("20"));
  executor.advance(29s);
  EXPECT_EQ(writes.behind(version("9")), 1s);
  executor.advance(1s);
  EXPECT_EQ(writes.behind(version("9")), 0s);

  writes.note(version("20"));
  writes.forget("uid");
  EXPECT_EQ(writes.behind(version("9")), 0s);
}

TEST(Claim, FollowsOwnersSelectorsAndDeletion) {
  struct Case {
    std::string_view name, controller;
    bool matches, object_leaves, owner_leaves;
    Claim expected;
  };
  const Case cases[] = {
      {"mine", "me", true, false, false, Claim::Mine},
      {"mine, being deleted", "me", true, true, false, Claim::Mine},
      {"not any more", "me", false, false, false, Claim::Release},
      {"not any more, but I leave", "me", false, false, true, Claim::Ignore},
      {"somebody else's", "you", true, false, false, Claim::Ignore},
      {"orphan", "", true, false, false, Claim::Adopt},
      {"orphan, but I leave", "", true, false, true, Claim::Ignore},
      {"orphan that leaves", "", true, true, false, Claim::Ignore},
      {"orphan of another kind", "", false, false, false, Claim::Ignore},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    meta::v1::ObjectMeta object, owner;
    owner.uid = "me";
    if (c.owner_leaves) owner.deletionTimestamp = api::Time(Wall{1s});
    if (c.object_leaves) object.deletionTimestamp = api::Time(Wall{1s});
    if (!c.controller.empty())
      object.ownerReferences.push_back({.uid = std::string(c.controller), .controller = true});
    EXPECT_EQ(claim(object, owner, c.matches), c.expected);
  }
}

}  // namespace
}  // namespace keelson::controllers
