// SPDX-License-Identifier: Apache-2.0
#include "kubelet/backoff.h"

namespace keelson::kubelet {

Duration Backoff::remaining(const std::string& key, Wall event, Wall now) const {
  const auto found = entries_.find(key);
  if (found == entries_.end() || is_stale(found->second, event)) return Duration::zero();
  return std::max(Duration::zero(), found->second.delay - (now - event));
}

void Backoff::next(const std::string& key, Wall event, Wall now) {
  Entry& entry = entries_[key];
  if (entry.delay == Duration::zero() || is_stale(entry, event)) {
    entry.delay = initial_;
  } else {
    entry.delay = std::min(maximum_, entry.delay * 2);
  }
  entry.updated = now;
}

Duration Backoff::delay(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? Duration::zero() : found->second.delay;
}

Wall Backoff::updated(const std::string& key) const {
  const auto found = entries_.find(key);
  return found == entries_.end() ? Wall{} : found->second.updated;
}

void Backoff::forget_prefix(const std::string& prefix) {
  auto entry = entries_.lower_bound(prefix);
  while (entry != entries_.end() && entry->first.starts_with(prefix)) entry = entries_.erase(entry);
}

}  // namespace keelson::kubelet
