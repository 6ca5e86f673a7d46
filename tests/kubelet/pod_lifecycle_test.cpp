// SPDX-License-Identifier: Apache-2.0
// Pods from their binding to their end, on a fake runtime.
#include "api/node/v1.h"
#include "fixture.h"

namespace keelson::kubelet {
namespace {

TEST_F(KubeletTest, RegistersANodeThatIsReady) {
  start();

  ASSERT_TRUE(until([&] { return api.peek<v1::Node>({"", "node-1"}) != nullptr; }));
  executor.advance(2s);

  const auto& node = api.must_get<v1::Node>({"", "node-1"});
  EXPECT_EQ(node.metadata.labels.at("kubernetes.io/hostname"), "node-1");
  EXPECT_EQ(node.metadata.labels.at("kubernetes.io/os"), "linux");
  EXPECT_EQ(node.status.capacity.at("cpu").text(), "2");
  EXPECT_EQ(node.status.capacity.at("pods").text(), "110");
  EXPECT_LT(node.status.allocatable.at("memory"), node.status.capacity.at("memory"));
  EXPECT_EQ(node.status.nodeInfo.containerRuntimeVersion, "hollow://1.0");
  const auto ready = std::ranges::find(node.status.conditions, "Ready", &v1::NodeCondition::type);
  ASSERT_NE(ready, node.status.conditions.end());
  EXPECT_EQ(ready->status, "True");
  EXPECT_EQ(ready->reason, "KubeletReady");
}

TEST_F(KubeletTest, IsReadyBeforeItsImagesAreImportedButPodsWaitForThem) {
  Event imported;
  before_pods = [&imported]() -> Task<void> {
    return [](Event* event) -> Task<void> { (void)co_await event->wait(); }(&imported);
  };
  api.add(make_pod("web"));
  start();

  const auto node = api.must_get<v1::Node>({"", "node-1"});
  EXPECT_EQ(std::ranges::find(node.status.conditions, "Ready", &v1::NodeCondition::type)->status,
            "True");
  executor.advance(5s);
  EXPECT_EQ(runtime.calls("RunPodSandbox"), 0);

  imported.set();
  EXPECT_TRUE(until([&] { return is_ready(); }, 5s));
}

TEST_F(KubeletTest, SaysThatTheNodeIsNotReadyWithoutNetworkAndMendsIt) {
  runtime.set_network_ready(false);
  start();
  executor.advance(2s);
  const auto ready = [&] {
    const auto& conditions = api.must_get<v1::Node>({"", "node-1"}).status.conditions;
    return *std::ranges::find(conditions, "Ready", &v1::NodeCondition::type);
  };
  EXPECT_EQ(ready().status, "False");
  EXPECT_EQ(ready().message,
            "container runtime network not ready: NetworkReady=false reason:NetworkPluginNotReady "
            "message:Network plugin returns error: cni plugin not initialized");

  runtime.set_network_ready(true);

  EXPECT_TRUE(until([&] { return ready().status == "True"; }, 3s));
}

TEST_F(KubeletTest, StaysReadyThroughARestart) {
  start();
  executor.advance(5s);
  stop();
  std::vector<std::string> seen;
  client::InformerSet informers(api, executor);
  informers.of<v1::Node>().add_handler([&](const client::ObjectPtr&, const client::ObjectPtr& now) {
    const auto& conditions = now->as<v1::Node>().status.conditions;
    seen.push_back(std::ranges::find(conditions, "Ready", &v1::NodeCondition::type)->status);
  });
  informers.start();

  start();
  executor.advance(6min);

  EXPECT_GT(seen.size(), 1u) << "a status at least every five minutes";
  EXPECT_EQ(std::ranges::count(seen, "False"), 0);
  bool stopped = false;
  spawn(executor, [](client::InformerSet* set, bool* done) -> Task<void> {
    co_await set->stop();
    *done = true;
  }(&informers, &stopped));
  EXPECT_TRUE(until([&] { return stopped; }));
}

TEST_F(KubeletTest, GoesOnAtOnceWhenTheRuntimeIsBack) {
  start();
  executor.advance(1s);
  for (const char* call : {"Status", "ListPodSandbox", "ListContainers"}) {
    runtime.fail_next(call, 100'000, Status::unavailable("connection refused"));
  }
  api.add(make_pod("web"));
  executor.advance(2min);
  const auto& conditions = api.must_get<v1::Node>({"", "node-1"}).status.conditions;
  EXPECT_EQ(std::ranges::find(conditions, "Ready", &v1::NodeCondition::type)->message,
            "container runtime is down: connection refused");

  runtime.heal();

  EXPECT_TRUE(until([&] { return is_ready(); }, 3s));
}

TEST_F(KubeletTest, RenewsTheLeaseOfTheNode) {
  start();
  executor.advance(5s);
  const client::ObjectKey key{"kube-node-lease", "node-1"};
  const auto first = *api.must_get<coordination::v1::Lease>(key).spec.renewTime;

  executor.advance(30s);

  const auto& lease = api.must_get<coordination::v1::Lease>(key);
  EXPECT_EQ(lease.spec.holderIdentity, "node-1");
  EXPECT_EQ(lease.spec.leaseDurationSeconds, 40);
  EXPECT_GT(*lease.spec.renewTime, first);
  ASSERT_EQ(lease.metadata.ownerReferences.size(), 1u);
  EXPECT_EQ(lease.metadata.ownerReferences[0].kind, "Node");
}

TEST_F(KubeletTest, RunsAPodAndReportsItReady) {
  start();
  api.add(make_pod("web"));

  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));

  EXPECT_EQ(phase(), "Running");
  EXPECT_EQ(condition("PodScheduled"), "True");
  EXPECT_EQ(condition("Initialized"), "True");
  EXPECT_EQ(condition("ContainersReady"), "True");
  EXPECT_EQ(condition("PodReadyToStartContainers"), "True");
  EXPECT_EQ(pod().status.hostIP, "192.0.2.1");
  EXPECT_TRUE(pod().status.podIP.starts_with("10.88."));
  ASSERT_EQ(pod().status.podIPs.size(), 1u);
  EXPECT_EQ(pod().status.podIPs[0].ip, pod().status.podIP);
  EXPECT_EQ(pod().status.qosClass, "BestEffort");
  ASSERT_TRUE(container().state.running);
  EXPECT_TRUE(container().ready);
  EXPECT_EQ(container().started, true);
  EXPECT_TRUE(container().containerID.starts_with("containerd://"));
  executor.advance(2s);
  EXPECT_TRUE(has_event("Pulled"));
  EXPECT_TRUE(has_event("Created"));
  EXPECT_TRUE(has_event("Started"));
}

TEST_F(KubeletTest, WritesAStatusOnlyWhenSomethingChanges) {
  start();
  api.add(make_pod("web"));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  executor.advance(5s);
  const int before = api.calls({.verb = "update", .resource = "pods"});

  executor.advance(10min);

  EXPECT_EQ(api.calls({.verb = "update", .resource = "pods"}), before);
}

TEST_F(KubeletTest, RestartsACrashedContainerAndRemembersHowItEnded) {
  start();
  api.add(make_pod("web"));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));

  runtime.crash("main", 3);

  ASSERT_TRUE(until([&] { return container().restartCount == 1 && is_ready(); }, 5s));
  ASSERT_TRUE(container().lastState.terminated);
  EXPECT_EQ(container().lastState.terminated->exitCode, 3);
  EXPECT_EQ(container().lastState.terminated->reason, "Error");
  EXPECT_EQ(phase(), "Running");
}

TEST_F(KubeletTest, BacksOffLongerWithEachCrash) {
  runtime.behave("crash:1", {.runs_for = 1s, .exit_code = 1});
  start();
  api.add(make_pod("web", {make_container("main", "crash:1")}));
  ASSERT_TRUE(until([&] { return waiting() == "CrashLoopBackOff"; }, 10s));
  EXPECT_EQ(container().restartCount, 1);
  EXPECT_EQ(container().state.waiting->message.substr(0, 48),
            "back-off 10s restarting failed container=main po");
  EXPECT_EQ(container().lastState.terminated->exitCode, 1);
  EXPECT_EQ(phase(), "Running");

  executor.advance(9s);
  EXPECT_EQ(container().restartCount, 1);
  ASSERT_TRUE(until([&] { return container().restartCount == 2; }, 3s));
  ASSERT_TRUE(until([&] { return waiting() == "CrashLoopBackOff"; }, 5s));
  executor.advance(17s);
  EXPECT_EQ(container().restartCount, 2);
  EXPECT_TRUE(until([&] { return container().restartCount == 3; }, 5s));
  EXPECT_TRUE(has_event("BackOff"));
}

TEST_F(KubeletTest, KeepsAtMostTwoInstancesOfAContainer) {
  runtime.behave("crash:1", {.runs_for = 1s, .exit_code = 1});
  options.crash_backoff = 1s;
  options.crash_backoff_limit = 2s;
  start();
  api.add(make_pod("web", {make_container("main", "crash:1")}));

  ASSERT_TRUE(until(
      [&] { return !pod().status.containerStatuses.empty() && container().restartCount >= 6; },
      2min));

  EXPECT_LE(runtime.container_count(), 3u);
}

TEST_F(KubeletTest, EndsAsItsRestartPolicyAndExitCodesSay) {
  struct Case {
    std::string policy;
    std::int32_t exit_code;
    std::string phase;
    int restarts;
  };
  const Case cases[] = {{"Never", 0, "Succeeded", 0},
                        {"Never", 2, "Failed", 0},
                        {"OnFailure", 0, "Succeeded", 0},
                        {"OnFailure", 2, "Running", 1},
                        {"Always", 0, "Running", 1}};
  start();
  for (const auto& c : cases) {
    const std::string name = "job-" + std::to_string(c.exit_code) +
                             (c.policy == "Never"    ? "n"
                              : c.policy == "Always" ? "a"
                                                     : "o");
    SCOPED_TRACE(c.policy + " exit " + std::to_string(c.exit_code));
    runtime.behave(name, {.runs_for = 1s, .exit_code = c.exit_code});
    auto job = make_pod(name, {make_container("main", name)});
    job.spec.restartPolicy = c.policy;
    api.add(job);

    executor.advance(4s);

    EXPECT_EQ(phase(name), c.phase);
    EXPECT_EQ(container(0, name).restartCount, c.restarts);
    if (c.phase == "Succeeded") {
      EXPECT_EQ(find_condition(pod(name).status, "Ready")->reason, "PodCompleted");
    }
  }
}

TEST_F(KubeletTest, EndsAPodGracefullyAndThenRemovesItFromTheApi) {
  start();
  api.add(make_pod("web"));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));

  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 30});

  EXPECT_TRUE(exists());
  ASSERT_TRUE(until([&] { return !exists(); }, 5s));
  EXPECT_TRUE(runtime.running().empty());
  executor.advance(3s);
  EXPECT_EQ(runtime.container_count(), 0u);
  EXPECT_EQ(runtime.sandbox_count(), 0u);
}

// Each stop has the network's plugins run.
TEST_F(KubeletTest, StopsASandboxOnceUnlessItsRemovalFails) {
  start();
  int stops = 0;
  for (const int failures : {0, 1}) {
    SCOPED_TRACE(failures);
    api.add(make_pod("web"));
    ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
    runtime.fail_next("RemovePodSandbox", failures, Status::unavailable("not closed yet"));

    api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 30});

    ASSERT_TRUE(until([&] { return !exists() && runtime.sandbox_count() == 0; }, 30s));
    EXPECT_EQ(runtime.calls("StopPodSandbox") - stops, 1 + failures);
    stops = runtime.calls("StopPodSandbox");
  }
}

TEST_F(KubeletTest, GivesAPodItsGracePeriodAndNoMore) {
  runtime.behave("stubborn:1", {.ignores_stop = true});
  start();
  api.add(make_pod("web", {make_container("main", "stubborn:1")}));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 30});

  executor.advance(29s);
  EXPECT_TRUE(exists());
  EXPECT_EQ(runtime.running().size(), 1u);

  EXPECT_TRUE(until([&] { return !exists(); }, 5s));
}

TEST_F(KubeletTest, EndsSoonerWhenTheGracePeriodIsShortened) {
  runtime.behave("stubborn:1", {.ignores_stop = true});
  start();
  api.add(make_pod("web", {make_container("main", "stubborn:1")}));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 600});
  executor.advance(5s);
  ASSERT_TRUE(exists());

  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 1});

  EXPECT_TRUE(until([&] { return !exists(); }, 10s));
}

TEST_F(KubeletTest, KillsWhatWasDeletedByForce) {
  runtime.behave("stubborn:1", {.ignores_stop = true});
  start();
  api.add(make_pod("web", {make_container("main", "stubborn:1")}));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));

  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 0});

  EXPECT_FALSE(exists());
  EXPECT_TRUE(until([&] { return runtime.container_count() == 0; }, 10s));
}

TEST_F(KubeletTest, FindsThePodOfANameRatherThanTheOneBefore) {
  start();
  const std::string old = api.add(make_pod("web"))->metadata.uid;
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  for (const char* call : {"StopContainer", "StopPodSandbox"}) {
    runtime.fail_next(call, 20, Status::unavailable("busy"));
  }
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 0});
  const std::string now = api.add(make_pod("web"))->metadata.uid;
  executor.advance(1s);
  ASSERT_TRUE(kubelet->find_worker({"default", "web"}, old)) << "still being killed";

  EXPECT_EQ(kubelet->find_worker({"default", "web"}, "")->pod()->metadata.uid, now);

  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 0});
  executor.advance(100ms);
  EXPECT_TRUE(kubelet->find_worker({"default", "web"}, "")) << "better than none";
}

TEST_F(KubeletTest, RunsInitContainersOneAfterTheOther) {
  runtime.behave("init:1", {.runs_for = 2s});
  start();
  auto web = make_pod("web");
  web.spec.initContainers = {make_container("first", "init:1"), make_container("second", "init:1")};
  api.add(web);

  executor.advance(1s);
  EXPECT_EQ(runtime.running(), std::vector<std::string>{"first"});
  EXPECT_EQ(phase(), "Pending");
  EXPECT_EQ(condition("Initialized"), "False");
  EXPECT_EQ(find_condition(pod().status, "Initialized")->message,
            "containers with incomplete status: [first second]");
  EXPECT_EQ(waiting(), "PodInitializing");
  executor.advance(2s);
  EXPECT_EQ(runtime.running(), std::vector<std::string>{"second"});
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));

  EXPECT_EQ(runtime.running(), std::vector<std::string>{"main"});
  EXPECT_EQ(pod().status.initContainerStatuses[0].state.terminated->reason, "Completed");
  EXPECT_TRUE(pod().status.initContainerStatuses[1].ready);
}

TEST_F(KubeletTest, FailsAPodWhoseInitContainerFailsForGood) {
  runtime.behave("init:1", {.runs_for = 1s, .exit_code = 7});
  start();
  auto web = make_pod("web");
  web.spec.restartPolicy = "Never";
  web.spec.initContainers = {make_container("first", "init:1")};
  api.add(web);

  EXPECT_TRUE(until([&] { return phase() == "Failed"; }, 10s));
  EXPECT_EQ(runtime.config_of("main"), nullptr);
}

TEST_F(KubeletTest, StartsSidecarsFirstAndEndsThemLast) {
  runtime.behave("job:1", {.runs_for = 5s});
  start();
  auto web = make_pod("web", {make_container("main", "job:1")});
  web.spec.restartPolicy = "Never";
  auto sidecar = make_container("proxy");
  sidecar.restartPolicy = "Always";
  web.spec.initContainers = {sidecar};
  api.add(web);

  executor.advance(2s);
  EXPECT_EQ(runtime.running(), (std::vector<std::string>{"main", "proxy"}));
  runtime.crash("proxy", 1);
  executor.advance(2s);
  EXPECT_EQ(runtime.running(), (std::vector<std::string>{"main", "proxy"}));

  // The pod is done when its containers proper are.
  ASSERT_TRUE(until([&] { return phase() == "Succeeded"; }, 10s));
  EXPECT_TRUE(runtime.running().empty());
}

TEST_F(KubeletTest, ReplacesAContainerWhoseImageChanged) {
  start();
  api.add(make_pod("web"));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));

  api.change<v1::Pod>({"default", "web"}, [](v1::Pod& p) { p.spec.containers[0].image = "web:2"; });

  ASSERT_TRUE(until([&] { return container().image == "web:2" && is_ready(); }, 10s));
  EXPECT_EQ(container().restartCount, 1);
}

TEST_F(KubeletTest, MakesANewSandboxWhenTheOldOneIsGone) {
  start();
  api.add(make_pod("web"));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  const std::string old_ip = pod().status.podIP;

  runtime.reboot();

  ASSERT_TRUE(until([&] { return is_ready() && pod().status.podIP != old_ip; }, 10s));
  EXPECT_EQ(container().restartCount, 1);
  executor.advance(2s);
  EXPECT_TRUE(has_event("SandboxChanged"));
}

TEST_F(KubeletTest, AdoptsRunningContainersAfterARestart) {
  start();
  auto web = make_pod("web");
  v1::Probe probe;
  probe.exec.emplace().command = {"true"};
  probe.periodSeconds = 10;
  web.spec.containers[0].readinessProbe = probe;
  api.add(web);
  ASSERT_TRUE(until([&] { return is_ready(); }, 30s));
  const std::string id = container().containerID;
  const std::string version = pod().metadata.resourceVersion;
  stop();
  ASSERT_EQ(runtime.running().size(), 1u);

  start();
  executor.advance(30s);

  EXPECT_EQ(container().containerID, id);
  EXPECT_EQ(container().restartCount, 0);
  EXPECT_EQ(runtime.calls("CreateContainer"), 1);
  EXPECT_TRUE(is_ready());
  EXPECT_EQ(pod().metadata.resourceVersion, version) << "readiness flapped";
}

TEST_F(KubeletTest, RemovesPodsThatWereDeletedWhileItWasDown) {
  start();
  api.add(make_pod("web"));
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));
  stop();
  api.erase<v1::Pod>({"default", "web"}, {.grace_period_seconds = 0});

  start();

  EXPECT_TRUE(until([&] { return runtime.sandbox_count() == 0; }, 10s));
}

TEST_F(KubeletTest, TriesAgainWhenASandboxCannotBeMade) {
  runtime.fail_next("RunPodSandbox", 2, Status::internal("no more addresses"));
  start();
  api.add(make_pod("web"));

  EXPECT_TRUE(until([&] { return is_ready(); }, 10s));
  executor.advance(2s);
  EXPECT_TRUE(has_event("FailedCreatePodSandBox"));
}

TEST_F(KubeletTest, BacksOffFromWhatKeepsFailing) {
  // As a broken network plugin does: each attempt leaves a dead sandbox, which is news to the
  // relist.
  cri::FakeRuntime broken(executor, {.events = false, .failed_sandboxes_stay = true});
  broken.fail_next("RunPodSandbox", 1000, Status::internal("no network"));
  kubelet = std::make_unique<Kubelet>(
      options,
      KubeletDeps{
          .client = api, .executor = executor, .runtime = broken, .host = host, .random = *random});
  kubelet->start();
  api.add(make_pod("web"));

  executor.advance(5min);

  EXPECT_LE(broken.calls("RunPodSandbox"), 17) << "0.5 s, 1 s, 2 s, ... 30 s";
  EXPECT_GE(broken.calls("RunPodSandbox"), 13);
  EXPECT_LE(broken.sandbox_count(), 2u);
  broken.heal();
  EXPECT_TRUE(until([&] { return is_ready(); }, 31s));
  stop();
}

TEST_F(KubeletTest, NeedsTheRuntimeClassThatAPodNames) {
  start();
  auto web = make_pod("web");
  web.spec.runtimeClassName = "strict";
  api.add(web);
  executor.advance(3s);
  EXPECT_TRUE(has_event("FailedCreatePodSandBox"));
  EXPECT_EQ(runtime.sandbox_count(), 0u);

  node::v1::RuntimeClass strict;
  strict.metadata.name = "strict";
  strict.handler = "kata";
  api.add(strict);

  EXPECT_TRUE(until([&] { return is_ready(); }, 1min));
}

TEST_F(KubeletTest, SaysWhyAnImageCannotBeHad) {
  struct Case {
    std::string name, image, policy, first, later;
  };
  const Case cases[] = {
      {"pull", "absent:1", "IfNotPresent", "ErrImagePull", "ImagePullBackOff"},
      {"never", "absent:1", "Never", "ErrImageNeverPull", "ErrImageNeverPull"},
      {"bad", "Bad Name", "IfNotPresent", "InvalidImageName", "InvalidImageName"},
  };
  cri::FakeRuntime bare(executor, {.all_images = false});
  kubelet = std::make_unique<Kubelet>(
      options,
      KubeletDeps{
          .client = api, .executor = executor, .runtime = bare, .host = host, .random = *random});
  kubelet->start();
  for (const auto& c : cases) {
    SCOPED_TRACE(c.name);
    bare.fail_next("PullImage", 1, Status::internal("registry said no"));
    auto web = make_pod(c.name, {make_container("main", c.image)});
    web.spec.containers[0].imagePullPolicy = c.policy;
    api.add(web);
    const auto reason = [&] {
      const auto& statuses = pod(c.name).status.containerStatuses;
      return statuses.empty() || !statuses[0].state.waiting ? ""
                                                            : statuses[0].state.waiting->reason;
    };
    EXPECT_TRUE(until([&] { return reason() == c.first; }, 5s));
    EXPECT_EQ(phase(c.name), "Pending");
    executor.advance(5s);
    EXPECT_EQ(reason(), c.later);
  }
  EXPECT_TRUE(until([&] { return is_ready("pull"); }, 1min)) << "the second pull succeeds";
  stop();
}

TEST_F(KubeletTest, RefusesAPodThatDoesNotFit) {
  start();
  auto big = make_pod("big");
  big.spec.containers[0].resources.requests["cpu"] = api::Quantity::of("3");
  api.add(big);
  auto choosy = make_pod("choosy");
  choosy.spec.nodeSelector["disk"] = "ssd";
  api.add(choosy);

  ASSERT_TRUE(until([&] { return phase("big") == "Failed" && phase("choosy") == "Failed"; }, 5s));

  EXPECT_EQ(pod("big").status.reason, "OutOfcpu");
  EXPECT_EQ(pod("big").status.message,
            "Pod was rejected: Node didn't have enough resource: cpu, requested: 3000, used: 0, "
            "capacity: 2000");
  EXPECT_EQ(pod("choosy").status.reason, "NodeAffinity");
  EXPECT_TRUE(pod("big").status.containerStatuses.empty());
  EXPECT_EQ(runtime.sandbox_count(), 0u);
}

TEST_F(KubeletTest, EndsAPodAtItsDeadline) {
  start();
  auto web = make_pod("web");
  web.spec.activeDeadlineSeconds = 60;
  api.add(web);
  ASSERT_TRUE(until([&] { return is_ready(); }, 5s));

  executor.advance(50s);
  EXPECT_EQ(phase(), "Running");
  ASSERT_TRUE(until([&] { return phase() == "Failed"; }, 20s));

  EXPECT_EQ(pod().status.reason, "DeadlineExceeded");
  EXPECT_TRUE(runtime.running().empty());
}

TEST_F(KubeletTest, WaitsForReadinessGatesOfOthers) {
  start();
  auto web = make_pod("web");
  v1::PodReadinessGate gate;
  gate.conditionType = "example.com/lb";
  web.spec.readinessGates = {gate};
  api.add(web);
  ASSERT_TRUE(until([&] { return condition("ContainersReady") == "True"; }, 5s));
  EXPECT_EQ(condition("Ready"), "False");
  EXPECT_EQ(find_condition(pod().status, "Ready")->reason, "ReadinessGatesNotReady");

  api.change<v1::Pod>({"default", "web"}, [](v1::Pod& p) {
    v1::PodCondition lb;
    lb.type = "example.com/lb";
    lb.status = "True";
    p.status.conditions.push_back(lb);
  });

  EXPECT_TRUE(until([&] { return is_ready(); }, 5s));
  EXPECT_EQ(condition("example.com/lb"), "True");
}

TEST_F(KubeletTest, GoesOnThroughConflictsAndOutagesOfTheApi) {
  start();
  api.fail_next(3, {.verb = "update", .resource = "pods", .subresource = "status"},
                Status(Reason::Conflict, "conflict"));
  api.add(make_pod("web"));
  EXPECT_TRUE(until([&] { return is_ready(); }, 10s));

  api.fail_next(5, {.verb = "update", .resource = "pods"}, Status::unavailable("away"));
  runtime.crash("main", 1);

  EXPECT_TRUE(until([&] { return container().restartCount == 1 && is_ready(); }, 1min));
}

}  // namespace
}  // namespace keelson::kubelet
