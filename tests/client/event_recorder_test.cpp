// SPDX-License-Identifier: Apache-2.0
#include "client/event_recorder.h"

#include <gtest/gtest.h>

#include "api/core/v1.h"
#include "base/virtual_executor.h"
#include "client/fake_api.h"

namespace keelson::client {
namespace {

using namespace std::chrono_literals;
using core::v1::Event;

const EventTarget kWeb{.api_version = "v1",
                       .kind = "Pod",
                       .namespace_ = "shop",
                       .name = "web",
                       .uid = "u-1",
                       .resource_version = "7",
                       .field_path = ""};

class EventRecorderTest : public testing::Test {
 protected:
  ~EventRecorderTest() override {
    spawn(executor, [](EventRecorder* r) -> Task<void> { co_await r->stop(); }(&recorder));
    executor.advance(2s);
  }
  void record(std::string reason, std::string message, EventTarget target = kWeb) {
    recorder.record(target, EventType::Warning, std::move(reason), std::move(message));
    executor.run_ready();
  }

  VirtualExecutor executor;
  FakeApi api{executor};
  EventRecorder recorder{api, executor, "kubelet", "node-1"};
};

TEST_F(EventRecorderTest, WritesAnEventAboutTheObject) {
  record("Failed", "no such image");

  ASSERT_EQ(api.all<Event>("shop").size(), 1u);
  const Event& event = *api.all<Event>("shop")[0];
  EXPECT_EQ(event.metadata.name, "web.17979cfe362a0000");  // The clock's nanoseconds, in hex.
  EXPECT_EQ(event.involvedObject.kind, "Pod");
  EXPECT_EQ(event.involvedObject.uid, "u-1");
  EXPECT_EQ(event.type, "Warning");
  EXPECT_EQ(event.reason, "Failed");
  EXPECT_EQ(event.message, "no such image");
  EXPECT_EQ(event.count, 1);
  EXPECT_EQ(event.source.component, "kubelet");
  EXPECT_EQ(event.source.host, "node-1");
  EXPECT_EQ(event.firstTimestamp, api::Time(executor.now()));
}

TEST_F(EventRecorderTest, CountsEqualEventsUp) {
  record("Failed", "no such image");
  executor.advance(10s);
  record("Failed", "no such image");
  executor.advance(10s);
  record("Failed", "no such image");
  record("Failed", "another text");

  ASSERT_EQ(api.all<Event>().size(), 2u);
  const auto events = api.all<Event>();
  const Event& repeated = events[0]->count == 3 ? *events[0] : *events[1];
  EXPECT_EQ(repeated.count, 3);
  EXPECT_EQ(repeated.message, "no such image");
  EXPECT_EQ(repeated.lastTimestamp.point() - repeated.firstTimestamp.point(), 20s);
}

TEST_F(EventRecorderTest, ClusterScopedObjectsHaveTheirEventsInDefault) {
  record("Ready", "node is ready", {.api_version = "v1", .kind = "Node", .name = "node-1"});

  EXPECT_EQ(api.all<Event>("default").size(), 1u);
}

TEST_F(EventRecorderTest, FoldsSimilarTextsIntoOne) {
  for (int i = 0; i < 20; ++i) record("Failed", "attempt " + std::to_string(i));

  const auto events = api.all<Event>();
  ASSERT_EQ(events.size(), 10u);  // Nine by their text, one for all others.
  int combined = 0;
  for (const auto& event : events) {
    if (!event->message.starts_with("(combined from similar events): ")) continue;
    ++combined;
    EXPECT_EQ(event->count, 11);
    EXPECT_EQ(event->message, "(combined from similar events): attempt 19");
  }
  EXPECT_EQ(combined, 1);
}

TEST_F(EventRecorderTest, DropsFloodsOfOneObjectAlone) {
  for (int i = 0; i < 100; ++i) record("Failed", "same");
  EventTarget other = kWeb;
  other.name = "db";
  record("Failed", "same", other);

  // 25 at once, then one in five minutes.
  EXPECT_EQ(api.calls({.verb = "create"}) + api.calls({.verb = "patch"}), 26);
  executor.advance(301s);
  record("Failed", "same");
  EXPECT_EQ(api.calls({.verb = "create"}) + api.calls({.verb = "patch"}), 27);
}

TEST_F(EventRecorderTest, TriesAgainWhenTheServerIsAway) {
  api.fail_next(2, {.verb = "create"}, Status::unavailable("connection refused"));
  record("Failed", "text");
  EXPECT_TRUE(api.all<Event>().empty());

  executor.advance(20s);

  EXPECT_EQ(api.all<Event>().size(), 1u);
}

TEST_F(EventRecorderTest, DropsWhatTheServerRefuses) {
  api.fail_next(1, {.verb = "create"}, Status::forbidden("", "events", "", "namespace is ending"));
  record("Failed", "refused");
  record("Failed", "accepted");

  ASSERT_EQ(api.all<Event>().size(), 1u);
  EXPECT_EQ(api.all<Event>()[0]->message, "accepted");
}

TEST_F(EventRecorderTest, StartsAnewWhenTheCountedEventHasExpired) {
  record("Failed", "text");
  api.erase<Event>({"shop", api.all<Event>()[0]->metadata.name});
  ASSERT_TRUE(api.all<Event>().empty());

  record("Failed", "text");

  ASSERT_EQ(api.all<Event>().size(), 1u);
  EXPECT_EQ(api.all<Event>()[0]->count, 2);
}

}  // namespace
}  // namespace keelson::client
