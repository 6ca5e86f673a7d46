// SPDX-License-Identifier: Apache-2.0
// Notices what happens to pods in the runtime: by relisting every second, or, where the runtime
// tells of it, by its events and a relist now and then. Source: upstream pkg/kubelet/pleg;
// KEP-3386.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "kubelet/node_context.h"
#include "kubelet/runtime_pod.h"

namespace keelson::kubelet {

class RuntimeWatch final {
 public:
  // `changed` is called (on the executor) with the uid of each pod of which something changed.
  RuntimeWatch(NodeContext& node, std::function<void(const std::string& uid)> changed);

  // Until stopped.
  Task<void> run();

  // As of the last relist, by uid.
  const std::map<std::string, PodOutline>& pods() const { return pods_; }
  // The pod is gone; what the last relist saw of it no longer counts.
  void forget(const std::string& uid) { pods_.erase(uid); }
  bool has_listed() const { return listed_at_.has_value(); }
  // The last relist is too long ago; upstream's limit.
  bool is_stuck() const;

 private:
  Task<Result<void>> relist();
  Task<void> follow_events();

  NodeContext& node_;
  const std::function<void(const std::string& uid)> changed_;
  std::map<std::string, PodOutline> pods_;
  std::optional<Duration> listed_at_;
  bool has_events_ = false;
};

}  // namespace keelson::kubelet
