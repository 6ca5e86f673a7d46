// SPDX-License-Identifier: Apache-2.0
// Amounts of resources as plain numbers, for loops over thousands of nodes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "podspec/resources.h"

namespace keelson::scheduler {

struct Resources {
  std::int64_t milli_cpu = 0, memory = 0, ephemeral_storage = 0;  // Bytes but for the first.
  std::int64_t pods = 0;                                          // Of nodes only.
  // Huge pages and extended resources, sorted by name.
  std::vector<std::pair<std::string, std::int64_t>> scalars;

  static Resources of(const podspec::ResourceList& list);

  std::int64_t scalar(std::string_view name) const;  // 0 if there is none.
  // `pods` stays.
  void add(const Resources& other);
  void subtract(const Resources& other);

  bool operator==(const Resources&) const = default;
};

}  // namespace keelson::scheduler
