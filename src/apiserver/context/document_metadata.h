// SPDX-License-Identifier: Apache-2.0
// Reading and writing the metadata of a document of any kind.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "api/document.h"
#include "base/executor.h"

namespace keelson::apiserver {

// The metadata of a document; made if it has none.
boost::json::object& metadata_of(api::Document& document);
std::vector<std::string> finalizers_of(const api::Document& document);
void set_finalizers(api::Document& document, const std::vector<std::string>& finalizers);
// metadata.deletionTimestamp is set.
bool is_deleting(const api::Document& document);

// Text form of a time as the API writes it.
std::string time_text(Wall time);
// 0 where it is absent.
std::int64_t int_at(const api::Document& document, std::initializer_list<std::string_view> path);

}  // namespace keelson::apiserver
