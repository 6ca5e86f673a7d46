// SPDX-License-Identifier: Apache-2.0
// JSON text put together from JSON text, without parsing the objects inside.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "apiserver/registry/registry.h"
#include "net/http.h"

namespace keelson::apiserver {

// Indented by four spaces, as Go's MarshalIndent in upstream's serializer.
std::string pretty_json(std::string_view json);

// A text in pieces that others may share.
using SharedText = std::vector<std::shared_ptr<const std::string>>;

// A list of the resource's kind; its items are the objects' own bytes.
SharedText list_text(const api::Resource& resource, const ListResult& list);
std::size_t size_of(const SharedText& text);
std::string joined(const SharedText& text);

// The value of the object's member `metadata`; "{}" if it has none.
std::string_view metadata_text(const api::Object& object);

std::string partial_json(const api::Object& object, std::string_view version);
std::string partial_list_json(const ListResult& list, std::string_view version);

// How much of each object comes with a table row.
enum class RowObject : std::uint8_t { None, Metadata, Object };
// By the query's includeObject.
RowObject row_object(const net::Target& target);
// `continue_` and so on are taken from `list`.
std::string table_json(const api::Resource& resource, const ListResult& list, RowObject include,
                       Wall now, std::string_view version);

}  // namespace keelson::apiserver
