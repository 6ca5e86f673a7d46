// SPDX-License-Identifier: Apache-2.0
// Removes images that nothing uses when their disk fills up, those unused longest first.
// Source: upstream pkg/kubelet/images, image_gc_manager.
#pragma once

#include <map>
#include <set>
#include <string>

#include "kubelet/node_context.h"

namespace keelson::kubelet {

class ImageCollector final {
 public:
  explicit ImageCollector(NodeContext& node) : node_(node) {}

  // `in_use`: names or ids of images that pods of this node use. `urgent`: down to the low
  // threshold even if the high one is not reached.
  Task<void> collect(std::set<std::string> in_use, bool urgent);

 private:
  struct Seen {
    Wall first, last_used;
  };
  NodeContext& node_;
  std::map<std::string, Seen> seen_;  // By image id.
};

}  // namespace keelson::kubelet
