// SPDX-License-Identifier: Apache-2.0
// An object of any kind as a tree: what requests, patches, admission and custom resources work on.
#pragma once

#include <boost/json/object.hpp>
#include <boost/json/value.hpp>
#include <initializer_list>
#include <string_view>

namespace keelson::api {

using Document = boost::json::value;

// The value at a path of member names; null if it, or anything on the way, is missing.
const Document* find_at(const Document& document, std::initializer_list<std::string_view> path);
Document* find_at(Document& document, std::initializer_list<std::string_view> path);

// The string at a path; "" if there is none.
std::string_view string_at(const Document& document, std::initializer_list<std::string_view> path);

// The object at a path. What is missing on the way, null or no object, becomes an empty object.
boost::json::object& object_at(Document& document, std::initializer_list<std::string_view> path);

}  // namespace keelson::api
