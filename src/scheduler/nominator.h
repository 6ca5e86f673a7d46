// SPDX-License-Identifier: Apache-2.0
// Pods for which others were preempted, with the node where they are going to fit: until they are
// placed, their room must not be given to pods that are less important.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "scheduler/pod_info.h"

namespace keelson::scheduler {

class Nominator {
 public:
  // Takes the place of an earlier nomination.
  void nominate(PodInfoPtr pod, const std::string& node) {
    withdraw(pod->uid());
    node_of_[pod->uid()] = node;
    by_node_[node].push_back(std::move(pod));
  }
  void withdraw(const std::string& uid) {
    const auto found = node_of_.find(uid);
    if (found == node_of_.end()) return;
    const auto pods = by_node_.find(found->second);
    std::erase_if(pods->second, [&](const PodInfoPtr& pod) { return pod->uid() == uid; });
    if (pods->second.empty()) by_node_.erase(pods);
    node_of_.erase(found);
  }

  bool empty() const { return node_of_.empty(); }
  const std::vector<PodInfoPtr>& on(const std::string& node) const {
    static const std::vector<PodInfoPtr> kNone;
    const auto found = by_node_.find(node);
    return found == by_node_.end() ? kNone : found->second;
  }
  // "" if it has none.
  std::string_view node_of(const std::string& uid) const {
    const auto found = node_of_.find(uid);
    return found == node_of_.end() ? std::string_view() : found->second;
  }

 private:
  std::unordered_map<std::string, std::string> node_of_;
  std::unordered_map<std::string, std::vector<PodInfoPtr>> by_node_;
};

}  // namespace keelson::scheduler
