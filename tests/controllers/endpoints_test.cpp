// SPDX-License-Identifier: Apache-2.0
#include "api/discovery/v1.h"
#include "controllers/endpoints/controllers.h"
#include "controllers/endpoints/slices.h"
#include "controllers/fixture.h"

namespace keelson::controllers {
namespace {

using core::v1::Endpoints;
using core::v1::Service;
using discovery::v1::EndpointSlice;

Service make_service() {
  Service service;
  service.metadata.name = "web";
  service.metadata.namespace_ = "default";
  service.metadata.uid = "service";
  service.spec.clusterIP = "10.43.0.10";
  service.spec.selector["app"] = "web";
  service.spec.ports.push_back(
      {.name = "http", .protocol = "TCP", .port = 80, .targetPort = api::IntOrString("http")});
  return service;
}

PodPtr serving_pod(int number, int port = 8080) {
  Pod pod = make_pod("web-" + std::to_string(number));
  pod.metadata.uid = "uid-" + std::to_string(1000 + number);
  pod.spec.nodeName = "node-1";
  pod.spec.containers[0].ports.push_back(
      {.name = "http", .containerPort = port, .protocol = "TCP"});
  pod.status.phase = core::v1::PodPhase::Running;
  pod.status.podIP = "10.42.0." + std::to_string(number + 1);
  set_condition(pod, "Ready", "True", Wall{1'700'000'000s});
  return std::make_shared<const Pod>(pod);
}

std::vector<PodPtr> serving_pods(int count) {
  std::vector<PodPtr> pods;
  for (int i = 0; i < count; ++i) pods.push_back(serving_pod(i));
  return pods;
}

SlicePlan plan(const Service& service, const std::vector<PodPtr>& pods,
               const std::vector<SlicePtr>& existing) {
  return plan_slices(service, "IPv4", find_backends(service, pods, "IPv4"), existing,
                     [](const std::string&) { return std::string("zone-a"); });
}

std::vector<SlicePtr> stored(std::vector<EndpointSlice> slices) {
  std::vector<SlicePtr> out;
  for (auto& slice : slices) {
    slice.metadata.name = "web-" + std::to_string(out.size());
    out.push_back(std::make_shared<const EndpointSlice>(std::move(slice)));
  }
  return out;
}

TEST(PlanSlices, PutsAHundredIntoASlice) {
  struct Case {
    int pods;
    std::vector<std::size_t> sizes;
  };
  const Case cases[] = {{0, {0}}, {1, {1}}, {100, {100}}, {101, {100, 1}}, {250, {100, 100, 50}}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.pods);
    const auto made = plan(make_service(), serving_pods(c.pods), {});
    std::vector<std::size_t> sizes;
    for (const auto& slice : made.create) sizes.push_back(slice.endpoints.size());
    EXPECT_EQ(sizes, c.sizes);
    EXPECT_TRUE(made.update.empty() && made.remove.empty());
  }
}

TEST(PlanSlices, SaysWhereAndHowEachPodServes) {
  const auto made = plan(make_service(), {serving_pod(0)}, {});

  ASSERT_EQ(made.create.size(), 1u);
  const auto& slice = made.create[0];
  EXPECT_EQ(slice.addressType, "IPv4");
  EXPECT_EQ(slice.metadata.labels.at("kubernetes.io/service-name"), "web");
  ASSERT_EQ(slice.ports.size(), 1u);
  EXPECT_EQ(slice.ports[0].port, 8080);
  ASSERT_EQ(slice.endpoints.size(), 1u);
  const auto& endpoint = slice.endpoints[0];
  EXPECT_EQ(endpoint.addresses, std::vector<std::string>{"10.42.0.1"});
  EXPECT_EQ(endpoint.nodeName, "node-1");
  EXPECT_EQ(endpoint.zone, "zone-a");
  EXPECT_EQ(endpoint.conditions.ready, true);
  EXPECT_EQ(endpoint.targetRef->name, "web-0");
}

TEST(PlanSlices, WritesNothingWhereNothingChanged) {
  for (const int count : {0, 3, 150}) {
    SCOPED_TRACE(count);
    const auto existing = stored(plan(make_service(), serving_pods(count), {}).create);
    const auto again = plan(make_service(), serving_pods(count), existing);
    EXPECT_TRUE(again.create.empty() && again.update.empty() && again.remove.empty());
  }
}

TEST(PlanSlices, LeavesEndpointsInTheirSlice) {
  const auto existing = stored(plan(make_service(), serving_pods(150), {}).create);
  auto pods = serving_pods(150);
  // One of the first slice goes: only that slice is written.
  pods.erase(pods.begin() + 10);

  const auto next = plan(make_service(), pods, existing);

  ASSERT_EQ(next.update.size(), 1u);
  EXPECT_EQ(next.update[0].metadata.name, "web-0");
  EXPECT_EQ(next.update[0].endpoints.size(), 99u);
  EXPECT_TRUE(next.create.empty() && next.remove.empty());

  // Room is filled before a slice is made.
  pods.push_back(serving_pod(200));
  const auto filled = plan(make_service(), pods, existing);
  EXPECT_TRUE(filled.create.empty());
  std::size_t total = 0;
  for (const auto& slice : filled.update) total += slice.endpoints.size();
  EXPECT_EQ(total, filled.update.size() == 2 ? 150u : 100u);
}

TEST(PlanSlices, GroupsPodsByTheNumbersOfTheirNamedPorts) {
  const auto made = plan(make_service(), {serving_pod(0, 8080), serving_pod(1, 9090)}, {});

  ASSERT_EQ(made.create.size(), 2u);
  EXPECT_NE(made.create[0].ports[0].port, made.create[1].ports[0].port);
}

TEST(PlanSlices, LeavesOutPodsWithoutTheNamedPort) {
  auto pod = *serving_pod(0);
  pod.spec.containers[0].ports.clear();
  const auto made = plan(make_service(), {std::make_shared<const Pod>(pod)}, {});
  ASSERT_EQ(made.create.size(), 1u);
  EXPECT_TRUE(made.create[0].endpoints.empty());
}

TEST(PlanSlices, NamesPodsOfAHeadlessServiceWithoutPorts) {
  Service service = make_service();
  service.spec.clusterIP = "None";
  service.spec.ports.clear();
  auto pod = *serving_pod(0);
  pod.spec.hostname = "first";
  pod.spec.subdomain = "web";
  const auto made = plan(service, {std::make_shared<const Pod>(pod)}, {});

  ASSERT_EQ(made.create.size(), 1u);
  ASSERT_EQ(made.create[0].endpoints.size(), 1u);
  EXPECT_EQ(made.create[0].endpoints[0].hostname, "first");
  EXPECT_TRUE(made.create[0].metadata.labels.contains("service.kubernetes.io/headless"));
}

TEST(PlanSlices, TellsReadyServingAndTerminatingApart) {
  struct Case {
    std::string_view name;
    bool is_ready, leaves, publishes, ready, serving;
  };
  const Case cases[] = {
      {"ready", true, false, false, true, true},
      {"not ready", false, false, false, false, false},
      {"leaving, still serving", true, true, false, false, true},
      {"leaving, not ready", false, true, false, false, false},
      {"not ready, but published", false, false, true, true, true},
  };
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    Service service = make_service();
    service.spec.publishNotReadyAddresses = c.publishes;
    auto pod = *serving_pod(0);
    set_condition(pod, "Ready", c.is_ready ? "True" : "False", Wall{1s});
    if (c.leaves) pod.metadata.deletionTimestamp = api::Time(Wall{1s});
    const auto found = find_backends(service, {std::make_shared<const Pod>(pod)}, "IPv4");
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].ready, c.ready);
    EXPECT_EQ(found[0].serving, c.serving);
    EXPECT_EQ(found[0].terminating, c.leaves);
  }
}

class EndpointsTest : public ControllerTest {
 protected:
  void start_with(Service service) {
    api.add(std::move(service));
    start({make_endpoint_slice_controller, make_endpoints_controller});
  }
  std::size_t ready_endpoints() {
    std::size_t count = 0;
    for (const auto& slice : api.all<EndpointSlice>()) {
      for (const auto& endpoint : slice->endpoints)
        count += endpoint.conditions.ready.value_or(false);
    }
    return count;
  }
};

TEST_F(EndpointsTest, FollowsPodsAsTheyComeServeAndGo) {
  start_with(make_service());
  EXPECT_EQ(api.all<EndpointSlice>().size(), 1u);
  for (int i = 0; i < 3; ++i) api.add(*serving_pod(i));
  settle();
  EXPECT_EQ(ready_endpoints(), 3u);
  ASSERT_EQ(api.must_get<Endpoints>(key("web")).subsets.size(), 1u);
  EXPECT_EQ(api.must_get<Endpoints>(key("web")).subsets[0].addresses.size(), 3u);

  change_pod(api.peek<Pod>(key("web-0")),
             [this](Pod& pod) { set_condition(pod, "Ready", "False", executor.now()); });
  settle();
  EXPECT_EQ(ready_endpoints(), 2u);
  EXPECT_EQ(api.must_get<Endpoints>(key("web")).subsets[0].notReadyAddresses.size(), 1u);

  api.erase<Pod>(key("web-1"), {.grace_period_seconds = 0});
  settle();
  EXPECT_EQ(ready_endpoints(), 1u);
  EXPECT_EQ(api.all<EndpointSlice>().size(), 1u);
}

TEST_F(EndpointsTest, WritesNothingWhenPodsChangeInWhatNobodySees) {
  start_with(make_service());
  api.add(*serving_pod(0));
  settle();
  const int writes = api.calls({.verb = "update"}) + api.calls({.verb = "create"});

  change_pod(api.peek<Pod>(key("web-0")),
             [](Pod& pod) { pod.metadata.annotations["note"] = "seen"; });
  executor.advance(1min);
  EXPECT_EQ(api.calls({.verb = "update"}) + api.calls({.verb = "create"}), writes);
}

TEST_F(EndpointsTest, LeavesServicesWithoutSelectorToTheirMakers) {
  Service service = make_service();
  service.spec.selector.clear();
  start_with(service);
  api.add(*serving_pod(0));
  settle();
  EXPECT_TRUE(api.all<EndpointSlice>().empty());
  EXPECT_TRUE(api.all<Endpoints>().empty());
}

TEST_F(EndpointsTest, RemovesTheEndpointsOfAServiceThatIsGone) {
  start_with(make_service());
  ASSERT_NE(api.peek<Endpoints>(key("web")), nullptr);
  api.erase<Service>(key("web"));
  settle();
  EXPECT_EQ(api.peek<Endpoints>(key("web")), nullptr);
}

TEST_F(EndpointsTest, PutsBackASliceThatSomebodyDeleted) {
  start_with(make_service());
  api.add(*serving_pod(0));
  settle();
  api.erase<EndpointSlice>(key_of(*api.all<EndpointSlice>()[0]));
  settle();
  EXPECT_EQ(ready_endpoints(), 1u);
}

}  // namespace
}  // namespace keelson::controllers
