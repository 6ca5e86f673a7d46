// SPDX-License-Identifier: Apache-2.0
#include "client/leader_election.h"

#include <gtest/gtest.h>

#include "api/coordination/v1.h"
#include "base/virtual_executor.h"
#include "client/fake_api.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;
using coordination::v1::Lease;

struct Candidate {
  std::string name;
  int leading = 0;  // How many times it works right now.
  int terms = 0;
  std::optional<Result<void>> ended;
};

Task<void> lead(Candidate* candidate) {
  ++candidate->leading;
  ++candidate->terms;
  co_await sleep_for(1000h);
  --candidate->leading;
}

Task<void> run(Client* client, Candidate* candidate) {
  LeaderElectionOptions options;
  options.name = "kube-scheduler";
  options.identity = candidate->name;
  candidate->ended =
      co_await lead_while_elected(*client, options, [candidate] { return lead(candidate); });
}

class LeaderElectionTest : public testing::Test {
 protected:
  ~LeaderElectionTest() override {
    group_a.request_stop();
    group_b.request_stop();
    executor.advance(10s);
  }
  const Lease& lease() { return api.must_get<Lease>({"kube-system", "kube-scheduler"}); }

  VirtualExecutor executor;
  FakeApi api{executor};
  Candidate a{"a"}, b{"b"};
  TaskGroup group_a{executor}, group_b{executor};
};

TEST_F(LeaderElectionTest, OneLeadsAndTheOtherWaits) {
  group_a.start(run(&api, &a));
  executor.run_ready();
  group_b.start(run(&api, &b));

  executor.advance(10min);

  EXPECT_EQ(a.leading, 1);
  EXPECT_EQ(b.terms, 0);
  EXPECT_EQ(lease().spec.holderIdentity, "a");
  EXPECT_EQ(lease().spec.leaseDurationSeconds, 15);
  EXPECT_EQ(lease().spec.leaseTransitions, 0);
  EXPECT_GT(lease().spec.renewTime->point(), lease().spec.acquireTime->point());
}

TEST_F(LeaderElectionTest, AStoppedLeaderGivesTheLeaseUpAtOnce) {
  group_a.start(run(&api, &a));
  executor.run_ready();
  group_b.start(run(&api, &b));
  executor.advance(1min);

  group_a.request_stop();
  executor.run_ready();
  ASSERT_TRUE(a.ended);
  EXPECT_TRUE(a.ended->error().is(Reason::Canceled));
  EXPECT_EQ(lease().spec.holderIdentity, "");
  executor.advance(5s);

  EXPECT_EQ(a.leading, 0);
  EXPECT_EQ(b.leading, 1);
  EXPECT_EQ(lease().spec.leaseTransitions, 1);
}

TEST_F(LeaderElectionTest, ALeaderThatCannotRenewStopsBeforeAnotherStarts) {
  group_a.start(run(&api, &a));
  executor.run_ready();
  executor.advance(1min);
  api.fail_next(1'000'000, {}, Status::unavailable("connection refused"));

  executor.advance(9s);
  EXPECT_EQ(a.leading, 1);
  executor.advance(4s);
  EXPECT_EQ(a.leading, 0);
  ASSERT_TRUE(a.ended);
  EXPECT_TRUE(a.ended->has_value());

  // The Lease was not released: another waits until it has run out, as it sees it.
  api.heal();
  group_b.start(run(&api, &b));
  executor.advance(14s);
  EXPECT_EQ(b.leading, 0);
  executor.advance(6s);
  EXPECT_EQ(b.leading, 1);
}

TEST_F(LeaderElectionTest, ALeaderWhoseLeaseWasTakenStops) {
  group_a.start(run(&api, &a));
  executor.advance(5s);
  ASSERT_EQ(a.leading, 1);

  api.change<Lease>({"kube-system", "kube-scheduler"}, [](Lease& taken) {
    taken.spec.holderIdentity = "z";
    taken.spec.leaseDurationSeconds = 3600;
  });
  executor.advance(3s);

  EXPECT_EQ(a.leading, 0);
  ASSERT_TRUE(a.ended);
  EXPECT_TRUE(a.ended->has_value());
  EXPECT_EQ(lease().spec.holderIdentity, "z");
}

TEST_F(LeaderElectionTest, WorkThatEndsReleasesTheLease) {
  group_a.start([](Client* client, Candidate* candidate) -> Task<void> {
    LeaderElectionOptions options;
    options.name = "kube-scheduler";
    options.identity = candidate->name;
    candidate->ended = co_await lead_while_elected(*client, options,
                                                   []() -> Task<void> { co_await sleep_for(30s); });
  }(&api, &a));

  executor.advance(31s);

  ASSERT_TRUE(a.ended);
  EXPECT_TRUE(a.ended->has_value());
  EXPECT_EQ(lease().spec.holderIdentity, "");
}

}  // namespace
}  // namespace keelson::client
