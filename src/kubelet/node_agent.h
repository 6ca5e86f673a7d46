// SPDX-License-Identifier: Apache-2.0
// Keeps the cluster informed of the node: registers it, writes its status, renews its Lease.
// Source: KEP-589 (node heartbeats); upstream kubelet_node_status, component-helpers lease.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "api/coordination/v1.h"
#include "kubelet/node_context.h"
#include "kubelet/node_status.h"

namespace keelson::kubelet {

class NodeAgent final {
 public:
  explicit NodeAgent(NodeContext& node);

  // Until the API server has the Node, retrying. Errors: Canceled.
  Task<Result<void>> register_node();

  // Until stopped. Waits for the first set_problems() for a moment, so that a restarted kubelet
  // does not say that it is not ready before it has looked.
  Task<void> run_status();
  Task<void> run_lease();

  // The next status is written at once.
  void report_now() { hurry_->set(); }
  // Why the node is not ready; empty: it is.
  void set_problems(std::vector<std::string> problems);
  void set_runtime_version(std::string version) { runtime_version_ = std::move(version); }
  // Measures the node and answers what is short now. What its conditions show is brought up to
  // date, and reported at once if it changes.
  NodePressure measure_pressure();
  // As its conditions show it: for a while longer than it lasts.
  const NodePressure& pressure() const { return pressure_; }
  // As the API has it; null before it is registered.
  std::shared_ptr<const v1::Node> node() const { return current_; }

 private:
  Task<Result<void>> report();
  // Waits for report_now(), at most `delay`. Errors: Canceled.
  Task<Result<void>> pause(Duration delay);
  Task<Result<void>> renew_lease();
  NodeInputs inputs() const;

  NodeContext& context_;
  PressureGauge gauge_;
  NodePressure pressure_;
  std::vector<std::string> problems_ = {
      "container runtime status check may not have completed yet"};
  bool checked_ = false;
  std::string runtime_version_;
  std::vector<cri::v1::Image> images_;
  std::shared_ptr<const v1::Node> current_;
  std::shared_ptr<const coordination::v1::Lease> lease_;
  std::optional<Duration> reported_at_;
  std::string pod_cidr_;
  const std::shared_ptr<Event> hurry_ = std::make_shared<Event>();
};

}  // namespace keelson::kubelet
