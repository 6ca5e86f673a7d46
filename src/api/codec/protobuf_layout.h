// SPDX-License-Identifier: Apache-2.0
// The messages of a type as they nest on the wire, where what is inlined in JSON stands apart.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "api/schema.h"

namespace keelson::api {

// The wire types in use. Source: Protocol Buffers, "Encoding".
enum class Wire : std::uint8_t { Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5 };

struct Layout;

struct Slot {
  std::uint16_t number;
  const Field* field = nullptr;             // Null: an inlined message.
  std::unique_ptr<const Layout> inlined{};  // Null: a field.
};

struct Layout {
  std::vector<Slot> slots;  // By number.

  // Null if there is none.
  const Slot* find(std::uint64_t number) const;
};

// Of a type that is part of a built-in kind. Thread-safe; the tables are made on the first call.
const Layout& layout_of(const Type& type);

// The type of an object, by what its envelope says. Null if there is none.
const Type* find_wire_type(std::string_view api_version, std::string_view kind);

}  // namespace keelson::api
