// SPDX-License-Identifier: Apache-2.0
// The life of one pod on its node: runs it, ends it, cleans up after it.
//
//   admitted -> running -> ending -> ended -> (deleted from the API) -> finished
//
// Level-based: each round asks the runtime what there is, compares it with the spec read now and
// acts on the difference. Nothing is remembered that a restarted kubelet would miss.
// Source: upstream pkg/kubelet/pod_workers.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "kubelet/node_context.h"
#include "kubelet/pod_probes.h"
#include "kubelet/pod_runtime.h"

namespace keelson::kubelet {

class PodWorker final {
 public:
  // `finished` is called once nothing is left of the pod and of this worker's task.
  PodWorker(NodeContext& node, PodPtr pod, std::function<void()> finished);
  ~PodWorker();

  // The pod as the API has it now; a deletion that was asked for ends it.
  void update(PodPtr pod);
  // The API does not have it any more.
  void removed();
  // The kubelet refuses or evicts it: it ends as Failed.
  void fail_pod(PodFailure failure);
  // Something changed on the node.
  void wake() { wake_->set(); }
  // What made the last round fail may be over.
  void retry_now() {
    hold_until_ = {};
    wake_->set();
  }

  const PodPtr& pod() const { return pod_; }
  // It does not run and never will again: holds no resources of the node.
  bool is_ended() const { return ended_; }
  bool is_ending() const { return must_end(); }
  // The API does not have it any more; another may have its name.
  bool is_removed() const { return removed_; }
  // What the runtime had of it when last asked.
  const RuntimePod& runtime_pod() const { return runtime_pod_; }

  // Until the pod is finished, or stopped: then its containers run on.
  Task<void> run();

 private:
  enum class Round : std::uint8_t { Settled, Again };

  bool must_end() const { return failure_ || removed_ || is_deleting(*pod_) || terminal_; }
  Task<Result<Round>> reconcile();
  Task<Result<void>> act(PodPlan plan, PodPtr pod);
  Task<Result<void>> start_containers(const std::vector<std::string>& names, PodPtr pod,
                                      SandboxRecord sandbox);
  Task<Result<void>> stop_containers(const std::vector<ContainerStop>& stops, PodPtr pod);
  Task<Result<VolumePaths>> prepare(PodPtr pod);
  // Until nothing runs.
  Task<Result<void>> end();
  // Until the API has forgotten it.
  Task<Result<void>> clean_up();
  Task<Result<void>> inspect();
  void publish(bool terminated);
  bool check_deadline();
  std::chrono::seconds ending_grace() const;
  // Waits for wake(), at most until the next appointment.
  Task<Result<void>> wait();
  void be_back_in(Duration delay) { next_round_ = std::min(next_round_, delay); }
  std::uint32_t next_instance(const v1::Container& spec) const;

  NodeContext& node_;
  PodPtr pod_;
  const std::function<void()> finished_;
  const std::shared_ptr<Event> wake_ = std::make_shared<Event>();  // Timers share it.
  PodRuntime runtime_;
  PodProbes probes_;
  RuntimePod runtime_pod_;
  std::map<std::string, WaitingReason> waiting_;  // By container name.
  std::map<std::string, Wall> not_before_;        // When a container may be tried again.
  std::optional<PodFailure> failure_;
  bool removed_ = false, terminal_ = false, ended_ = false;
  Duration next_round_{};
  // After a failed round: what the failure itself leaves in the runtime is no reason for another.
  Duration hold_until_{};
  int failures_ = 0;  // Rounds in a row that failed.
  std::optional<Duration> prepared_at_;
  VolumePaths volumes_;
  std::string last_error_;
  // Ends the round (or the killing) under way: its work is out of date.
  std::optional<std::stop_source> round_;
};

}  // namespace keelson::kubelet
