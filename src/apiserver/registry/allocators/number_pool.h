// SPDX-License-Identifier: Apache-2.0
// Numbers of a range, each taken at most once. Those chosen by the pool come from the upper band
// while it lasts, so that the lower one is left to those who ask for a number. Source: KEP-3070.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_set>

#include "base/random.h"

namespace keelson::apiserver {

// Not thread-safe.
class NumberPool {
 public:
  // From `first` to `last`; `band` numbers at the start are kept for those who ask.
  NumberPool(std::uint32_t first, std::uint32_t last, std::uint32_t band);

  bool contains(std::uint32_t number) const { return number >= first_ && number <= last_; }
  // False if it is taken.
  bool try_take(std::uint32_t number) { return taken_.insert(number).second; }
  // A free number; nothing when all are taken.
  std::optional<std::uint32_t> take(Random& random);
  void release(std::uint32_t number) { taken_.erase(number); }

 private:
  // A free number of `count` from `from`, looking from a random place on.
  std::optional<std::uint32_t> take_of(std::uint32_t from, std::uint32_t count, Random& random);

  const std::uint32_t first_, last_, band_;
  std::unordered_set<std::uint32_t> taken_;
};

}  // namespace keelson::apiserver
