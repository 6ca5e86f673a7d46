// SPDX-License-Identifier: Apache-2.0
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {

bool is_left_out(const object& value, std::string_view name, When when) {
  const Document* member = value.if_contains(name);
  if (!member || member->is_null()) return true;
  switch (when) {
    case When::Nil:
      return false;
    case When::Zero:
      return member->is_number() && member->to_number<double>() == 0;
    case When::Empty:
      if (const auto* text = member->if_string()) return text->empty();
      if (const auto* list = member->if_array()) return list->empty();
      if (const auto* map = member->if_object()) return map->empty();
      return false;
  }
  return false;
}

void fill(object& value, std::string_view name, When when, Document with) {
  if (is_left_out(value, name, when)) value.insert_or_assign(name, std::move(with));
}

std::string_view text_of(const object& value, std::string_view name) {
  const Document* member = value.if_contains(name);
  const auto* text = member ? member->if_string() : nullptr;
  return text ? std::string_view(*text) : std::string_view();
}

object* find_object(object& value, std::string_view name) {
  Document* member = value.if_contains(name);
  return member ? member->if_object() : nullptr;
}

array* find_list(object& value, std::string_view name) {
  Document* member = value.if_contains(name);
  return member ? member->if_array() : nullptr;
}

object* make_object(object& value, std::string_view name) {
  fill(value, name, When::Nil, object());
  return find_object(value, name);
}

}  // namespace keelson::api::defaulting
