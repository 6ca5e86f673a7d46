// SPDX-License-Identifier: Apache-2.0
#include "controllers/deployment/controller.h"
#include "controllers/deployment/rollout.h"
#include "controllers/fixture.h"
#include "controllers/ownership.h"
#include "controllers/replica_set.h"

namespace keelson::controllers::deployment {
namespace {

ReplicaSetPtr make_set(const std::string& name, int size, int available, int desired, int most,
                       int age_minutes = 0) {
  ReplicaSet set;
  set.metadata.name = set.metadata.uid = name;
  set.metadata.creationTimestamp =
      api::Time(Wall{1'700'000'000s} - std::chrono::minutes(age_minutes));
  set.spec.replicas = size;
  set.status.replicas = size;
  set.status.availableReplicas = available;
  set_size_annotations(set, desired, most);
  return std::make_shared<const ReplicaSet>(set);
}

Deployment make_deployment(int replicas, api::IntOrString surge = "25%",
                           api::IntOrString unavailable = "25%") {
  Deployment deployment;
  deployment.metadata.name = "web";
  deployment.metadata.namespace_ = "default";
  deployment.metadata.uid = "web";
  deployment.spec.replicas = replicas;
  deployment.spec.revisionHistoryLimit = 10;
  deployment.spec.progressDeadlineSeconds = 600;
  deployment.spec.strategy.type = "RollingUpdate";
  auto& rolling = deployment.spec.strategy.rollingUpdate.ensure();
  rolling.maxSurge = std::move(surge);
  rolling.maxUnavailable = std::move(unavailable);
  deployment.spec.selector.ensure().matchLabels["app"] = "web";
  deployment.spec.template_ = make_template("web");
  return deployment;
}

std::map<std::string, int> sizes(const std::vector<Scaling>& plan) {
  std::map<std::string, int> out;
  for (const auto& [set, replicas] : plan) out[set->metadata.name] = replicas;
  return out;
}
using Sizes = std::map<std::string, int>;

TEST(Limits, RoundSurgeUpAndUnavailableDown) {
  struct Case {
    int replicas;
    api::IntOrString surge, unavailable;
    int expected_surge, expected_unavailable;
  };
  const Case cases[] = {
      {10, "25%", "25%", 3, 2}, {1, "25%", "25%", 1, 0}, {10, 2, 0, 2, 0},
      {10, 0, 0, 0, 1},         {10, "0%", "5%", 0, 1},  {3, 0, 10, 0, 3},
      {4, "100%", "0%", 4, 0},  {0, "25%", "25%", 0, 0},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.replicas);
    const Limits found = limits(make_deployment(c.replicas, c.surge, c.unavailable));
    EXPECT_EQ(found.surge, c.expected_surge);
    EXPECT_EQ(found.unavailable, c.expected_unavailable);
  }
}

TEST(Rollout, StepsStayWithinTheLimits) {
  struct Case {
    std::string_view name;
    int new_size, new_available, old_size, old_available;
    Sizes grow, shrink;
  };
  // Of 10, surge 3, unavailable 2.
  const Case cases[] = {
      {"start", 0, 0, 10, 10, {{"new", 3}}, {{"old", 8}}},
      {"surged", 3, 0, 10, 10, {}, {{"old", 8}}},
      {"old ones went", 3, 0, 8, 8, {{"new", 5}}, {}},
      {"none ready: nothing more goes", 5, 0, 8, 8, {}, {}},
      {"new ones are ready", 5, 5, 8, 8, {}, {{"old", 3}}},
      {"useless old ones go first", 5, 0, 8, 6, {}, {}},
      {"broken old ones go although nothing is spare", 3, 0, 10, 5, {}, {{"old", 8}}},
      {"last step", 10, 10, 2, 2, {}, {{"old", 0}}},
      {"too many new", 12, 12, 0, 0, {{"new", 10}}, {}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    const Deployment deployment = make_deployment(10);
    const auto current = make_set("new", c.new_size, c.new_available, 10, 13);
    const auto old = make_set("old", c.old_size, c.old_available, 10, 13, 5);
    EXPECT_EQ(sizes(scale_new(deployment, current, {old})), c.grow);
    if (c.new_size <= 10) EXPECT_EQ(sizes(scale_old(deployment, current, {old})), c.shrink);
  }
}

TEST(Rollout, SpreadsANewSizeInProportion) {
  struct Case {
    std::string_view name;
    int before, after;
    int surge;
    int new_size, old_size, older_size;
    Sizes expected;
  };
  const Case cases[] = {
      {"only the new one has pods", 10, 15, 0, 10, 0, 0, {{"new", 15}}},
      {"grow", 10, 20, 0, 5, 3, 2, {{"new", 10}, {"old", 6}, {"older", 4}}},
      {"grow unevenly: the largest is rounded first",
       10,
       13,
       0,
       5,
       3,
       2,
       {{"new", 7}, {"old", 4}, {"older", 2}}},
      {"shrink", 10, 5, 0, 6, 2, 2, {{"new", 3}, {"old", 1}, {"older", 1}}},
      {"shrink to nothing", 10, 0, 0, 6, 2, 2, {{"new", 0}, {"old", 0}, {"older", 0}}},
      {"the surge counts", 10, 20, 2, 6, 6, 0, {{"new", 11}, {"old", 11}}},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Deployment deployment = make_deployment(c.after, c.surge, 1);
    deployment.status.replicas = c.before;
    const int most = c.before + c.surge;
    const auto current = make_set("new", c.new_size, 0, c.before, most);
    const auto old = make_set("old", c.old_size, c.old_size, c.before, most, 5);
    const auto older = make_set("older", c.older_size, c.older_size, c.before, most, 10);
    EXPECT_TRUE(was_resized(deployment, {current, old, older}));
    EXPECT_EQ(sizes(resize(deployment, current, {old, older})), c.expected);
  }
}

TEST(Revisions, HistoryOfNumbersLosesItsOldestWhenItGrowsTooLong) {
  const Deployment deployment = make_deployment(1);
  ReplicaSet set = *make_set("set", 1, 1, 1, 2);
  for (int number = 1; number <= 600; ++number)
    EXPECT_TRUE(refresh_annotations(deployment, number, true, set));
  const std::string& history = set.metadata.annotations.at(std::string(kRevisionHistory));
  EXPECT_LE(history.size(), 2000u);
  EXPECT_TRUE(history.ends_with(",598,599"));
  EXPECT_FALSE(history.starts_with("1,"));
  EXPECT_EQ(revision(set.metadata), 600);
}

TEST(Revisions, ForgetTheOldestEmptySetsBeyondTheLimit) {
  Deployment deployment = make_deployment(1);
  deployment.spec.revisionHistoryLimit = 1;
  std::vector<ReplicaSetPtr> old;
  for (const int number : {3, 1, 2}) {
    ReplicaSet set = *make_set("set-" + std::to_string(number), 0, 0, 1, 2);
    set.metadata.annotations[std::string(kRevision)] = std::to_string(number);
    old.push_back(std::make_shared<const ReplicaSet>(set));
  }
  old.push_back(make_set("busy", 1, 1, 1, 2));

  const auto beyond = beyond_history(deployment, old);

  ASSERT_EQ(beyond.size(), 2u);
  EXPECT_EQ(beyond[0]->metadata.name, "set-1");
  EXPECT_EQ(beyond[1]->metadata.name, "set-2");
}

class DeploymentTest : public ControllerTest {
 protected:
  void start_with(Deployment deployment) {
    api.add(std::move(deployment));
    start({make_deployment_controller, make_replica_set_controller});
  }
  const Deployment& web() { return api.must_get<Deployment>(key("web")); }
  void change(const std::function<void(Deployment&)>& change) {
    api.change<Deployment>(key("web"), change);
    settle();
  }
  void set_image(const std::string& image) {
    change([&](Deployment& d) { d.spec.template_.spec.containers[0].image = image; });
  }
  // Wanted sizes by image.
  Sizes sets() {
    Sizes out;
    for (const auto& set : api.all<ReplicaSet>())
      out[set->spec.template_.spec.containers[0].image] = set->spec.replicas.value_or(1);
    return out;
  }
  int available() {
    int count = 0;
    for (const auto& pod : pods()) count += is_active(*pod) && is_ready(*pod);
    return count;
  }
  // Lets kubelets work until nothing changes any more.
  void roll() {
    for (int i = 0; i < 20; ++i) {
      run_pods();
      end_deleted_pods();
    }
  }
  std::string reason(std::string_view type) {
    const auto* found = find_condition(web().status, type);
    return found ? found->reason : "";
  }
};

TEST_F(DeploymentTest, MakesASetAndBecomesAvailable) {
  start_with(make_deployment(3));

  EXPECT_EQ(sets(), (Sizes{{"web:1", 3}}));
  EXPECT_EQ(reason("Progressing"), "ReplicaSetUpdated");
  EXPECT_EQ(reason("Available"), "MinimumReplicasUnavailable");
  EXPECT_EQ(web().metadata.annotations.at("deployment.kubernetes.io/revision"), "1");

  run_pods();
  EXPECT_EQ(reason("Progressing"), "NewReplicaSetAvailable");
  EXPECT_EQ(reason("Available"), "MinimumReplicasAvailable");
  EXPECT_EQ(web().status.availableReplicas, 3);
  EXPECT_TRUE(has_event("web", "ScalingReplicaSet: Scaled up replica set web-"));
  // Once settled it writes no more.
  const int writes = api.calls({.verb = "update"}) + api.calls({.verb = "patch"});
  executor.advance(1h);
  EXPECT_EQ(api.calls({.verb = "update"}) + api.calls({.verb = "patch"}), writes);
}

TEST_F(DeploymentTest, WritesItselfWithoutMeetingItsOwnWrites) {
  int changes = 0;
  informers.of<Deployment>().add_handler([&](const ObjectPtr& before, const ObjectPtr& now) {
    changes += before && now && before->resource_version() != now->resource_version();
  });
  start_with(make_deployment(3));
  roll();
  set_image("web:2");
  roll();
  ASSERT_EQ(reason("Progressing"), "NewReplicaSetAvailable");

  // Every write was taken at the first try; one change was set_image()'s.
  EXPECT_EQ(api.calls({.verb = "update", .resource = "deployments.apps"}) +
                api.calls({.verb = "patch", .resource = "deployments.apps"}),
            changes - 1);
}

TEST_F(DeploymentTest, RollsOverStepByStepWithoutLosingAvailability) {
  start_with(make_deployment(4, 1, 1));
  roll();

  set_image("web:2");
  EXPECT_EQ(sets(), (Sizes{{"web:1", 3}, {"web:2", 2}}));
  int fewest = 4, most = 0;
  for (int i = 0; i < 40; ++i) {
    // One pod at a time becomes ready, one at a time goes.
    const auto all = pods();
    for (const auto& pod : all) {
      if (!is_waiting(*pod)) continue;
      run_pod(pod);
      break;
    }
    for (const auto& pod : all) {
      if (!pod->metadata.deletionTimestamp) continue;
      api.erase<Pod>(key_of(*pod), {.grace_period_seconds = 0});
      break;
    }
    settle();
    int active = 0;
    for (const auto& pod : pods()) active += is_active(*pod);
    fewest = std::min(fewest, available());
    most = std::max(most, active);
  }
  EXPECT_EQ(sets(), (Sizes{{"web:1", 0}, {"web:2", 4}}));
  EXPECT_GE(fewest, 3);
  EXPECT_LE(most, 5);
  EXPECT_EQ(reason("Progressing"), "NewReplicaSetAvailable");
}

TEST_F(DeploymentTest, RecreateWaitsForTheLastOldPod) {
  Deployment deployment = make_deployment(2);
  deployment.spec.strategy.type = "Recreate";
  deployment.spec.strategy.rollingUpdate.reset();
  start_with(deployment);
  roll();

  set_image("web:2");
  EXPECT_EQ(sets(), (Sizes{{"web:1", 0}}));
  // Both are on their way out, and still there.
  EXPECT_EQ(pods().size(), 2u);
  end_deleted_pods();
  EXPECT_EQ(sets(), (Sizes{{"web:1", 0}, {"web:2", 2}}));
}

TEST_F(DeploymentTest, RollsBackToASetOfItsHistory) {
  start_with(make_deployment(2));
  roll();
  set_image("web:2");
  roll();
  set_image("web:1");
  roll();

  EXPECT_EQ(sets(), (Sizes{{"web:1", 2}, {"web:2", 0}}));
  EXPECT_EQ(web().metadata.annotations.at("deployment.kubernetes.io/revision"), "3");
  for (const auto& set : api.all<ReplicaSet>()) {
    if (set->spec.replicas == 2)
      EXPECT_EQ(set->metadata.annotations.at("deployment.kubernetes.io/revision-history"), "1");
  }
}

TEST_F(DeploymentTest, KeepsAsManyOldSetsAsTheHistoryLimitSays) {
  Deployment deployment = make_deployment(1);
  deployment.spec.revisionHistoryLimit = 1;
  start_with(deployment);
  for (int i = 1; i <= 4; ++i) {
    roll();
    set_image("web:" + std::to_string(i));
  }
  roll();

  EXPECT_EQ(sets(), (Sizes{{"web:3", 0}, {"web:4", 1}}));
}

TEST_F(DeploymentTest, PausedItScalesButDoesNotRoll) {
  start_with(make_deployment(2));
  roll();
  change([](Deployment& d) { d.spec.paused = true; });
  EXPECT_EQ(reason("Progressing"), "DeploymentPaused");

  set_image("web:2");
  change([](Deployment& d) { d.spec.replicas = 4; });
  roll();
  EXPECT_EQ(sets(), (Sizes{{"web:1", 4}}));

  change([](Deployment& d) { d.spec.paused = false; });
  roll();
  EXPECT_EQ(sets(), (Sizes{{"web:1", 0}, {"web:2", 4}}));
  EXPECT_EQ(reason("Progressing"), "NewReplicaSetAvailable");
}

TEST_F(DeploymentTest, SaysWhenItMakesNoProgressInTime) {
  Deployment deployment = make_deployment(1);
  deployment.spec.progressDeadlineSeconds = 60;
  start_with(deployment);
  executor.advance(50s);
  EXPECT_EQ(reason("Progressing"), "ReplicaSetUpdated");

  executor.advance(20s);
  EXPECT_EQ(reason("Progressing"), "ProgressDeadlineExceeded");
  EXPECT_EQ(find_condition(web().status, "Progressing")->status, "False");

  run_pods();
  EXPECT_EQ(reason("Progressing"), "NewReplicaSetAvailable");
}

TEST_F(DeploymentTest, CountsUpWhenTheNameOfItsSetIsTaken) {
  Deployment deployment = make_deployment(1);
  ReplicaSet other;
  other.metadata.namespace_ = "default";
  other.metadata.name = "web-" + template_hash(deployment.spec.template_, 0);
  other.spec.replicas = 0;
  other.spec.selector.ensure().matchLabels["app"] = "other";
  api.add(other);
  start_with(deployment);
  executor.advance(1s);

  EXPECT_EQ(web().status.collisionCount, 1);
  EXPECT_EQ(pods().size(), 1u);
}

TEST_F(DeploymentTest, ComesThroughFailingWrites) {
  api.fail_next(3, {.verb = "create", .resource = "replicasets.apps"},
                Status::unavailable("try again"));
  start_with(make_deployment(2));
  api.fail_next(5, {.verb = "update"}, Status::unavailable("try again"));
  set_image("web:2");
  executor.advance(2s);
  roll();

  EXPECT_EQ(sets(), (Sizes{{"web:1", 0}, {"web:2", 2}}));
  EXPECT_TRUE(has_event("web", "ReplicaSetCreateError"));
}

TEST_F(DeploymentTest, SaysWhyItsSetCannotBeCreated) {
  api.fail_next(1000, {.verb = "create", .resource = "replicasets.apps"},
                Status::forbidden("apps", "replicasets", "web", "quota"));
  start_with(make_deployment(2));
  EXPECT_EQ(reason("Progressing"), "ReplicaSetCreateError");
  EXPECT_TRUE(find_condition(web().status, "Progressing")
                  ->message.starts_with("Failed to create new replica set \"web-"));

  api.heal();
  executor.advance(20min);
  EXPECT_EQ(sets(), (Sizes{{"web:1", 2}}));
}

TEST_F(DeploymentTest, AdoptsSetsThatItsSelectorFindsAndReleasesOthers) {
  start_with(make_deployment(2));
  roll();
  const auto set = api.all<ReplicaSet>().front();
  ASSERT_NE(controller_of(set->metadata), nullptr);

  api.change<ReplicaSet>(key_of(*set), [](ReplicaSet& next) { next.metadata.labels["app"] = "x"; });
  settle();
  EXPECT_EQ(controller_of(api.must_get<ReplicaSet>(key_of(*set)).metadata), nullptr);

  api.change<ReplicaSet>(key_of(*set),
                         [](ReplicaSet& next) { next.metadata.labels["app"] = "web"; });
  settle();
  const auto* owner = controller_of(api.must_get<ReplicaSet>(key_of(*set)).metadata);
  ASSERT_NE(owner, nullptr);
  EXPECT_EQ(owner->name, "web");
}

TEST_F(DeploymentTest, CountsPodsAsAvailableAfterMinReadySeconds) {
  Deployment deployment = make_deployment(2);
  deployment.spec.minReadySeconds = 30;
  start_with(deployment);
  run_pods();
  EXPECT_EQ(web().status.readyReplicas, 2);
  EXPECT_EQ(web().status.availableReplicas, 0);
  EXPECT_EQ(reason("Progressing"), "ReplicaSetUpdated");
  executor.advance(31s);
  EXPECT_EQ(web().status.availableReplicas, 2);
  EXPECT_EQ(reason("Progressing"), "NewReplicaSetAvailable");
}

TEST_F(DeploymentTest, SaysWhatUpstreamSays) {
  start_with(make_deployment(2, 1, 0));
  roll();
  set_image("web:2");
  const auto message = [this](std::string_view type) {
    return find_condition(web().status, type)->message;
  };
  const auto set_of = [this](const std::string& image) {
    for (const auto& set : api.all<ReplicaSet>()) {
      if (set->spec.template_.spec.containers[0].image == image) return set->metadata.name;
    }
    return std::string();
  };
  EXPECT_EQ(message("Progressing"), "ReplicaSet \"" + set_of("web:2") + "\" is progressing.");
  EXPECT_EQ(message("Available"), "Deployment has minimum availability.");
  roll();
  EXPECT_EQ(message("Progressing"),
            "ReplicaSet \"" + set_of("web:2") + "\" has successfully progressed.");
  EXPECT_TRUE(has_event(
      "web", "ScalingReplicaSet: Scaled up replica set " + set_of("web:1") + " from 0 to 2"));
  EXPECT_TRUE(has_event(
      "web", "ScalingReplicaSet: Scaled down replica set " + set_of("web:1") + " from 2 to 1"));
}

}  // namespace
}  // namespace keelson::controllers::deployment
