// SPDX-License-Identifier: Apache-2.0
// What the maps hold under each address, and which of several services that want one has it.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "proxy/model.h"

namespace keelson::proxy {

// Endpoints as the maps have them: address and port. A place is a number that is drawn.
using Places = std::vector<std::string>;

// What stands under an address.
struct Entry {
  std::string chain;                         // Empty: refused.
  std::shared_ptr<const Places> all, local;  // Those that the chain needs.

  bool operator==(const Entry&) const = default;
};
using Entries = std::map<std::string, Entry>;  // By the key of the maps.

// Who wants what under which address. Several may want the same: the first by name has it.
class Claims {
 public:
  // `owner` wants `now` instead of `before`.
  void change(const ServicePortName& owner, const Entries& before, const Entries& now) {
    for (const auto& [key, entry] : before) {
      if (now.contains(key)) continue;
      touch(key);
      const auto claims = by_key_.find(key);
      claims->second.erase(owner);
      if (claims->second.empty()) by_key_.erase(claims);
    }
    for (const auto& [key, entry] : now) {
      if (const auto last = before.find(key); last != before.end() && last->second == entry)
        continue;
      touch(key);
      by_key_[key].insert_or_assign(owner, entry);
    }
  }
  // What has changed since the last call: `take(key, before, now)`, null where there is nothing.
  template <class Take>
  void settle(Take take) {
    for (const auto& [key, before] : std::exchange(touched_, {})) {
      const auto found = by_key_.find(key);
      const Entry* now = found == by_key_.end() ? nullptr : &found->second.begin()->second;
      const Entry* last = before ? &*before : nullptr;
      if (!last || !now || !(*last == *now)) take(key, last, now);
    }
  }
  void clear() { *this = {}; }

 private:
  void touch(const std::string& key) {
    if (touched_.contains(key)) return;
    const auto found = by_key_.find(key);
    touched_.emplace(
        key, found == by_key_.end() ? std::nullopt : std::optional(found->second.begin()->second));
  }

  std::unordered_map<std::string, std::map<ServicePortName, Entry>> by_key_;
  std::map<std::string, std::optional<Entry>> touched_;
};

}  // namespace keelson::proxy
