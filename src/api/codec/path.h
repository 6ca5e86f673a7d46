// SPDX-License-Identifier: Apache-2.0
// Where in a document a coder is. A chain on the stack, so that it costs nothing until it is shown.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace keelson::api {

struct Path {
  const Path* parent = nullptr;  // Null: right under the root.
  std::string_view name;         // Of a member; empty in an element of a list.
  std::size_t index = 0;         // Of an element.
  bool is_element = name.data() == nullptr;
  // What Go's error messages need: the struct type whose field this is; null of map entries.
  std::string_view struct_name = {};

  // "spec.containers[0].image"
  std::string text() const {
    std::string out = parent ? parent->text() : std::string();
    if (is_element) return out.append("[").append(std::to_string(index)).append("]");
    if (parent) out += '.';
    return out.append(name);
  }

  // "spec.containers.image": Go names only the fields of structs.
  std::string go_text() const {
    std::string out = parent ? parent->go_text() : std::string();
    if (struct_name.empty()) return out;
    if (!out.empty()) out += '.';
    return out.append(name);
  }
};

}  // namespace keelson::api
