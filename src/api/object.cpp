// SPDX-License-Identifier: Apache-2.0
#include "api/object.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <new>
#include <tuple>

#include "api/codec/json.h"
#include "api/codec/json_reader.h"

namespace keelson::api {
namespace {

// Where things stand in the text, for splicing.
struct Places {
  std::size_t metadata_begin = 0;  // Behind the brace; 0: there is no metadata.
  bool metadata_empty = true;
  std::size_t uid_end = 0;        // Behind the value of metadata.uid; 0: there is none.
  std::size_t version_begin = 0;  // First quote of the name; 0: there is none.
  std::size_t version_end = 0;    // Behind the value.
};

std::int64_t number(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc() && end == text.data() + text.size() ? value : 0;
}

}  // namespace

struct Object::Typed {
  const Type* type;
  void* value;
};

struct ObjectScan {
  std::string api_version, kind, namespace_, name, uid, resource_version;
  bool deleting = false;
  std::vector<std::pair<std::string, std::string>> labels;
  Places places;

  bool run(std::string_view json) {
    JsonReader reader(json, kJsonDepthMax);
    bool first = true;
    if (!reader.read_object()) return false;
    for (std::string_view member; reader.next_member(first, member);) {
      if (member == "apiVersion") {
        api_version = reader.read_string();
      } else if (member == "kind") {
        kind = reader.read_string();
      } else if (member == "metadata" && !reader.skip_null()) {
        metadata(reader, json);
      } else if (member != "metadata") {
        reader.skip_value();
      }
    }
    reader.finish();
    return !reader.failed();
  }

 private:
  void metadata(JsonReader& reader, std::string_view json) {
    if (!reader.read_object()) return;
    places.metadata_begin = reader.position();
    std::size_t before = reader.position();
    bool first = true;
    for (std::string_view member; reader.next_member(first, member); before = reader.position()) {
      places.metadata_empty = false;
      if (reader.skip_null()) continue;
      if (member == "name") {
        name = reader.read_string();
      } else if (member == "namespace") {
        namespace_ = reader.read_string();
      } else if (member == "uid") {
        uid = reader.read_string();
        places.uid_end = reader.position();
      } else if (member == "resourceVersion") {
        places.version_begin = json.find('"', before);
        resource_version = reader.read_string();
        places.version_end = reader.position();
      } else if (member == "deletionTimestamp") {
        deleting = true;
        reader.skip_value();
      } else if (member == "labels") {
        read_labels(reader);
      } else {
        reader.skip_value();
      }
    }
  }

  void read_labels(JsonReader& reader) {
    if (!reader.read_object()) return;
    labels.clear();
    bool first = true;
    for (std::string_view key; reader.next_member(first, key);) {
      auto& label = labels.emplace_back(std::string(key), std::string());
      if (!reader.skip_null()) label.second = reader.read_string();
    }
    std::sort(labels.begin(), labels.end());
    labels.shrink_to_fit();
  }
};

std::string ObjectKey::text() const {
  if (namespace_.empty()) return name;
  std::string out;
  out.reserve(namespace_.size() + 1 + name.size());
  return out.append(namespace_).append("/").append(name);
}

ObjectKey ObjectKey::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return {{}, std::string(text)};
  return {std::string(text.substr(0, slash)), std::string(text.substr(slash + 1))};
}

Result<ObjectPtr> Object::from_json(std::string json) {
  ObjectScan scan;
  if (!scan.run(json)) return fail(Status::bad_request("the object is not well-formed JSON"));
  std::shared_ptr<Object> object(new Object());
  json.shrink_to_fit();
  object->json_ = std::move(json);
  object->api_version_ = std::move(scan.api_version);
  object->kind_ = std::move(scan.kind);
  object->key_ = {std::move(scan.namespace_), std::move(scan.name)};
  object->uid_ = std::move(scan.uid);
  object->resource_version_ = number(scan.resource_version);
  object->deleting_ = scan.deleting;
  object->labels_ = std::move(scan.labels);
  return object;
}

Result<ObjectPtr> Object::from_stored(std::string_view value, std::int64_t revision) {
  ObjectScan scan;
  if (!scan.run(value)) return fail(Status::internal("a stored object is not well-formed JSON"));
  const Places& places = scan.places;
  if (places.metadata_begin == 0) return fail(Status::internal("a stored object has no metadata"));
  const std::string digits = std::to_string(revision);
  std::string json;
  json.reserve(value.size() + digits.size() + 22);
  if (places.version_begin != 0) {
    json.append(value.substr(0, places.version_begin));
    json.append("\"resourceVersion\":\"").append(digits).append("\"");
    json.append(value.substr(places.version_end));
  } else if (places.uid_end != 0) {
    json.append(value.substr(0, places.uid_end));
    json.append(",\"resourceVersion\":\"").append(digits).append("\"");
    json.append(value.substr(places.uid_end));
  } else {
    json.append(value.substr(0, places.metadata_begin));
    json.append("\"resourceVersion\":\"").append(digits).append("\"");
    if (!places.metadata_empty) json.push_back(',');
    json.append(value.substr(places.metadata_begin));
  }
  std::shared_ptr<Object> object(new Object());
  object->json_ = std::move(json);
  object->api_version_ = std::move(scan.api_version);
  object->kind_ = std::move(scan.kind);
  object->key_ = {std::move(scan.namespace_), std::move(scan.name)};
  object->uid_ = std::move(scan.uid);
  object->resource_version_ = revision;
  object->deleting_ = scan.deleting;
  object->labels_ = std::move(scan.labels);
  return object;
}

std::string Object::stored() const {
  ObjectScan scan;
  CHECK(scan.run(json_));
  const Places& places = scan.places;
  if (places.version_begin == 0) return json_;
  std::size_t begin = places.version_begin;
  std::size_t end = places.version_end;
  // One of the commas around it goes along.
  const std::size_t next = json_.find_first_not_of(" \t\r\n", end);
  if (next != std::string::npos && json_[next] == ',') {
    end = next + 1;
  } else {
    const std::size_t previous = json_.find_last_not_of(" \t\r\n", begin - 1);
    if (previous != std::string::npos && json_[previous] == ',') begin = previous;
  }
  std::string out = json_.substr(0, begin);
  return out.append(json_, end);
}

const std::string* Object::find_label(std::string_view key) const {
  const auto found = std::lower_bound(
      labels_.begin(), labels_.end(), key,
      [](const auto& label, std::string_view wanted) { return label.first < wanted; });
  return found != labels_.end() && found->first == key ? &found->second : nullptr;
}

namespace {

void release(const Type& type, void* value) {
  type.destroy(value);
  ::operator delete(value);
}

}  // namespace

Object::~Object() {
  if (const Typed* typed = typed_.load(std::memory_order_acquire)) {
    release(*typed->type, typed->value);
    delete typed;
  }
}

const void* Object::typed(const Type& type) const {
  if (const Typed* known = typed_.load(std::memory_order_acquire)) {
    CHECK(known->type == &type);
    return known->value;
  }
  CHECK(kind_.empty() || type.name == kind_);
  void* value = ::operator new(type.size);
  type.construct(value);
  // What is stored was checked; of something else its beginning is better than nothing.
  std::ignore = decode_json(type, json_, value);
  const Typed* made = new Typed{&type, value};
  const Typed* expected = nullptr;
  if (typed_.compare_exchange_strong(expected, made, std::memory_order_acq_rel)) return value;
  // Another thread was faster; everybody must see the same value.
  release(type, value);
  delete made;
  return expected->value;
}

}  // namespace keelson::api
