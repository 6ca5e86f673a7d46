// SPDX-License-Identifier: Apache-2.0
// Decides what becomes of an event: a new object, a higher count of an earlier one, or nothing.
// Source: client-go tools/record, EventCorrelator and its numbers.
#pragma once

#include <chrono>
#include <list>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>

#include "api/core/v1.h"
#include "base/executor.h"

namespace keelson::client {

// A map that forgets what was longest not asked for.
template <class Value>
class RecentlyUsed {
 public:
  explicit RecentlyUsed(std::size_t limit) : limit_(limit) {}

  // A default value if there is none yet.
  Value& operator[](const std::string& key) {
    if (const auto found = places_.find(key); found != places_.end()) {
      entries_.splice(entries_.begin(), entries_, found->second);
      return entries_.front().second;
    }
    if (entries_.size() >= limit_) {
      places_.erase(entries_.back().first);
      entries_.pop_back();
    }
    entries_.emplace_front(key, Value());
    places_.emplace(key, entries_.begin());
    return entries_.front().second;
  }

 private:
  using Entries = std::list<std::pair<std::string, Value>>;

  const std::size_t limit_;
  Entries entries_;
  std::unordered_map<std::string, typename Entries::iterator> places_;
};

// One recorder's memory; used by one task.
class EventCorrelator {
 public:
  struct Plan {
    core::v1::Event event;  // With the count that it is to have.
    bool is_new = true;     // Otherwise `event.metadata.name` exists already.
    std::string memory_key;
  };

  // Nothing: the event is dropped. `event` has name, times and count 1.
  std::optional<Plan> correlate(core::v1::Event event, Wall now);
  // What the server made of it: later ones count that object up.
  void remember(const std::string& memory_key, const core::v1::Event& written);

 private:
  static constexpr std::size_t kMemory = 4096;

  struct Tokens {
    bool used = false;
    double left = 0;
    Wall at{};
  };
  struct Group {
    std::set<std::string> messages;
    Wall last{};
  };
  struct Seen {
    std::int32_t count = 0;
    std::string name;
    api::Time first;
  };

  bool take_token(const std::string& source, Wall now);

  RecentlyUsed<Tokens> tokens_{kMemory};
  RecentlyUsed<Group> groups_{kMemory};
  RecentlyUsed<Seen> seen_{kMemory};
};

}  // namespace keelson::client
