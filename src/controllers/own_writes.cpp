// SPDX-License-Identifier: Apache-2.0
#include "controllers/own_writes.h"

#include <charconv>

namespace keelson::controllers {
namespace {

constexpr Duration kGiveUp = std::chrono::seconds(30);

std::int64_t version_of(const meta::v1::ObjectMeta& metadata) {
  const std::string& text = metadata.resourceVersion;
  std::int64_t version = 0;
  std::from_chars(text.data(), text.data() + text.size(), version);
  return version;
}

}  // namespace

void OwnWrites::note(const meta::v1::ObjectMeta& written) {
  entries_[written.uid] = {.version = version_of(written), .since = executor_.monotonic()};
}

void OwnWrites::forget(const std::string& uid) { entries_.erase(uid); }

Duration OwnWrites::behind(const meta::v1::ObjectMeta& copy) {
  const auto found = entries_.find(copy.uid);
  if (found == entries_.end()) return Duration::zero();
  const Duration left = found->second.since + kGiveUp - executor_.monotonic();
  if (version_of(copy) < found->second.version && left > Duration::zero()) return left;
  entries_.erase(found);
  return Duration::zero();
}

}  // namespace keelson::controllers
