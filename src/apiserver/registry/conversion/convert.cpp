// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/conversion/convert.h"

#include "api/codec/json.h"

namespace keelson::apiserver {

// Resources are constants of the tables: none is a temporary.
// NOLINTBEGIN(bugprone-return-const-ref-from-parameter)
const api::Resource& stored_form(const api::Resource& resource) {
  if (resource.stored_as.empty()) return resource;
  for (const api::GroupVersion* version : api::builtin_group_versions()) {
    if (version->ref != resource.stored_as) continue;
    for (const api::Resource& candidate : version->resources) {
      if (candidate.plural == resource.plural) return candidate;
    }
  }
  return resource;
}
// NOLINTEND(bugprone-return-const-ref-from-parameter)

void convert(api::Document& document, const api::Resource& from, const api::Resource& to) {
  if (&from == &to || !document.is_object()) return;
  if (from.group == "events.k8s.io" && to.group.empty()) {
    event_to_core(document);
  } else if (from.group.empty() && to.group == "events.k8s.io") {
    event_from_core(document);
  } else if (from.plural == "horizontalpodautoscalers" && from.version != to.version) {
    if (to.version == "v2") {
      autoscaler_to_v2(document);
    } else {
      autoscaler_from_v2(document);
    }
  }
  auto& object = document.get_object();
  object["apiVersion"] = to.api_version();
  object["kind"] = to.kind;
}

Result<api::ObjectPtr> convert(api::ObjectPtr object, const api::Resource& from,
                               const api::Resource& to) {
  if (&from == &to || !object) return object;
  auto document = api::parse_json(object->json());
  if (!document) return fail(Status::internal(document.error().message()));
  convert(*document, from, to);
  if (to.type != nullptr) {
    if (auto done = api::normalize(*document, *to.type); !done) {
      return fail(Status::internal(done.error().message()));
    }
  }
  return api::Object::from_json(api::to_json(*document));
}

}  // namespace keelson::apiserver
