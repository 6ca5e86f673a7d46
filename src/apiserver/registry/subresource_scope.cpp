// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/subresource_scope.h"

namespace keelson::apiserver {
namespace {

void copy_at(api::Document& to, const api::Document& from, std::string_view section,
             std::string_view name) {
  if (const auto* value = api::find_at(from, {section, name})) {
    api::object_at(to, {section})[name] = *value;
  } else {
    api::object_at(to, {section}).erase(name);
  }
}

// The resources of containers that were there before; containers cannot be added or renamed.
void copy_resources(api::Document& to, const api::Document& from, std::string_view list) {
  auto* containers = api::find_at(to, {"spec", list});
  const auto* wanted = api::find_at(from, {"spec", list});
  if (containers == nullptr || wanted == nullptr || !containers->is_array() ||
      !wanted->is_array()) {
    return;
  }
  for (auto& container : containers->get_array()) {
    for (const auto& other : wanted->get_array()) {
      if (api::string_at(container, {"name"}) != api::string_at(other, {"name"})) continue;
      for (const std::string_view name : {"resources", "resizePolicy"}) {
        if (const auto* value = api::find_at(other, {name})) {
          container.get_object()[name] = *value;
        }
      }
    }
  }
}

}  // namespace

void keep_outside_scope(api::Document& now, const api::Document& before,
                        std::string_view subresource) {
  api::Document next = before;
  if (const auto* version = api::find_at(now, {"metadata", "resourceVersion"})) {
    api::object_at(next, {"metadata"})["resourceVersion"] = *version;
  }
  if (subresource == "ephemeralcontainers") {
    copy_at(next, now, "spec", "ephemeralContainers");
  } else if (subresource == "resize") {
    copy_resources(next, now, "containers");
    copy_resources(next, now, "initContainers");
  } else if (subresource == "finalize") {
    copy_at(next, now, "spec", "finalizers");
  } else if (subresource == "approval") {
    copy_at(next, now, "status", "conditions");
  }
  now = std::move(next);
}

}  // namespace keelson::apiserver
