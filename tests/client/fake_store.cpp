// SPDX-License-Identifier: Apache-2.0
#include <boost/json.hpp>

#include "client/fake_api.h"

namespace keelson::client {

ObjectPtr FakeStore::find(const Resource& resource, const ObjectKey& key) const {
  const auto found = objects_.find(Key{resource.group_resource(), key});
  return found == objects_.end() ? nullptr : found->second;
}

std::vector<ObjectPtr> FakeStore::list(const Resource& resource,
                                       std::string_view of_namespace) const {
  const std::string name = resource.group_resource();
  std::vector<ObjectPtr> found;
  auto it = objects_.lower_bound(Key{name, {std::string(of_namespace), {}}});
  for (; it != objects_.end() && it->first.first == name; ++it) {
    if (!of_namespace.empty() && it->first.second.namespace_ != of_namespace) break;
    found.push_back(it->second);
  }
  return found;
}

ObjectPtr FakeStore::put(const Resource& resource, const ObjectKey& key, boost::json::value* now) {
  Key at{resource.group_resource(), key};
  ObjectPtr before = find(resource, key), object;
  ++revision_;
  if (now) {
    now->at("metadata").as_object()["resourceVersion"] = std::to_string(revision_);
    auto made = api::Object::from_json(boost::json::serialize(*now));
    CHECK(made.has_value());
    object = *std::move(made);
    objects_[std::move(at)] = object;
  } else {
    // What watchers are told last carries the revision of the deletion.
    auto document = boost::json::parse(before->json());
    document.at("metadata").as_object()["resourceVersion"] = std::to_string(revision_);
    before = *api::Object::from_json(boost::json::serialize(document));
    objects_.erase(at);
  }
  history_.push_back({revision_, &resource, std::move(before), object});
  changed_.set();
  return object ? object : history_.back().before;
}

const FakeStore::Change* FakeStore::next_change(std::int64_t revision) const {
  // Revisions follow one another without a gap.
  if (history_.empty() || revision >= revision_) return nullptr;
  const auto skip = revision + 1 - history_.front().revision;
  CHECK(skip >= 0);
  return &history_[static_cast<std::size_t>(skip)];
}

void FakeStore::compact() {
  history_.clear();
  compacted_ = revision_;
}

}  // namespace keelson::client
