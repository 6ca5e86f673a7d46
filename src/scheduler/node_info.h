// SPDX-License-Identifier: Apache-2.0
// A node with what runs, or is about to run, on it.
#pragma once

#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "scheduler/pod_info.h"

namespace keelson::scheduler {

using ImageSizes = std::unordered_map<std::string, std::int64_t>;  // Bytes, by each of its names.

class NodeInfo {
 public:
  NodeInfo(std::string name, std::size_t slot) : name_(std::move(name)), slot_(slot) {}

  const std::string& name() const { return name_; }
  // A small number that no other node of the cache has at the same time.
  std::size_t slot() const { return slot_; }
  // Null while only pods of the node are known, not the node itself.
  const NodePtr& node_or_null() const { return node_; }
  const Node& node() const { return *node_; }
  const std::map<std::string, std::string, std::less<>>& labels() const {
    return node_->metadata.labels;
  }

  // Of node().spec, which is not looked up for each of thousands of nodes.
  bool unschedulable() const { return unschedulable_; }
  bool tainted() const { return tainted_; }
  const Resources& allocatable() const { return allocatable_; }
  const Resources& requested() const { return requested_; }
  std::int64_t nonzero_milli_cpu() const { return nonzero_milli_cpu_; }
  std::int64_t nonzero_memory() const { return nonzero_memory_; }
  const ImageSizes& images() const { return *images_; }

  const std::vector<PodInfoPtr>& pods() const { return pods_; }
  const std::vector<HostPort>& used_ports() const { return used_ports_; }

  // Null: the node is gone, its pods may not be yet.
  void set_node(NodePtr node);
  void add_pod(PodInfoPtr pod);
  // The one that was added, not one like it. False if it is not there.
  bool remove_pod(const PodInfo& pod);

 private:
  std::string name_;
  std::size_t slot_;
  NodePtr node_;
  bool unschedulable_ = false, tainted_ = false;
  Resources allocatable_, requested_;
  std::int64_t nonzero_milli_cpu_ = 0, nonzero_memory_ = 0;
  std::vector<PodInfoPtr> pods_;
  std::vector<HostPort> used_ports_;
  std::shared_ptr<const ImageSizes> images_ = std::make_shared<const ImageSizes>();
};

// "nginx" as "nginx:latest", so that pods and nodes mean the same by it.
std::string normalized_image(std::string_view name);

}  // namespace keelson::scheduler
