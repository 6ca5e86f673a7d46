// SPDX-License-Identifier: Apache-2.0
// Growing delays by key, as for containers that crash and images that cannot be pulled.
// Source: client-go util/flowcontrol Backoff.
#pragma once

#include <map>
#include <string>

#include "base/executor.h"

namespace keelson::kubelet {

class Backoff final {
 public:
  Backoff(Duration initial, Duration maximum) : initial_(initial), maximum_(maximum) {}

  // How long after `event` (the crash) the next try has to wait yet; 0: try now. An event later
  // than twice the maximum after the last try is a new story.
  Duration remaining(const std::string& key, Wall event, Wall now) const;
  // A try is made now: the next failure waits longer.
  void next(const std::string& key, Wall event, Wall now);
  // The present delay of a key; 0 if it has none.
  Duration delay(const std::string& key) const;
  // When the last try was made; the epoch if there was none.
  Wall updated(const std::string& key) const;
  void forget(const std::string& key) { entries_.erase(key); }
  // Forgets all keys that begin with `prefix`.
  void forget_prefix(const std::string& prefix);

 private:
  struct Entry {
    Duration delay{};
    Wall updated{};
  };
  bool is_stale(const Entry& entry, Wall event) const {
    return event - entry.updated > 2 * maximum_;
  }

  const Duration initial_, maximum_;
  std::map<std::string, Entry> entries_;
};

}  // namespace keelson::kubelet
