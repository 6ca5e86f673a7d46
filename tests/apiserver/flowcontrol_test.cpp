// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "apiserver/flowcontrol/limiter.h"
#include "base/virtual_executor.h"

namespace keelson::apiserver {
namespace {

using namespace std::chrono_literals;

RequestInfo request(const std::string& verb, const std::string& subresource = {}) {
  RequestInfo info;
  info.is_resource = true;
  info.verb = verb;
  info.subresource = subresource;
  return info;
}

struct Outcome {
  std::optional<Result<FlowLimiter::Permit>> result;
};

Task<void> enter(FlowLimiter& limiter, const User& user, RequestInfo info, Outcome& out) {
  out.result.emplace(co_await limiter.enter(user, info));
}

class FlowLimiterTest : public testing::Test {
 protected:
  void start(const RequestInfo& info, Outcome& out, const User& user = {}) {
    spawn(executor, enter(limiter, user, info, out));
    executor.run_ready();
  }

  VirtualExecutor executor;
  Metrics metrics;
  FlowLimiter limiter{{.reading = 1, .mutating = 1, .waiting = 1, .wait = 10s}, executor, metrics};
};

TEST_F(FlowLimiterTest, LetsTheNextInWhenAPlaceIsFree) {
  Outcome first;
  Outcome second;
  start(request("update"), first);
  start(request("update"), second);
  ASSERT_TRUE(first.result && first.result->has_value());
  EXPECT_FALSE(second.result);

  first.result.reset();
  executor.run_ready();

  ASSERT_TRUE(second.result);
  EXPECT_TRUE(second.result->has_value());
}

TEST_F(FlowLimiterTest, TurnsAwayWhoWaitsTooLongOrFindsTheQueueFull) {
  Outcome first;
  Outcome second;
  Outcome third;
  start(request("update"), first);
  start(request("update"), second);
  start(request("update"), third);

  ASSERT_TRUE(third.result);
  ASSERT_FALSE(third.result->has_value());
  EXPECT_TRUE(third.result->error().is(Reason::TooManyRequests));
  EXPECT_EQ(third.result->error().details().retry_after_seconds, 1);
  EXPECT_FALSE(second.result);
  executor.advance(10s);
  ASSERT_TRUE(second.result);
  EXPECT_TRUE(second.result->error().is(Reason::TooManyRequests));
}

TEST_F(FlowLimiterTest, CountsReadsApartAndLongRunningOnesNotAtAll) {
  Outcome writing;
  start(request("update"), writing);
  for (const auto& info : {request("get"), request("watch"), request("create", "exec")}) {
    SCOPED_TRACE(info.verb);
    Outcome other;
    start(info, other);
    EXPECT_TRUE(other.result && other.result->has_value());
  }
  Outcome master;
  start(request("update"), master, User::system_masters("admin"));
  EXPECT_TRUE(master.result && master.result->has_value());
}

}  // namespace
}  // namespace keelson::apiserver
