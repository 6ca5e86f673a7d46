// SPDX-License-Identifier: Apache-2.0
// What a controller has asked for and not seen yet. Until it has, its local copy is too old to
// count pods by. Source: upstream's ControllerExpectations.
#pragma once

#include <map>
#include <set>
#include <string>

#include "base/executor.h"

namespace keelson::controllers {

class Expectations {
 public:
  explicit Expectations(const Executor& executor) : executor_(executor) {}

  // Replaces what was expected for `owner` (a uid).
  void expect_creations(const std::string& owner, int count);
  void expect_deletions(const std::string& owner, std::set<std::string> uids);

  void creation_observed(const std::string& owner);  // Also when the creation failed.
  void deletion_observed(const std::string& owner, const std::string& uid);
  void forget(const std::string& owner);

  // All seen, or given up after five minutes: a lost event must not stop the controller for good.
  bool satisfied(const std::string& owner) const;

 private:
  struct Entry {
    int creations = 0;
    std::set<std::string> deletions;
    Duration since{};
  };
  const Executor& executor_;
  std::map<std::string, Entry> entries_;
};

}  // namespace keelson::controllers
