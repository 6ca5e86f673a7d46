// SPDX-License-Identifier: Apache-2.0
#include "scheduler/queue.h"

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "scheduler/builders.h"
#include "scheduler/plugins/plugins.h"

namespace keelson::scheduler {
namespace {

using namespace std::chrono_literals;

class QueueTest : public testing::Test {
 protected:
  QueueTest() {
    profile.add(make_priority_sort());
    profile.add(make_scheduling_gates());
    profile.add(make_node_resources_fit());
    profile.add(make_taint_toleration());
    make({.early_when_idle = false});
  }
  void make(QueueOptions options) { queue.emplace(executor, profile, options); }

  PluginSet slot(std::string_view name) {
    for (const auto& plugin : profile.plugins()) {
      if (plugin->name() == name) return PluginSet{1} << plugin->slot();
    }
    return 0;
  }
  // The name of the next pod, or "".
  std::string pop() {
    auto next = queue->try_pop();
    if (!next) return "";
    last = *next;
    return last->info->key.name;
  }
  void add(Pod pod) { queue->add(info_of(std::move(pod))); }
  void node_added(std::string_view cpu) {
    ClusterEvent event;
    event.actions = kAdd;
    event.node_now = std::make_shared<const Node>(make_node("n", cpu));
    queue->on_event(event);
  }

  VirtualExecutor executor;
  Profile profile{"default-scheduler"};
  std::optional<SchedulingQueue> queue;
  QueuedPodPtr last;
};

TEST_F(QueueTest, HandsOutByPriorityThenAge) {
  add(make_pod("first"));
  executor.advance(1s);
  add(make_pod("second"));
  add(with_priority(make_pod("urgent"), 10));
  add(make_pod("third"));

  EXPECT_EQ(pop(), "urgent");
  EXPECT_EQ(pop(), "first");
  EXPECT_EQ(pop(), "second");
  EXPECT_EQ(pop(), "third");
  EXPECT_EQ(pop(), "");
}

TEST_F(QueueTest, ARefusedPodWaitsForAnEventThatMayHelp) {
  add(make_pod("web", "2"));
  ASSERT_EQ(pop(), "web");
  queue->put_back_refused(last, slot("NodeResourcesFit"));
  executor.advance(1min);
  EXPECT_EQ(pop(), "");

  node_added("1");
  EXPECT_EQ(queue->unschedulable_size(), 1u);
  node_added("4");

  EXPECT_EQ(queue->unschedulable_size(), 0u);
  EXPECT_EQ(pop(), "web");
}

TEST_F(QueueTest, EventsOfOtherPluginsDoNotHelp) {
  add(make_pod("web", "2"));
  ASSERT_EQ(pop(), "web");
  queue->put_back_refused(last, slot("TaintToleration"));
  executor.advance(1min);

  ClusterEvent event;
  event.resource = EventResource::AssignedPod;
  event.actions = kDelete;
  event.pod_before = info_of(make_pod("other", "2"));
  queue->on_event(event);

  EXPECT_EQ(pop(), "");
}

TEST_F(QueueTest, APodThatNobodyInParticularRefusedTakesAnyEvent) {
  add(make_pod("web"));
  ASSERT_EQ(pop(), "web");
  queue->put_back_refused(last, 0);
  executor.advance(1min);

  node_added("1");

  EXPECT_EQ(pop(), "web");
}

TEST_F(QueueTest, BackOffDoublesUpToTenSeconds) {
  add(make_pod("web", "2"));
  for (const Duration expected : {1s, 2s, 4s, 8s, 10s, 10s}) {
    ASSERT_EQ(pop(), "web");
    queue->put_back_refused(last, slot("NodeResourcesFit"));
    node_added("4");
    EXPECT_EQ(queue->backoff_size(), 1u);
    executor.advance(expected - 1ms);
    EXPECT_EQ(pop(), "");
    executor.advance(1ms);
  }
  EXPECT_EQ(pop(), "web");
  EXPECT_EQ(last->attempts, 7);
}

TEST_F(QueueTest, WhenIdleTheBackOffIsCutShort) {
  make({.early_when_idle = true});
  add(make_pod("web", "2"));
  ASSERT_EQ(pop(), "web");
  queue->put_back_refused(last, slot("NodeResourcesFit"));
  node_added("4");
  add(make_pod("other"));

  EXPECT_EQ(pop(), "other");
  EXPECT_EQ(pop(), "web");
}

TEST_F(QueueTest, ErrorsBackOffEvenWhenIdle) {
  make({.early_when_idle = true});
  add(make_pod("web"));
  ASSERT_EQ(pop(), "web");

  queue->put_back_failed(last);

  EXPECT_EQ(pop(), "");
  executor.advance(1s);
  EXPECT_EQ(pop(), "web");
  queue->put_back_failed(last);
  executor.advance(1999ms);
  EXPECT_EQ(pop(), "");
  executor.advance(1ms);
  EXPECT_EQ(pop(), "web");
}

TEST_F(QueueTest, EventsDuringTheTryCount) {
  add(make_pod("web", "2"));
  ASSERT_EQ(pop(), "web");
  node_added("4");

  queue->put_back_refused(last, slot("NodeResourcesFit"));

  EXPECT_EQ(queue->unschedulable_size(), 0u);
  executor.advance(1s);
  EXPECT_EQ(pop(), "web");
  // Those of the last try are over.
  queue->put_back_refused(last, slot("NodeResourcesFit"));
  EXPECT_EQ(queue->unschedulable_size(), 1u);
}

TEST_F(QueueTest, AfterFiveMinutesAPodIsTriedAnyway) {
  add(make_pod("web", "2"));
  ASSERT_EQ(pop(), "web");
  queue->put_back_refused(last, slot("NodeResourcesFit"));

  executor.advance(5min);
  EXPECT_EQ(pop(), "");
  executor.advance(31s);
  EXPECT_EQ(pop(), "web");
}

TEST_F(QueueTest, AChangeOfThePodItselfMayHelp) {
  add(make_pod("web", "2"));
  ASSERT_EQ(pop(), "web");
  queue->put_back_refused(last, slot("NodeResourcesFit"));
  executor.advance(1min);

  Pod labelled = make_pod("web", "2");
  labelled.metadata.labels["a"] = "b";
  queue->update(info_of(labelled));
  EXPECT_EQ(pop(), "");
  queue->update(info_of(make_pod("web", "1")));

  EXPECT_EQ(pop(), "web");
  EXPECT_EQ(last->info->requests.milli_cpu, 1000);
}

TEST_F(QueueTest, GatedPodsWaitForTheirGatesAlone) {
  Pod gated = make_pod("web");
  gated.spec.schedulingGates = {{.name = "wait"}};
  add(gated);
  EXPECT_EQ(pop(), "");
  node_added("4");
  executor.advance(10min);
  EXPECT_EQ(pop(), "");

  queue->update(info_of(make_pod("web")));

  EXPECT_EQ(pop(), "web");
}

TEST_F(QueueTest, RemovedPodsDoNotComeBack) {
  add(make_pod("active"));
  queue->remove("uid-active");
  EXPECT_EQ(pop(), "");

  add(make_pod("tried"));
  ASSERT_EQ(pop(), "tried");
  queue->remove("uid-tried");
  queue->put_back_refused(last, 0);
  queue->put_back_failed(last);
  queue->done(last);

  executor.advance(10min);
  EXPECT_EQ(pop(), "");
  EXPECT_FALSE(queue->contains("uid-tried"));
}

TEST_F(QueueTest, PopWaitsAndEndsWithAStop) {
  std::vector<std::string> popped;
  bool ended = false;
  TaskGroup group(executor);
  group.start([](SchedulingQueue* from, std::vector<std::string>* out, bool* over) -> Task<void> {
    while (auto pod = co_await from->pop()) out->push_back((*pod)->info->key.name);
    *over = true;
  }(&*queue, &popped, &ended));
  executor.run_ready();
  EXPECT_TRUE(popped.empty());

  add(make_pod("web"));
  executor.run_ready();
  EXPECT_EQ(popped, std::vector<std::string>{"web"});
  group.request_stop();
  executor.run_ready();
  EXPECT_TRUE(ended);
}

}  // namespace
}  // namespace keelson::scheduler
