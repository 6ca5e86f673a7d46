// SPDX-License-Identifier: Apache-2.0
// Gives every node a pod CIDR out of the cluster's.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "controllers/controller.h"

namespace keelson::controllers {

// A block of IPv4 addresses cut into equal ones. Pure.
class CidrBlocks {
 public:
  // Errors: BadRequest for text that is no IPv4 CIDR, or blocks that do not fit into it.
  static Result<CidrBlocks> make(std::string_view cidr, int block_bits);

  // The lowest free block; nothing when all are taken.
  std::optional<std::string> allocate();
  // False if it is not one of the blocks, or taken.
  bool occupy(std::string_view block);
  void release(std::string_view block);

 private:
  std::optional<std::uint32_t> find_number(std::string_view block) const;

  std::uint32_t first_ = 0;
  int block_bits_ = 24;
  std::uint32_t count_ = 0;
  std::set<std::uint32_t> taken_;
};

std::unique_ptr<Controller> make_node_ipam_controller(ControllerContext& context,
                                                      CidrBlocks blocks);

}  // namespace keelson::controllers
