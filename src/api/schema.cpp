// SPDX-License-Identifier: Apache-2.0
#include "api/schema.h"

#include <algorithm>
#include <unordered_map>

namespace keelson::api {

namespace {

// Looks things up by two or three names joined by a character that no name contains.
std::string join(std::string_view a, std::string_view b, std::string_view c = {}) {
  std::string key;
  key.reserve(a.size() + b.size() + c.size() + 2);
  key.append(a).append(1, '\n').append(b);
  if (!c.empty()) key.append(1, '\n').append(c);
  return key;
}

struct Index {
  std::unordered_map<std::string, const Resource*> by_plural, by_kind;
  std::unordered_map<std::string, const Type*> types, root_types;

  Index() {
    for (const GroupVersion* group_version : builtin_group_versions()) {
      for (const Resource& resource : group_version->resources) {
        by_plural.emplace(join(resource.group, resource.version, resource.plural), &resource);
        by_kind.emplace(join(resource.group, resource.version, resource.kind), &resource);
      }
      for (const Type* type : group_version->types) {
        types.emplace(std::string(type->package) + "." + std::string(type->name), type);
        if (type->root) root_types.emplace(join(type->api_version, type->name), type);
      }
    }
  }

  static const Index& get() {
    static const Index index;
    return index;
  }
};

template <class T>
T* find_in(const std::unordered_map<std::string, T*>& map, const std::string& key) {
  const auto at = map.find(key);
  return at == map.end() ? nullptr : at->second;
}

}  // namespace

const Field* Type::find(std::string_view json_name) const {
  if (by_name.empty()) {
    const auto at = std::ranges::find(fields, json_name, &Field::json);
    return at == fields.end() ? nullptr : &*at;
  }
  const auto name_of = [this](std::uint16_t index) { return fields[index].json; };
  const auto at = std::ranges::lower_bound(by_name, json_name, {}, name_of);
  if (at == by_name.end() || name_of(*at) != json_name) return nullptr;
  return &fields[*at];
}

bool Resource::has_verb(std::string_view verb) const {
  return std::ranges::find(verbs, verb) != verbs.end();
}

const Subresource* Resource::find_subresource(std::string_view name) const {
  const auto at = std::ranges::find(subresources, name, &Subresource::name);
  return at == subresources.end() ? nullptr : &*at;
}

std::string Resource::api_version() const {
  if (group.empty()) return std::string(version);
  return std::string(group) + "/" + std::string(version);
}

std::string Resource::group_resource() const {
  if (group.empty()) return std::string(plural);
  return std::string(plural) + "." + std::string(group);
}

const Resource* find_builtin(std::string_view group, std::string_view version,
                             std::string_view plural) {
  return find_in(Index::get().by_plural, join(group, version, plural));
}

const Resource* find_builtin_kind(std::string_view group, std::string_view version,
                                  std::string_view kind) {
  return find_in(Index::get().by_kind, join(group, version, kind));
}

const Type* find_type(std::string_view reference) {
  return find_in(Index::get().types, std::string(reference));
}

const Type* find_root_type(std::string_view api_version, std::string_view kind) {
  return find_in(Index::get().root_types, join(api_version, kind));
}

}  // namespace keelson::api
