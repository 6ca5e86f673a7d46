// SPDX-License-Identifier: Apache-2.0
#include "apiserver/context/document_metadata.h"

#include "api/time.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

const json::value* find_metadata(const api::Document& document, std::string_view name) {
  return api::find_at(document, {"metadata", name});
}

std::string_view text_of(const json::value& value) {
  const auto* text = value.if_string();
  return text ? std::string_view(*text) : std::string_view();
}

}  // namespace

json::object& metadata_of(api::Document& document) {
  return api::object_at(document, {"metadata"});
}

std::vector<std::string> finalizers_of(const api::Document& document) {
  std::vector<std::string> out;
  const auto* list = find_metadata(document, "finalizers");
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& item : list->get_array()) out.emplace_back(text_of(item));
  return out;
}

void set_finalizers(api::Document& document, const std::vector<std::string>& finalizers) {
  auto& metadata = metadata_of(document);
  if (finalizers.empty()) {
    metadata.erase("finalizers");
    return;
  }
  json::array list;
  for (const auto& name : finalizers) list.emplace_back(name);
  metadata["finalizers"] = std::move(list);
}

bool is_deleting(const api::Document& document) {
  const auto* time = find_metadata(document, "deletionTimestamp");
  return time != nullptr && time->is_string();
}

std::string time_text(Wall time) { return api::Time(time).text(); }

std::int64_t int_at(const api::Document& document, std::initializer_list<std::string_view> path) {
  const api::Document* value = api::find_at(document, path);
  if (value == nullptr) return 0;
  if (const auto* number = value->if_int64()) return *number;
  if (const auto* number = value->if_uint64()) return static_cast<std::int64_t>(*number);
  return 0;
}

}  // namespace keelson::apiserver
