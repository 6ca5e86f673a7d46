// SPDX-License-Identifier: Apache-2.0
// One version of one API object: immutable, shared, held as its compact JSON bytes. GET, LIST and
// WATCH hand out these bytes; as<T>() decodes once per version and remembers it for everybody in
// the process.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "api/schema.h"
#include "base/result.h"

namespace keelson::api {

struct ObjectKey {
  std::string namespace_;  // Empty for cluster-scoped objects.
  std::string name;

  auto operator<=>(const ObjectKey&) const = default;
  // "namespace/name", or just the name.
  std::string text() const;
  static ObjectKey parse(std::string_view text);
};

class Object;
using ObjectPtr = std::shared_ptr<const Object>;

class Object {
 public:
  // `json` is one object with apiVersion, kind and metadata. Errors: BadRequest.
  static Result<ObjectPtr> from_json(std::string json);
  // As stored: without resourceVersion, which is spliced in as `revision`.
  static Result<ObjectPtr> from_stored(std::string_view value, std::int64_t revision);
  // The bytes that the store keeps: json() without metadata.resourceVersion.
  std::string stored() const;

  ~Object();
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  const std::string& json() const { return json_; }
  std::string_view api_version() const { return api_version_; }
  std::string_view kind() const { return kind_; }
  const ObjectKey& key() const { return key_; }
  const std::string& namespace_() const { return key_.namespace_; }
  const std::string& name() const { return key_.name; }
  const std::string& uid() const { return uid_; }
  // As on the wire; numeric and 0 when absent.
  std::int64_t resource_version() const { return resource_version_; }
  bool is_deleting() const { return deleting_; }  // metadata.deletionTimestamp is set.
  // Sorted by key.
  const std::vector<std::pair<std::string, std::string>>& labels() const { return labels_; }
  // Null if there is no such label.
  const std::string* find_label(std::string_view key) const;

  // The typed value, decoded when first asked for. The object must be of that kind (CHECKed) and,
  // as all stored ones are, well-formed: from a field on that does not decode, defaults are left.
  // Thread-safe.
  template <class T>
  const T& as() const {
    return *static_cast<const T*>(typed(type_of<T>()));
  }

 private:
  Object() = default;
  const void* typed(const Type& type) const;

  std::string json_;
  std::string api_version_, kind_;
  ObjectKey key_;
  std::string uid_;
  std::int64_t resource_version_ = 0;
  bool deleting_ = false;
  std::vector<std::pair<std::string, std::string>> labels_;

  struct Typed;
  mutable std::atomic<const Typed*> typed_{nullptr};
};

// The typed value as a pointer that keeps the object alive.
template <class T>
std::shared_ptr<const T> share(ObjectPtr object) {
  const T* typed = &object->as<T>();
  return std::shared_ptr<const T>(std::move(object), typed);
}

}  // namespace keelson::api
