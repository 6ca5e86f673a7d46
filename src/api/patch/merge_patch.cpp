// SPDX-License-Identifier: Apache-2.0
#include "api/patch/merge_patch.h"

#include <utility>

#include "api/patch/depth.h"

namespace keelson::api {
namespace {

// Removes members that are null, at every depth: they would have nothing to remove.
void drop_nulls(Document& value) {
  if (auto* object = value.if_object()) {
    for (auto member = object->begin(); member != object->end();) {
      if (member->value().is_null()) {
        member = object->erase(member);
      } else {
        drop_nulls(member->value());
        ++member;
      }
    }
  } else if (auto* array = value.if_array()) {
    for (Document& element : *array) drop_nulls(element);
  }
}

void merge(boost::json::object& target, boost::json::object& patch) {
  for (auto& member : patch) {
    Document& value = member.value();
    if (value.is_null()) {
      if (const auto found = target.find(member.key()); found != target.end()) {
        target.erase(found);
      }
      continue;
    }
    Document* current = target.if_contains(member.key());
    if (current && current->is_object() && value.is_object()) {
      merge(current->get_object(), value.get_object());
      continue;
    }
    drop_nulls(value);
    target.insert_or_assign(member.key(), std::move(value));
  }
}

}  // namespace

Result<Document> apply_merge_patch(Document document, Document patch) {
  if (!document.is_object()) return fail(Reason::BadRequest, "Invalid JSON Document");
  if (!patch.is_object()) return fail(Reason::BadRequest, "Invalid JSON Patch");
  if (!fits_depth(patch, 1)) return fail(Reason::BadRequest, "the patch is nested too deep");
  merge(document.get_object(), patch.get_object());
  return document;
}

}  // namespace keelson::api
