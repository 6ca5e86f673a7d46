// SPDX-License-Identifier: Apache-2.0
// Controllers on an API server in memory and a virtual clock, with the test in the place of
// kubelets.
#pragma once

#include <gtest/gtest.h>

#include "api/apps/v1.h"
#include "api/core/v1.h"
#include "base/virtual_executor.h"
#include "client/fake_api.h"
#include "controllers/controller.h"
#include "controllers/pods.h"

namespace keelson::controllers {

using namespace std::chrono_literals;
using core::v1::Pod;
using PodPtr = std::shared_ptr<const Pod>;

inline core::v1::PodTemplateSpec make_template(const std::string& app,
                                               const std::string& image = "web:1") {
  core::v1::PodTemplateSpec pod_template;
  pod_template.metadata.labels["app"] = app;
  auto& container = pod_template.spec.containers.emplace_back();
  container.name = "main";
  container.image = image;
  return pod_template;
}

inline Pod make_pod(const std::string& name, const std::string& app = "web") {
  Pod pod;
  pod.metadata.name = name;
  pod.metadata.namespace_ = "default";
  pod.metadata.labels["app"] = app;
  pod.spec = make_template(app).spec;
  pod.status.phase = core::v1::PodPhase::Pending;
  return pod;
}

inline void set_condition(Pod& pod, const std::string& type, const std::string& status, Wall when) {
  std::erase_if(pod.status.conditions, [&type](const auto& each) { return each.type == type; });
  pod.status.conditions.push_back(
      {.type = type, .status = status, .lastTransitionTime = api::Time(when)});
}

class ControllerTest : public testing::Test {
 protected:
  using Make = std::function<std::unique_ptr<Controller>(ControllerContext&)>;

  ~ControllerTest() override { stop(); }

  // The controllers of a test, started together; once.
  void start(const std::vector<Make>& makers) {
    for (const auto& make : makers) controllers.push_back(make(context));
    informers.start();
    for (const auto& controller : controllers) group.start(controller->run());
    settle();
  }
  void start(Make make) { start(std::vector<Make>{std::move(make)}); }

  void stop() {
    api.heal();
    bool stopped = false;
    spawn(executor, [](ControllerTest* test, bool* done) -> Task<void> {
      co_await test->group.stop();
      co_await test->informers.stop();
      co_await test->events.stop();
      *done = true;
    }(this, &stopped));
    CHECK(executor.run_until([&] { return stopped; }, 1min));
    controllers.clear();
  }

  // Until all news has been dealt with; less than any of the controllers' own waits.
  void settle() { executor.advance(500ms); }

  std::vector<PodPtr> pods(const std::string& app = "web") {
    auto found = api.all<Pod>();
    std::erase_if(found, [&app](const PodPtr& pod) {
      const auto label = pod->metadata.labels.find("app");
      return label == pod->metadata.labels.end() || label->second != app;
    });
    return found;
  }
  static ObjectKey key(const std::string& name) { return {"default", name}; }

  void change_pod(const PodPtr& pod, const std::function<void(Pod&)>& change) {
    api.change<Pod>(key_of(*pod), change);
  }
  void run_pod(const PodPtr& pod, const std::string& node = "node-1") {
    change_pod(pod, [&](Pod& next) {
      next.spec.nodeName = node;
      next.status.phase = core::v1::PodPhase::Running;
      set_condition(next, "Ready", "True", executor.now());
    });
  }
  static bool is_waiting(const Pod& pod) {
    return is_active(pod) && pod.status.phase != core::v1::PodPhase::Running;
  }
  // As a kubelet would: all pending pods run.
  void run_pods(const std::string& app = "web") {
    for (const auto& pod : pods(app)) {
      if (is_waiting(*pod)) run_pod(pod);
    }
    settle();
  }
  // As a kubelet would: pods that are being deleted end.
  void end_deleted_pods() {
    for (const auto& pod : api.all<Pod>()) {
      if (pod->metadata.deletionTimestamp)
        api.erase<Pod>(key_of(*pod), {.grace_period_seconds = 0});
    }
    settle();
  }
  std::vector<std::string> events_of(const std::string& name) {
    std::vector<std::string> texts;
    for (const auto& event : api.all<core::v1::Event>()) {
      if (event->involvedObject.name == name)
        texts.push_back(event->reason + ": " + event->message);
    }
    return texts;
  }
  bool has_event(const std::string& name, const std::string& text) {
    const auto texts = events_of(name);
    return std::ranges::any_of(texts, [&](const auto& each) { return each.contains(text); });
  }

  VirtualExecutor executor;
  client::FakeApi api{executor};
  std::unique_ptr<Random> random = make_seeded_random(7);
  client::InformerSet informers{api, executor};
  client::EventRecorder events{api, executor, "controllermanager", ""};
  ControllerContext context{api, informers, events, executor, *random};
  std::vector<std::unique_ptr<Controller>> controllers;
  TaskGroup group{executor};
};

}  // namespace keelson::controllers
