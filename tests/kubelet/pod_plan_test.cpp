// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_plan.h"

#include "fixture.h"
#include "kubelet/eviction.h"
#include "kubelet/node_admission.h"
#include "kubelet/pod_status.h"

namespace keelson::kubelet {
namespace {

RuntimePod with_sandbox() {
  RuntimePod pod;
  pod.sandboxes.push_back({.id = "s1", .ready = true, .ips = {"10.88.0.2"}});
  return pod;
}
ContainerRecord record(std::string name, ContainerState state, std::int32_t exit_code = 0) {
  ContainerRecord out;
  out.id = name + "-id";
  out.name = std::move(name);
  out.sandbox_id = "s1";
  out.state = state;
  out.exit_code = exit_code;
  return out;
}

TEST(PodPlan, StartsWithASandboxAndTheFirstInitContainer) {
  auto pod = make_pod("web");
  EXPECT_TRUE(plan_pod(pod, {}, {}).create_sandbox);
  EXPECT_EQ(plan_pod(pod, {}, {}).start, std::vector<std::string>{"main"});
  pod.spec.initContainers = {make_container("first"), make_container("second")};
  EXPECT_EQ(plan_pod(pod, {}, {}).start, std::vector<std::string>{"first"});
}

TEST(PodPlan, DoesNothingWhenAllIsWell) {
  auto runtime = with_sandbox();
  runtime.containers = {record("main", ContainerState::Running)};
  EXPECT_TRUE(plan_pod(make_pod("web"), runtime, {}).empty());
}

TEST(PodPlan, ReplacesSandboxesThatAreOfNoUse) {
  auto runtime = with_sandbox();
  runtime.containers = {record("main", ContainerState::Running)};
  const auto is_replaced = [&](const v1::Pod& pod) {
    const auto plan = plan_pod(pod, runtime, {});
    return plan.create_sandbox && plan.kill_pod && plan.sandbox_attempt == 1;
  };
  auto host_pod = make_pod("web");
  host_pod.spec.hostNetwork = true;
  EXPECT_TRUE(is_replaced(host_pod));
  runtime.sandboxes[0].ips.clear();
  EXPECT_TRUE(is_replaced(make_pod("web")));
  runtime.sandboxes.push_back({.id = "s0", .ready = true, .ips = {"10.88.0.1"}});
  runtime.sandboxes[0].ips = {"10.88.0.2"};
  EXPECT_TRUE(is_replaced(make_pod("web"))) << "two at a time";
}

TEST(PodPlan, DoesNotBringBackWhatHasEnded) {
  auto pod = make_pod("job");
  pod.spec.restartPolicy = "OnFailure";
  RuntimePod runtime;
  runtime.sandboxes.push_back({.id = "s1", .ready = false});
  runtime.containers = {record("main", ContainerState::Exited, 0)};
  EXPECT_TRUE(plan_pod(pod, runtime, {}).empty());
  runtime.containers[0].exit_code = 1;
  EXPECT_TRUE(plan_pod(pod, runtime, {}).create_sandbox);
  pod.spec.restartPolicy = "Never";
  EXPECT_TRUE(plan_pod(pod, runtime, {}).empty());
}

TEST(PodPlan, StopsThePodWhenNothingIsLeftToRun) {
  auto pod = make_pod("job");
  pod.spec.restartPolicy = "Never";
  auto runtime = with_sandbox();
  runtime.containers = {record("main", ContainerState::Exited, 0)};
  const auto plan = plan_pod(pod, runtime, {});
  EXPECT_TRUE(plan.kill_pod);
  EXPECT_FALSE(plan.create_sandbox);
}

TEST(PodPlan, StopsWhatFailedItsProbeAndRestartsItAsThePolicySays) {
  auto runtime = with_sandbox();
  runtime.containers = {record("main", ContainerState::Running)};
  const PodHealth sick{{"main", {.container_id = "main-id", .started = true, .live = false}}};
  auto pod = make_pod("web");
  auto plan = plan_pod(pod, runtime, sick);
  ASSERT_EQ(plan.stop.size(), 1u);
  EXPECT_EQ(plan.stop[0].message, "Container main failed liveness probe, will be restarted");
  EXPECT_EQ(plan.start, std::vector<std::string>{"main"});

  const PodHealth of_another{{"main", {.container_id = "earlier", .live = false}}};
  EXPECT_TRUE(plan_pod(pod, runtime, of_another).empty()) << "an earlier instance's health";
}

TEST(PodPlan, WaitsForASidecarToStartBeforeTheNext) {
  auto pod = make_pod("web");
  auto sidecar = make_container("proxy");
  sidecar.restartPolicy = "Always";
  sidecar.startupProbe.emplace();
  pod.spec.initContainers = {sidecar, make_container("setup")};
  auto runtime = with_sandbox();
  runtime.containers = {record("proxy", ContainerState::Running)};
  PodHealth health{{"proxy", {.container_id = "proxy-id"}}};
  EXPECT_TRUE(plan_pod(pod, runtime, health).empty());
  health["proxy"].started = true;
  EXPECT_EQ(plan_pod(pod, runtime, health).start, std::vector<std::string>{"setup"});
}

TEST(PodPlan, RestartRulesGoBeforeThePolicy) {
  auto pod = make_pod("job");
  pod.spec.restartPolicy = "Never";
  auto& spec = pod.spec.containers[0];
  auto& rule = spec.restartPolicyRules.emplace_back();
  rule.action = "Restart";
  rule.exitCodes.emplace().operator_ = "In";
  rule.exitCodes->values = {42};
  EXPECT_TRUE(should_restart(pod, spec, record("main", ContainerState::Exited, 42)));
  EXPECT_FALSE(should_restart(pod, spec, record("main", ContainerState::Exited, 1)));
  rule.exitCodes->operator_ = "NotIn";
  EXPECT_TRUE(should_restart(pod, spec, record("main", ContainerState::Exited, 1)));
}

TEST(PodStatus, KeepsTheConditionsOfOthers) {
  v1::PodStatus theirs, ours;
  v1::PodCondition foreign, ready;
  foreign.type = "example.com/x";
  foreign.status = "True";
  ready.type = "Ready";
  ready.status = "False";
  theirs.conditions = {foreign, ready};
  ready.status = "True";
  ours.conditions = {ready};

  keep_foreign_conditions(ours, theirs);

  ASSERT_EQ(ours.conditions.size(), 2u);
  EXPECT_EQ(ours.conditions[0].status, "True");
  EXPECT_EQ(ours.conditions[1].type, "example.com/x");
}

TEST(PodStatus, LostContainersOfAnEndedPodAreSaidToBeSo) {
  auto pod = make_pod("web");
  auto& before = pod.status.containerStatuses.emplace_back();
  before.name = "main";
  before.state.running.emplace();
  const RuntimePod nothing;
  const PodHealth health;
  const std::map<std::string, WaitingReason> waiting;

  const auto status = make_pod_status({.pod = pod,
                                       .before = pod.status,
                                       .runtime = nothing,
                                       .health = health,
                                       .waiting = waiting,
                                       .host_ips = {},
                                       .terminated = true});

  ASSERT_TRUE(status.containerStatuses[0].state.terminated);
  EXPECT_EQ(status.containerStatuses[0].state.terminated->reason, "ContainerStatusUnknown");
  EXPECT_EQ(status.containerStatuses[0].state.terminated->exitCode, 137);
  EXPECT_EQ(status.phase, "Failed");
}

// A kubelet that starts finds the containers, but the files of an ended pod are gone.
TEST(PodStatus, KeepsTheTerminationMessagesThatOnlyTheApiStillHas) {
  auto pod = make_pod("web");
  RuntimePod runtime;
  runtime.containers = {record("main", ContainerState::Exited, 1),
                        record("main", ContainerState::Exited, 1)};
  runtime.containers[0].id = "second";
  runtime.containers[0].restart_count = 1;
  runtime.containers[1].id = "first";
  auto& before = pod.status.containerStatuses.emplace_back();
  before.name = "main";
  before.restartCount = 1;
  auto& state = before.state.terminated.emplace();
  state.containerID = "containerd://second";
  state.message = "it broke again";
  auto& last = before.lastState.terminated.emplace();
  last.containerID = "containerd://first";
  last.message = "it broke";
  const PodHealth health;
  const std::map<std::string, WaitingReason> waiting;
  const auto container = [&] {
    return make_pod_status({.pod = pod,
                            .before = pod.status,
                            .runtime = runtime,
                            .health = health,
                            .waiting = waiting,
                            .host_ips = {},
                            .terminated = true})
        .containerStatuses.at(0);
  };

  EXPECT_EQ(container().state.terminated->message, "it broke again");
  EXPECT_EQ(container().lastState.terminated->message, "it broke");

  runtime.containers[0].id = "third";
  EXPECT_EQ(container().state.terminated->message, "") << "of another container";
  runtime.containers[0].message = "as never before";
  EXPECT_EQ(container().state.terminated->message, "as never before");
}

TEST(PodStatus, LeavesDisruptionTargetToOthersUnlessThePodIsEvicted) {
  v1::PodCondition theirs;
  theirs.type = "DisruptionTarget";
  theirs.status = "True";
  theirs.reason = "EvictionByEvictionAPI";
  auto pod = make_pod("web");
  pod.status.conditions = {theirs};
  const PodFailure evicted{.reason = "Evicted", .message = "low", .disruption = true};

  auto ours = failed_status(pod, {.reason = "OutOfpods", .message = "full"}, Wall{1s});
  keep_foreign_conditions(ours, pod.status);
  EXPECT_EQ(find_condition(ours, "DisruptionTarget")->reason, "EvictionByEvictionAPI");

  ours = failed_status(pod, evicted, Wall{1s});
  keep_foreign_conditions(ours, pod.status);
  EXPECT_EQ(std::ranges::count(ours.conditions, "DisruptionTarget", &v1::PodCondition::type), 1);
  EXPECT_EQ(find_condition(ours, "DisruptionTarget")->reason, "TerminationByKubelet");
}

TEST(NodeAdmission, RefusesPortsThatAreTaken) {
  auto pod = make_pod("a");
  v1::ContainerPort port;
  port.containerPort = 80;
  port.hostPort = 8080;
  pod.spec.containers[0].ports = {port};
  const auto other = std::make_shared<v1::Pod>(pod);
  const std::vector<PodPtr> others{other};
  const podspec::ResourceList allocatable{{"pods", api::Quantity::of("2")}};
  const AdmissionInputs in{
      .pod = pod, .others = others, .node = nullptr, .allocatable = allocatable};
  ASSERT_TRUE(refuse_pod(in));
  EXPECT_EQ(refuse_pod(in)->reason, "NodePorts");
  pod.spec.containers[0].ports[0].protocol = "UDP";
  EXPECT_FALSE(refuse_pod(in));
}

TEST(NodeAdmission, RefusesSysctlsThatReachBeyondThePod) {
  struct Case {
    std::string name;
    bool host_network, allowed;
  };
  const Case cases[] = {{"net.ipv4.tcp_syncookies", false, true},
                        {"net.ipv4.tcp_syncookies", true, false},
                        {"kernel.shm_rmid_forced", true, true},
                        {"kernel.msgmax", false, false},
                        {"vm.overcommit_memory", false, false}};
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    auto pod = make_pod("a");
    pod.spec.hostNetwork = c.host_network;
    v1::Sysctl sysctl;
    sysctl.name = c.name;
    pod.spec.securityContext.emplace().sysctls = {sysctl};
    const auto refused = refuse_pod({.pod = pod, .others = {}, .node = nullptr, .allocatable = {}});
    EXPECT_EQ(!refused, c.allowed);
    if (refused) EXPECT_EQ(refused->reason, "SysctlForbidden");
  }
}

TEST(NodeAdmission, CountsPods) {
  const auto pod = make_pod("a");
  const std::vector<PodPtr> others{std::make_shared<v1::Pod>(make_pod("b"))};
  const podspec::ResourceList allocatable{{"pods", api::Quantity::of("1")}};
  const auto refused =
      refuse_pod({.pod = pod, .others = others, .node = nullptr, .allocatable = allocatable});
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->reason, "OutOfpods");
}

TEST(Eviction, TakesThePodThatIsFurthestOverItsRequests) {
  const auto stats_of = [](const std::string& uid, std::uint64_t bytes) {
    cri::v1::ContainerStats out;
    (*out.mutable_attributes()->mutable_labels())["io.kubernetes.pod.uid"] = uid;
    out.mutable_memory()->mutable_working_set_bytes()->set_value(bytes);
    return out;
  };
  const auto pod_of = [](std::string uid, const char* request, std::int32_t priority) {
    auto pod = make_pod(uid);
    pod.metadata.uid = std::move(uid);
    pod.spec.priority = priority;
    if (request) pod.spec.containers[0].resources.requests["memory"] = api::Quantity::of(request);
    return std::make_shared<v1::Pod>(pod);
  };
  const std::vector<PodPtr> pods{pod_of("within", "1Gi", 0), pod_of("over", "1Mi", 0),
                                 pod_of("far-over", nullptr, 0), pod_of("important", nullptr, 10),
                                 pod_of("critical", nullptr, 2'000'000'000)};
  std::vector<cri::v1::ContainerStats> stats{
      stats_of("within", 500 << 20), stats_of("over", 20 << 20), stats_of("far-over", 50 << 20),
      stats_of("important", 900 << 20), stats_of("critical", 900 << 20)};

  const auto victim = choose_victim(pods, stats, {.memory = true});

  ASSERT_TRUE(victim);
  EXPECT_EQ(victim->pod->metadata.uid, "far-over");
  EXPECT_EQ(victim->failure.reason, "Evicted");
  EXPECT_FALSE(choose_victim(pods, stats, {}));
}

}  // namespace
}  // namespace keelson::kubelet
