// SPDX-License-Identifier: Apache-2.0
// JSON text put together from JSON text, without parsing the objects inside.
#pragma once

#include <string>
#include <string_view>

#include "apiserver/registry/registry.h"

namespace keelson::apiserver {

// Indented by four spaces, as Go's MarshalIndent in upstream's serializer.
std::string pretty_json(std::string_view json);

// A list of the resource's kind.
std::string list_json(const api::Resource& resource, const ListResult& list);

// The value of the object's member `metadata`; "{}" if it has none.
std::string_view metadata_text(const api::Object& object);

std::string partial_json(const api::Object& object, std::string_view version);
std::string partial_list_json(const ListResult& list, std::string_view version);

// How much of each object comes with a table row.
enum class RowObject : std::uint8_t { None, Metadata, Object };
// `continue_` and so on are taken from `list`.
std::string table_json(const api::Resource& resource, const ListResult& list, RowObject include,
                       Wall now, std::string_view version);

}  // namespace keelson::apiserver
