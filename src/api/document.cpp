// SPDX-License-Identifier: Apache-2.0
#include "api/document.h"

namespace keelson::api {

const Document* find_at(const Document& document, std::initializer_list<std::string_view> path) {
  const Document* at = &document;
  for (const std::string_view name : path) {
    const auto* object = at->if_object();
    at = object ? object->if_contains(name) : nullptr;
    if (!at) return nullptr;
  }
  return at;
}

Document* find_at(Document& document, std::initializer_list<std::string_view> path) {
  return const_cast<Document*>(find_at(static_cast<const Document&>(document), path));
}

std::string_view string_at(const Document& document, std::initializer_list<std::string_view> path) {
  const Document* at = find_at(document, path);
  const auto* text = at ? at->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

boost::json::object& object_at(Document& document, std::initializer_list<std::string_view> path) {
  Document* at = &document;
  if (!at->is_object()) at->emplace_object();
  for (const std::string_view name : path) {
    at = &at->get_object()[name];
    if (!at->is_object()) at->emplace_object();
  }
  return at->get_object();
}

}  // namespace keelson::api
