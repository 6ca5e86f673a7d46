// SPDX-License-Identifier: Apache-2.0
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {

bool is_request_for(const AdmissionRequest& request, std::string_view group,
                    std::string_view plural) {
  return request.resource.group == group && request.resource.plural == plural &&
         request.call.info.subresource.empty();
}

Status admission_forbidden(const AdmissionRequest& request, std::string_view why) {
  std::string name = request.key.name;
  if (name.empty() && request.object != nullptr) {
    name = api::string_at(*request.object, {"metadata", "generateName"});
  }
  return Status::forbidden(request.resource.group, request.resource.plural, name, why);
}

Task<Result<api::ObjectPtr>> find_admission_object(CacheSet& caches, const api::Resource& resource,
                                                   api::ObjectKey key) {
  const auto cache = caches.find(resource);
  CHECK(cache != nullptr);
  auto object = cache->find(key);
  if (object) co_return object;
  CO_TRY_OK(co_await caches.wait_consistent());
  co_return cache->find(key);
}

boost::json::array& array_at(api::Document& document, std::initializer_list<std::string_view> path,
                             std::string_view name) {
  auto& value = api::object_at(document, path)[name];
  if (!value.is_array()) value = boost::json::array();
  return value.get_array();
}

}  // namespace keelson::apiserver
