// SPDX-License-Identifier: Apache-2.0
#include "client/event_correlator.h"

#include <algorithm>

namespace keelson::client {
namespace {

using namespace std::chrono_literals;
using core::v1::Event;

constexpr double kBurst = 25;
constexpr double kRefillPerSecond = 1.0 / 300;
// More than this many texts of one kind within this time are folded into one event.
constexpr std::size_t kSimilarMax = 10;
constexpr Duration kSimilarWithin = 10min;

std::string source_of(const Event& event) {
  const auto& object = event.involvedObject;
  std::string key;
  for (const auto* part : {&event.source.component, &event.source.host, &object.kind,
                           &object.namespace_, &object.name, &object.uid, &object.apiVersion}) {
    key.append(*part).push_back('\0');
  }
  return key;
}

}  // namespace

bool EventCorrelator::take_token(const std::string& source, Wall now) {
  Tokens& tokens = tokens_[source];
  if (!tokens.used) {
    tokens = {true, kBurst, now};
  }
  const double passed = std::chrono::duration<double>(now - tokens.at).count();
  if (passed > 0) {
    tokens.left = std::min(kBurst, tokens.left + passed * kRefillPerSecond);
    tokens.at = now;
  }
  if (tokens.left < 1) return false;
  tokens.left -= 1;
  return true;
}

std::optional<EventCorrelator::Plan> EventCorrelator::correlate(Event event, Wall now) {
  const std::string source = source_of(event);
  std::string kind = source;
  for (const auto* part : {&event.involvedObject.fieldPath, &event.type, &event.reason}) {
    kind.append(*part).push_back('\0');
  }
  Group& group = groups_[kind];
  if (now - group.last > kSimilarWithin) group.messages.clear();
  group.last = now;
  group.messages.insert(event.message);
  std::string key = kind;
  if (group.messages.size() < kSimilarMax) {
    key += event.message;
  } else {
    // The newest text takes the place of any, so that the group stays bounded.
    group.messages.erase(group.messages.begin());
    event.message = "(combined from similar events): " + event.message;
  }

  Seen& seen = seen_[key];
  event.count = ++seen.count;
  // One that was counted but never written has no object to count up.
  const bool is_new = seen.name.empty();
  if (!is_new) {
    event.metadata.name = seen.name;
    event.firstTimestamp = seen.first;
  }
  if (!take_token(source, now)) return std::nullopt;
  return Plan{std::move(event), is_new, std::move(key)};
}

void EventCorrelator::remember(const std::string& memory_key, const Event& written) {
  Seen& seen = seen_[memory_key];
  seen.count = std::max(seen.count, written.count);
  seen.name = written.metadata.name;
  seen.first = written.firstTimestamp;
}

}  // namespace keelson::client
