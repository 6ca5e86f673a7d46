// SPDX-License-Identifier: Apache-2.0
#include "apiserver/cache/event.h"

namespace keelson::apiserver {

std::string_view watch_type_name(WatchType type) {
  switch (type) {
    case WatchType::Added:
      return "ADDED";
    case WatchType::Modified:
      return "MODIFIED";
    case WatchType::Deleted:
      return "DELETED";
    case WatchType::Bookmark:
      return "BOOKMARK";
  }
  return "";
}

std::string watch_frame(WatchType type, std::string_view object_json) {
  const std::string_view name = watch_type_name(type);
  std::string frame;
  frame.reserve(object_json.size() + name.size() + 24);
  frame.append("{\"type\":\"").append(name).append("\",\"object\":");
  return frame.append(object_json).append("}\n");
}

std::string bookmark_json(std::string_view api_version, std::string_view kind,
                          store::Revision revision, bool initial_events_end) {
  std::string json = "{\"kind\":\"";
  json.append(kind).append("\",\"apiVersion\":\"").append(api_version);
  json.append("\",\"metadata\":{\"resourceVersion\":\"").append(std::to_string(revision));
  json.append("\"");
  if (initial_events_end) json.append(",\"annotations\":{\"k8s.io/initial-events-end\":\"true\"}");
  return json.append("}}");
}

CacheEvent::CacheEvent(api::ObjectPtr object, api::ObjectPtr before, store::Revision revision)
    : object_(std::move(object)), before_(std::move(before)), revision_(revision) {}

api::ObjectPtr CacheEvent::departed() const {
  std::lock_guard lock(mutex_);
  if (!departed_) {
    auto made = api::Object::from_stored(before_->json(), revision_);
    CHECK(made.has_value());
    departed_ = *std::move(made);
  }
  return departed_;
}

const api::ObjectPtr& CacheEvent::seen_as(WatchType type) const {
  if (type != WatchType::Deleted) return object_;
  departed();
  return departed_;
}

std::shared_ptr<const std::string> CacheEvent::frame(WatchType type) const {
  const api::ObjectPtr& object = seen_as(type);
  std::lock_guard lock(mutex_);
  auto& frame = frames_[static_cast<std::size_t>(type)];
  if (!frame) frame = std::make_shared<const std::string>(watch_frame(type, object->json()));
  return frame;
}

}  // namespace keelson::apiserver
