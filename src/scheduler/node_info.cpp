// SPDX-License-Identifier: Apache-2.0
#include "scheduler/node_info.h"

#include <algorithm>

namespace keelson::scheduler {

void NodeInfo::set_node(NodePtr node) {
  const bool same_images = node_ && node && node_->status.images == node->status.images;
  node_ = std::move(node);
  unschedulable_ = node_ && node_->spec.unschedulable;
  tainted_ = node_ && !node_->spec.taints.empty();
  if (!node_) {
    allocatable_ = {};
    images_ = std::make_shared<const ImageSizes>();
    return;
  }
  allocatable_ = Resources::of(node_->status.allocatable);
  if (same_images) return;
  auto images = std::make_shared<ImageSizes>();
  for (const auto& image : node_->status.images) {
    for (const auto& name : image.names) (*images)[name] = image.sizeBytes;
  }
  images_ = std::move(images);
}

void NodeInfo::add_pod(PodInfoPtr pod) {
  requested_.add(pod->requests);
  nonzero_milli_cpu_ += pod->nonzero_milli_cpu;
  nonzero_memory_ += pod->nonzero_memory;
  used_ports_.insert(used_ports_.end(), pod->host_ports.begin(), pod->host_ports.end());
  pods_.push_back(std::move(pod));
}

bool NodeInfo::remove_pod(const PodInfo& pod) {
  const auto found = std::ranges::find(pods_, &pod, &PodInfoPtr::get);
  if (found == pods_.end()) return false;
  requested_.subtract(pod.requests);
  nonzero_milli_cpu_ -= pod.nonzero_milli_cpu;
  nonzero_memory_ -= pod.nonzero_memory;
  for (const HostPort& port : pod.host_ports) {
    const auto used = std::ranges::find(used_ports_, port);
    if (used != used_ports_.end()) used_ports_.erase(used);
  }
  // Their order means nothing. Last, for this may be the end of the pod.
  std::swap(*found, pods_.back());
  pods_.pop_back();
  return true;
}

std::string normalized_image(std::string_view name) {
  // A colon before the last slash belongs to the registry's port.
  const auto colon = name.rfind(':');
  const auto slash = name.rfind('/');
  const bool tagged =
      colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash);
  return std::string(name) + (tagged ? "" : ":latest");
}

}  // namespace keelson::scheduler
