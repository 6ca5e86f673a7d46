// SPDX-License-Identifier: Apache-2.0
// A kubelet on a fake runtime, a fake API server and a virtual clock.
#pragma once

#include <gtest/gtest.h>

#include "base/virtual_executor.h"
#include "client/fake_api.h"
#include "kubelet/cri/fake_runtime.h"
#include "kubelet/kubelet.h"

namespace keelson::kubelet {

using namespace std::chrono_literals;

inline v1::Container make_container(std::string name, std::string image = "web:1") {
  v1::Container container;
  container.name = std::move(name);
  container.image = std::move(image);
  container.imagePullPolicy = "IfNotPresent";
  return container;
}

inline v1::Pod make_pod(std::string name, std::vector<v1::Container> containers = {}) {
  v1::Pod pod;
  pod.metadata.name = std::move(name);
  pod.metadata.namespace_ = "default";
  pod.spec.nodeName = "node-1";
  pod.spec.restartPolicy = "Always";
  pod.spec.terminationGracePeriodSeconds = 30;
  if (containers.empty()) containers.push_back(make_container("main"));
  pod.spec.containers = std::move(containers);
  pod.status.phase = "Pending";
  return pod;
}

class KubeletTest : public testing::Test {
 protected:
  KubeletTest() {
    options.node_name = "node-1";
    options.node_ips = {"192.0.2.1"};
    options.version = "v1.36.0";
    options.image_gc.high_threshold_percent = 101;
    v1::Namespace space;
    space.metadata.name = "default";
    api.add(space);
  }
  ~KubeletTest() override { stop(); }

  void start() {
    kubelet = std::make_unique<Kubelet>(options, KubeletDeps{.client = api,
                                                             .executor = executor,
                                                             .runtime = runtime,
                                                             .host = host,
                                                             .random = *random,
                                                             .before_pods = before_pods});
    kubelet->start();
    executor.advance(1s);
  }
  void stop() {
    if (!kubelet) return;
    bool stopped = false;
    spawn(executor, [](Kubelet* it, bool* done) -> Task<void> {
      co_await it->stop();
      *done = true;
    }(kubelet.get(), &stopped));
    EXPECT_TRUE(executor.run_until([&] { return stopped; }, 1min));
    kubelet.reset();
  }

  bool until(const std::function<bool()>& done, Duration limit = 1min) {
    return executor.run_until(done, limit);
  }
  const v1::Pod& pod(const std::string& name = "web") {
    return api.must_get<v1::Pod>({"default", name});
  }
  bool exists(const std::string& name = "web") {
    return api.peek<v1::Pod>({"default", name}) != nullptr;
  }
  std::string phase(const std::string& name = "web") { return pod(name).status.phase; }
  std::string condition(std::string_view type, const std::string& name = "web") {
    const auto* found = find_condition(pod(name).status, type);
    return found ? found->status : "";
  }
  const v1::ContainerStatus& container(std::size_t index = 0, const std::string& name = "web") {
    return pod(name).status.containerStatuses.at(index);
  }
  std::string waiting(std::size_t index = 0) {
    if (pod().status.containerStatuses.size() <= index) return "";
    const auto& state = container(index).state;
    return state.waiting ? state.waiting->reason : "";
  }
  bool is_ready(const std::string& name = "web") { return condition("Ready", name) == "True"; }
  bool has_event(const std::string& reason) {
    for (const auto& event : api.all<v1::Event>()) {
      if (event->reason == reason) return true;
    }
    return false;
  }

  VirtualExecutor executor;
  client::FakeApi api{executor};
  cri::FakeRuntime runtime{executor};
  HollowHost host{MachineInfo{.cpus = 2,
                              .memory_bytes = 4LL << 30,
                              .disk_bytes = 100LL << 30,
                              .host_name = "node-1",
                              .architecture = "amd64"}};
  std::unique_ptr<Random> random = make_seeded_random(1);
  KubeletOptions options;
  std::function<Task<void>()> before_pods;
  std::unique_ptr<Kubelet> kubelet;
};

}  // namespace keelson::kubelet
