// SPDX-License-Identifier: Apache-2.0
// One change of one object, shared by all who watch it; and its form on the wire, made once.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "api/object.h"
#include "store/store.h"

namespace keelson::apiserver {

// What a watcher is told. Also the wire name, in upper case.
enum class WatchType : std::uint8_t { Added, Modified, Deleted, Bookmark };
std::string_view watch_type_name(WatchType type);

// {"type":"ADDED","object":...} and a line feed.
std::string watch_frame(WatchType type, std::string_view object_json);
// The frame of a bookmark: an object of the kind with nothing but a resource version.
std::string bookmark_json(std::string_view api_version, std::string_view kind,
                          store::Revision revision, bool initial_events_end);

// Immutable but for what is worked out when first asked for. Thread-safe.
class CacheEvent {
 public:
  // `object`: the new state; null for a deletion. `before`: null for a creation.
  CacheEvent(api::ObjectPtr object, api::ObjectPtr before, store::Revision revision);

  store::Revision revision() const { return revision_; }
  const api::ObjectPtr& object() const { return object_; }
  const api::ObjectPtr& before() const { return before_; }
  // The last state with the revision of this event: what watchers get who lose sight of the object.
  api::ObjectPtr departed() const;
  // What is sent for `type`, in the version in which the object is stored.
  const api::ObjectPtr& seen_as(WatchType type) const;
  std::shared_ptr<const std::string> frame(WatchType type) const;

 private:
  const api::ObjectPtr object_, before_;
  const store::Revision revision_;
  mutable std::mutex mutex_;
  mutable api::ObjectPtr departed_;
  mutable std::shared_ptr<const std::string> frames_[3];
};

using CacheEventPtr = std::shared_ptr<const CacheEvent>;

}  // namespace keelson::apiserver
