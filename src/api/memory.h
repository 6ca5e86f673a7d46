// SPDX-License-Identifier: Apache-2.0
// What lets engines walk C++ lists, maps and pointers through tables. For generated code.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/box.h"
#include "api/schema.h"

namespace keelson::api {

template <class T>
inline constexpr ListMemory kListMemory = {
    .size = [](const void* list) { return static_cast<const std::vector<T>*>(list)->size(); },
    .append = [](void* list) -> void* {
      return &static_cast<std::vector<T>*>(list)->emplace_back();
    },
    .at = [](const void* list, std::size_t index) -> const void* {
      return &(*static_cast<const std::vector<T>*>(list))[index];
    },
    .clear = [](void* list) { static_cast<std::vector<T>*>(list)->clear(); },
};

template <class T>
using StringMap = std::map<std::string, T, std::less<>>;

template <class T>
inline constexpr MapMemory kMapMemory = {
    .size = [](const void* map) { return static_cast<const StringMap<T>*>(map)->size(); },
    .insert = [](void* map, std::string_view key) -> void* {
      // Keys mostly come in order, so the end is the best guess.
      auto& entries = *static_cast<StringMap<T>*>(map);
      return &(entries.insert_or_assign(entries.end(), std::string(key), T())->second);
    },
    .each =
        [](const void* map, void* context,
           void (*visit)(void* context, std::string_view key, const void* value)) {
          for (const auto& [key, value] : *static_cast<const StringMap<T>*>(map)) {
            visit(context, key, &value);
          }
        },
    .clear = [](void* map) { static_cast<StringMap<T>*>(map)->clear(); },
};

// `P` is std::optional<T> or Box<T>.
template <class P>
inline constexpr PointerMemory kPointerMemory = {
    .get = [](const void* pointer) -> const void* {
      const P& value = *static_cast<const P*>(pointer);
      return value ? &*value : nullptr;
    },
    .emplace = [](void* pointer) -> void* { return &static_cast<P*>(pointer)->emplace(); },
    .reset = [](void* pointer) { static_cast<P*>(pointer)->reset(); },
};

template <class T>
void construct(void* memory) {
  ::new (memory) T();
}
template <class T>
void destroy(void* memory) {
  static_cast<T*>(memory)->~T();
}

}  // namespace keelson::api
