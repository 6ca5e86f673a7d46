// SPDX-License-Identifier: Apache-2.0
#include "api/codec/protobuf_layout.h"

#include <algorithm>
#include <unordered_map>

#include "base/result.h"

namespace keelson::api {
namespace {

// The numbers that lead from a message to a field, outermost first.
std::vector<std::uint16_t> path_of(const Field& field) {
  std::vector<std::uint16_t> path;
  for (const std::uint16_t number : {field.outer, field.outer_nested, field.number}) {
    if (number != 0) path.push_back(number);
  }
  return path;
}

// Of the fields whose paths begin alike in their first `depth` numbers.
Layout make_layout(const std::vector<const Field*>& fields, std::size_t depth) {
  std::vector<std::pair<std::uint16_t, std::vector<const Field*>>> groups;
  for (const Field* field : fields) {
    const std::uint16_t number = path_of(*field)[depth];
    auto at = std::ranges::find(groups, number, [](const auto& group) { return group.first; });
    if (at == groups.end()) at = groups.insert(at, {number, {}});
    at->second.push_back(field);
  }
  std::ranges::sort(groups, {}, [](const auto& group) { return group.first; });

  Layout layout;
  for (const auto& [number, members] : groups) {
    if (path_of(*members.front()).size() == depth + 1) {
      layout.slots.push_back({.number = number, .field = members.front()});
    } else {
      layout.slots.push_back(
          {.number = number,
           .inlined = std::make_unique<const Layout>(make_layout(members, depth + 1))});
    }
  }
  return layout;
}

std::unordered_map<const Type*, Layout> make_layouts() {
  std::unordered_map<const Type*, Layout> layouts;
  for (const GroupVersion* group_version : builtin_group_versions()) {
    for (const Type* type : group_version->types) {
      std::vector<const Field*> fields;
      for (const Field& field : type->fields) {
        if (field.number != 0) fields.push_back(&field);
      }
      layouts.emplace(type, make_layout(fields, 0));
    }
  }
  return layouts;
}

}  // namespace

const Slot* Layout::find(std::uint64_t number) const {
  const auto at = std::ranges::lower_bound(slots, number, {}, &Slot::number);
  return at == slots.end() || at->number != number ? nullptr : &*at;
}

const Layout& layout_of(const Type& type) {
  static const auto layouts = make_layouts();
  const auto at = layouts.find(&type);
  CHECK(at != layouts.end());
  return at->second;
}

const Type* find_wire_type(std::string_view api_version, std::string_view kind) {
  // Part of every group and version, so that clients name whichever they are about.
  if (kind == "DeleteOptions") return find_type("meta/v1.DeleteOptions");
  // The oldest discovery documents name no version.
  return find_root_type(api_version.empty() ? "v1" : api_version, kind);
}

}  // namespace keelson::api
