// SPDX-License-Identifier: Apache-2.0
#include "controllers/expectations.h"

namespace keelson::controllers {

constexpr auto kGiveUp = std::chrono::minutes(5);  // Upstream: ExpectationsTimeout.

void Expectations::expect_creations(const std::string& owner, int count) {
  entries_[owner] = {.creations = count, .deletions = {}, .since = executor_.monotonic()};
}

void Expectations::expect_deletions(const std::string& owner, std::set<std::string> uids) {
  entries_[owner] = {.creations = 0, .deletions = std::move(uids), .since = executor_.monotonic()};
}

void Expectations::creation_observed(const std::string& owner) {
  const auto found = entries_.find(owner);
  if (found != entries_.end() && found->second.creations > 0) --found->second.creations;
}

void Expectations::deletion_observed(const std::string& owner, const std::string& uid) {
  const auto found = entries_.find(owner);
  if (found != entries_.end()) found->second.deletions.erase(uid);
}

void Expectations::forget(const std::string& owner) { entries_.erase(owner); }

bool Expectations::satisfied(const std::string& owner) const {
  const auto found = entries_.find(owner);
  if (found == entries_.end()) return true;
  const Entry& entry = found->second;
  return (entry.creations <= 0 && entry.deletions.empty()) ||
         executor_.monotonic() - entry.since > kGiveUp;
}

}  // namespace keelson::controllers
