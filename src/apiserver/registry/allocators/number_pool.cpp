// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/allocators/number_pool.h"

#include <algorithm>

namespace keelson::apiserver {

NumberPool::NumberPool(std::uint32_t first, std::uint32_t last, std::uint32_t band)
    : first_(first), last_(last), band_(std::min(band, last - first + 1)) {}

std::optional<std::uint32_t> NumberPool::take(Random& random) {
  const std::uint32_t count = last_ - first_ + 1;
  if (auto number = take_of(first_ + band_, count - band_, random)) return number;
  return take_of(first_, band_, random);
}

std::optional<std::uint32_t> NumberPool::take_of(std::uint32_t from, std::uint32_t count,
                                                 Random& random) {
  if (count == 0) return std::nullopt;
  const auto start = static_cast<std::uint32_t>(random.below(count));
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t number = from + (start + i) % count;
    if (try_take(number)) return number;
  }
  return std::nullopt;
}

}  // namespace keelson::apiserver
