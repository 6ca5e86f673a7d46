// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/node_runtime_class.h"

#include "api/names.h"
#include "api/validation/object_meta.h"

namespace keelson::apiserver {

api::FieldErrors RuntimeClassStrategy::validate(const api::Document& object) const {
  api::FieldErrors errors = Strategy::validate(object);
  const auto handler = api::string_at(object, {"handler"});
  errors.invalid_each("handler", handler, api::name_is_dns_label(handler, false));
  return errors;
}

api::FieldErrors RuntimeClassStrategy::validate_update(const api::Document& now,
                                                       const api::Document& before) const {
  return api::validate_immutable(std::string(api::string_at(now, {"handler"})),
                                 std::string(api::string_at(before, {"handler"})), "handler");
}

}  // namespace keelson::apiserver
