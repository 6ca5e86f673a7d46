// SPDX-License-Identifier: Apache-2.0
#include "kubelet/status_manager.h"

#include "fixture.h"

namespace keelson::kubelet {
namespace {

class StatusManagerTest : public testing::Test {
 protected:
  StatusManagerTest() {
    pod = api.add(make_pod("web"));
    tasks.start(statuses.run());
    informers.start();
    executor.advance(1s);
  }
  ~StatusManagerTest() override {
    spawn(executor, [](StatusManagerTest* self) -> Task<void> {
      co_await self->tasks.stop();
      co_await self->informers.stop();
    }(this));
    executor.run_ready();
  }

  // Sets a status and says what the server has a second later.
  std::string phase_after(const std::string& phase) {
    v1::PodStatus status;
    status.phase = phase;
    statuses.set(pod, std::move(status));
    executor.advance(1s);
    return api.must_get<v1::Pod>({"default", "web"}).status.phase;
  }
  int writes() { return api.calls({.verb = "update", .resource = "pods"}); }

  VirtualExecutor executor;
  client::FakeApi api{executor};
  client::InformerSet informers{api, executor};
  StatusManager statuses{api, informers.of<v1::Pod>(), executor};
  TaskGroup tasks{executor};
  PodPtr pod;
};

TEST_F(StatusManagerTest, WritesWhatIsNewAndNothingTwice) {
  EXPECT_EQ(phase_after("Running"), "Running");
  EXPECT_EQ(phase_after("Running"), "Running");
  EXPECT_EQ(writes(), 1);
  EXPECT_EQ(phase_after("Succeeded"), "Succeeded");
  EXPECT_EQ(writes(), 2);
  EXPECT_EQ(api.calls({.verb = "get", .resource = "pods"}), 0);
}

TEST_F(StatusManagerTest, GoesBackToAStatusThatItsCopyStillShows) {
  api.fail_next(1000, {.verb = "watch", .resource = "pods"}, Status::unavailable("lost"));
  api.fail_next(1000, {.verb = "list", .resource = "pods"}, Status::unavailable("lost"));
  api.end_watches();

  EXPECT_EQ(phase_after("Running"), "Running");
  EXPECT_EQ(phase_after("Pending"), "Pending");
}

TEST_F(StatusManagerTest, WritesAfterAConflict) {
  api.fail_next(1, {.verb = "update", .resource = "pods"},
                Status::conflict("", "pods", "web", "the object has been modified"));
  EXPECT_EQ(phase_after("Running"), "Running");
  EXPECT_EQ(writes(), 2);
}

TEST_F(StatusManagerTest, LeavesAPodOfTheSameNameAlone) {
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 0});
  api.add(make_pod("web"));
  executor.advance(1s);
  EXPECT_EQ(phase_after("Running"), "Pending");
  EXPECT_EQ(writes(), 0);
}

// A node may read only the pods that are tied to it, so the server hides that one is gone.
TEST_F(StatusManagerTest, TakesAPodThatItMayNotReadForGone) {
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 0});
  executor.advance(1s);
  api.fail_next(1000, {.verb = "get", .resource = "pods"},
                Status::forbidden("", "pods", "web", "no relationship found"));
  statuses.set(pod, {.phase = "Failed"});
  bool flushed = false;
  spawn(executor, [](StatusManager* manager, std::string uid, bool* done) -> Task<void> {
    *done = (co_await manager->flush(std::move(uid))).has_value();
  }(&statuses, pod->metadata.uid, &flushed));

  executor.advance(1s);

  EXPECT_TRUE(flushed);
}

}  // namespace
}  // namespace keelson::kubelet
