// SPDX-License-Identifier: Apache-2.0
#include "podspec/resources.h"

#include <gtest/gtest.h>

namespace keelson::podspec {
namespace {

using core::v1::Container;

ResourceList list(std::string_view cpu, std::string_view memory = {}) {
  ResourceList out;
  if (!cpu.empty()) out["cpu"] = api::Quantity::of(cpu);
  if (!memory.empty()) out["memory"] = api::Quantity::of(memory);
  return out;
}

Container container(ResourceList requests, ResourceList limits = {}) {
  Container made;
  made.name = "c";
  made.resources.requests = std::move(requests);
  made.resources.limits = std::move(limits);
  return made;
}

Container sidecar(ResourceList requests) {
  Container made = container(std::move(requests));
  made.restartPolicy = "Always";
  return made;
}

std::string cpu_of(const ResourceList& resources) {
  const auto found = resources.find("cpu");
  return found == resources.end() ? "none" : found->second.text();
}

TEST(PodRequests, TakeThePeakOfStartAndRun) {
  struct Case {
    std::string_view name;
    std::vector<Container> init, containers;
    std::string_view expected;
  };
  const Case cases[] = {
      {"containers add up", {}, {container(list("1")), container(list("250m"))}, "1250m"},
      {"nothing requested", {}, {container({})}, "none"},
      {"a larger init container counts", {container(list("2"))}, {container(list("1"))}, "2"},
      {"init containers run one by one",
       {container(list("2")), container(list("3"))},
       {container(list("1"))},
       "3"},
      {"sidecars run with the containers", {sidecar(list("1"))}, {container(list("1"))}, "2"},
      {"sidecars run with later init containers",
       {sidecar(list("1")), container(list("5"))},
       {container(list("1"))},
       "6"},
      {"sidecars do not run with earlier init containers",
       {container(list("5")), sidecar(list("1"))},
       {container(list("1"))},
       "5"},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Pod pod;
    pod.spec.initContainers = c.init;
    pod.spec.containers = c.containers;
    EXPECT_EQ(cpu_of(pod_requests(pod)), c.expected);
  }
}

TEST(PodRequests, AddOverheadUnlessToldNotTo) {
  Pod pod;
  pod.spec.containers = {container(list("1"))};
  pod.spec.overhead = list("100m");

  EXPECT_EQ(cpu_of(pod_requests(pod)), "1100m");
  EXPECT_EQ(cpu_of(pod_requests(pod, {.overhead = false})), "1");
}

TEST(PodRequests, OfThePodAsAWholeReplaceTheSum) {
  Pod pod;
  pod.spec.containers = {container(list("1", "1Gi"))};
  pod.spec.overhead = list("100m");
  pod.spec.resources.ensure().requests = list("4");

  const ResourceList requests = pod_requests(pod);

  EXPECT_EQ(cpu_of(requests), "4100m");
  EXPECT_EQ(requests.at("memory"), api::Quantity::of("1Gi"));
  EXPECT_EQ(cpu_of(pod_requests(pod, {.pod_level = false})), "1100m");
}

TEST(PodRequests, CountWhatIsAllocatedDuringAResize) {
  Pod pod;
  pod.spec.containers = {container(list("2"))};
  auto& status = pod.status.containerStatuses.emplace_back();
  status.name = "c";
  status.allocatedResources = list("3");
  status.resources.ensure().requests = list("1");

  EXPECT_EQ(cpu_of(pod_requests(pod, {.status = true})), "3");
  EXPECT_EQ(cpu_of(pod_requests(pod)), "2");

  // A resize that cannot be does not count.
  pod.spec.containers[0].resources.requests = list("100");
  EXPECT_EQ(cpu_of(pod_requests(pod, {.status = true})), "100");
  auto& condition = pod.status.conditions.emplace_back();
  condition.type = "PodResizePending";
  condition.reason = "Infeasible";
  EXPECT_EQ(cpu_of(pod_requests(pod, {.status = true})), "3");
}

TEST(PodRequests, FillInDefaultsOfContainers) {
  const ResourceList defaults = list("100m", "200Mi");
  Pod pod;
  pod.spec.containers = {container(list("1")), container({})};

  const ResourceList requests = pod_requests(pod, {.container_defaults = &defaults});

  EXPECT_EQ(cpu_of(requests), "1100m");
  EXPECT_EQ(requests.at("memory"), api::Quantity::of("400Mi"));
}

TEST(PodLimits, AddOverheadOnlyWhereThereIsALimit) {
  Pod pod;
  pod.spec.containers = {container({}, list("1")), container({}, list("", "1Gi"))};
  pod.spec.overhead = {{"cpu", api::Quantity::of("500m")},
                       {"ephemeral-storage", api::Quantity::of("1Gi")}};

  const ResourceList limits = pod_limits(pod);

  EXPECT_EQ(cpu_of(limits), "1500m");
  EXPECT_EQ(limits.at("memory"), api::Quantity::of("1Gi"));
  EXPECT_FALSE(limits.contains("ephemeral-storage"));
}

TEST(QosClass, FollowsRequestsAndLimits) {
  struct Case {
    std::string_view name;
    std::vector<Container> containers;
    QosClass expected;
  };
  const ResourceList both = list("1", "1Gi");
  const Case cases[] = {
      {"nothing", {container({})}, QosClass::BestEffort},
      {"zero is nothing", {container(list("0", "0"))}, QosClass::BestEffort},
      {"requests equal limits", {container(both, both)}, QosClass::Guaranteed},
      {"requests below limits", {container(list("500m", "1Gi"), both)}, QosClass::Burstable},
      {"one container without limits", {container(both, both), container({})}, QosClass::Burstable},
      {"only cpu", {container(list("1"), list("1"))}, QosClass::Burstable},
      {"requests alone", {container(both)}, QosClass::Burstable},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Pod pod;
    pod.spec.containers = c.containers;
    EXPECT_EQ(qos_class(pod), c.expected);
  }
}

TEST(QosClass, GoesByThePodAsAWholeWhereThatIsSet) {
  Pod pod;
  pod.spec.containers = {container({})};
  pod.spec.resources.ensure().requests = list("1", "1Gi");
  EXPECT_EQ(qos_class(pod), QosClass::Burstable);

  pod.spec.resources->limits = list("1", "1Gi");
  EXPECT_EQ(qos_class(pod), QosClass::Guaranteed);
  EXPECT_EQ(qos_name(qos_class(pod)), "Guaranteed");
}

TEST(ExtendedResources, HaveADomainOfSomebodyElse) {
  EXPECT_TRUE(is_extended_resource("example.com/gpu"));
  for (const auto name : {"cpu", "kubernetes.io/batch-cpu", "node.kubernetes.io/x",
                          "requests.example.com/gpu", "hugepages-2Mi"}) {
    EXPECT_FALSE(is_extended_resource(name)) << name;
  }
}

}  // namespace
}  // namespace keelson::podspec
