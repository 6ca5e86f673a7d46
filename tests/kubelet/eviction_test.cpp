// SPDX-License-Identifier: Apache-2.0
// A node that runs short of something.
#include "kubelet/eviction.h"

#include "fixture.h"

namespace keelson::kubelet {
namespace {

class EvictionTest : public KubeletTest {
 protected:
  EvictionTest() {
    host.on_usage([this] {
      auto usage = host.unused();
      if (memory_is_low) usage.memory_available_bytes = 1 << 20;
      if (disk_is_low()) usage.disk_available_bytes = usage.image_disk_available_bytes = 0;
      return usage;
    });
  }
  void run_pods(const std::string& image = "web:1") {
    for (const char* name : kPods) api.add(make_pod(name, {make_container("main", image)}));
    ASSERT_TRUE(until([&] {
      return std::ranges::all_of(kPods, [&](const char* name) { return is_ready(name); });
    }));
  }
  // Pods that were chosen to go, whether they have gone or not.
  std::ptrdiff_t victims() {
    return std::ranges::count_if(kPods, [&](const char* name) {
      const auto* worker = kubelet->find_worker({"default", name}, "");
      return !worker || worker->is_ending();
    });
  }
  std::string victim() {
    for (const char* name : kPods) {
      if (phase(name) == "Failed") return name;
    }
    return "";
  }
  std::string node_condition(std::string_view type) {
    const auto& conditions = api.must_get<v1::Node>({"", "node-1"}).status.conditions;
    return std::ranges::find(conditions, type, &v1::NodeCondition::type)->status;
  }

  static constexpr const char* kPods[] = {"a", "b", "c", "d"};
  bool memory_is_low = false;
  std::function<bool()> disk_is_low = [] { return false; };
};

TEST_F(EvictionTest, TakesOnePodForAShortDip) {
  start();
  run_pods();
  memory_is_low = true;
  ASSERT_TRUE(until([&] { return !victim().empty(); }, 30s));
  memory_is_low = false;

  executor.advance(4min);

  EXPECT_EQ(node_condition("MemoryPressure"), "True") << "shown for a while";
  EXPECT_EQ(victims(), 1);
  executor.advance(2min);
  EXPECT_EQ(node_condition("MemoryPressure"), "False");
  EXPECT_EQ(victims(), 1);
}

TEST_F(EvictionTest, TakesTheNextPodOnlyWhenTheFirstHasGone) {
  start();
  run_pods();
  for (const char* call : {"StopContainer", "StopPodSandbox"}) {
    runtime.fail_next(call, 1000, Status::unavailable("busy"));
  }
  memory_is_low = true;
  ASSERT_TRUE(until([&] { return victims() > 0; }, 15s));

  executor.advance(25s);
  EXPECT_EQ(victims(), 1);

  EXPECT_TRUE(until([&] { return victims() == 2; }, 20s)) << "it is not waited for for ever";
  runtime.heal();
  EXPECT_TRUE(until([&] { return victims() == 4; }, 2min)) << "it lasts";
}

TEST_F(EvictionTest, GivesNoTimeAndSaysWhy) {
  runtime.behave("stubborn:1", {.ignores_stop = true});
  start();
  run_pods("stubborn:1");
  memory_is_low = true;
  ASSERT_TRUE(until([&] { return victims() > 0; }, 15s));

  ASSERT_TRUE(until([&] { return !victim().empty(); }, 3s)) << "not the 30s of the pod";

  const auto& status = pod(victim()).status;
  EXPECT_EQ(status.reason, "Evicted");
  EXPECT_EQ(status.message, "The node was low on resource: memory. ");
  const auto* target = find_condition(status, "DisruptionTarget");
  ASSERT_TRUE(target);
  EXPECT_EQ(target->status, "True");
  EXPECT_EQ(target->reason, "TerminationByKubelet");
  EXPECT_EQ(target->message, status.message);
}

TEST_F(EvictionTest, TakesImagesBeforePods) {
  options.image_gc.low_threshold_percent = 10;
  options.image_gc.minimum_age = 0s;
  runtime.add_image("old:1");
  start();
  run_pods();
  // Their place is all that is missing.
  disk_is_low = [&] { return runtime.calls("RemoveImage") == 0; };

  executor.advance(1min);

  EXPECT_EQ(runtime.calls("RemoveImage"), 1);
  EXPECT_EQ(victims(), 0);
  EXPECT_EQ(node_condition("DiskPressure"), "True");
  disk_is_low = [] { return true; };
  EXPECT_TRUE(until([&] { return victims() > 0; }, 30s));
}

TEST_F(EvictionTest, EndsAPodThatWritesMoreThanItMay) {
  start();
  auto web = make_pod("web");
  auto& volume = web.spec.volumes.emplace_back();
  volume.name = "scratch";
  volume.emptyDir.emplace().sizeLimit = api::Quantity::of("1Mi");
  std::int64_t written = 1 << 20;
  host.on_disk_use([&](const v1::Pod&) { return PodDiskUse{{{"scratch", written}}, {}}; });
  api.add(web);
  ASSERT_TRUE(until([&] { return is_ready(); }));
  executor.advance(30s);
  EXPECT_EQ(phase(), "Running");

  ++written;

  ASSERT_TRUE(until([&] { return phase() == "Failed"; }, 15s));
  EXPECT_EQ(pod().status.reason, "Evicted");
  EXPECT_EQ(pod().status.message,
            "Usage of EmptyDir volume \"scratch\" exceeds the limit \"1Mi\". ");
  EXPECT_EQ(condition("DisruptionTarget"), "") << "its own fault";
}

TEST(DiskLimits, CountVolumesLogsAndChangesOfTheImage) {
  auto pod = make_pod("web", {make_container("main"), make_container("side")});
  pod.metadata.uid = "u-1";
  EXPECT_FALSE(limits_disk_use(pod));
  for (auto& container : pod.spec.containers) {
    container.resources.limits["ephemeral-storage"] = api::Quantity::of("100");
  }
  EXPECT_TRUE(limits_disk_use(pod));
  pod.spec.volumes.resize(2);
  pod.spec.volumes[0].name = "scratch";
  pod.spec.volumes[0].emptyDir.emplace();
  pod.spec.volumes[1].name = "fast";
  pod.spec.volumes[1].emptyDir.emplace().medium = "Memory";
  std::vector<cri::v1::ContainerStats> stats(1);
  auto& labels = *stats[0].mutable_attributes()->mutable_labels();
  labels["io.kubernetes.pod.uid"] = "u-1";
  labels["io.kubernetes.container.name"] = "main";
  stats[0].mutable_writable_layer()->mutable_used_bytes()->set_value(60);
  struct Case {
    std::int64_t scratch, log;
    std::string message;
  };
  const Case cases[] = {
      {100, 40, ""},
      {101, 40, "Pod ephemeral local storage usage exceeds the total limit of containers 200. "},
      {0, 41, "Container main exceeded its local ephemeral storage limit \"100\". "}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.message);
    const PodDiskUse use{{{"scratch", c.scratch}, {"fast", 1000}}, {{"main", c.log}}};
    const auto failure = over_disk_limits(pod, use, stats);
    EXPECT_EQ(failure ? failure->message : "", c.message);
  }
}

}  // namespace
}  // namespace keelson::kubelet
