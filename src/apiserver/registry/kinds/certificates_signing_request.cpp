// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/certificates_signing_request.h"

namespace keelson::apiserver {

namespace json = boost::json;

void SigningRequestStrategy::prepare_for_create(api::Document& object,
                                                const CallContext& call) const {
  auto& spec = api::object_at(object, {"spec"});
  for (const std::string_view name : {"username", "uid", "groups", "extra"}) spec.erase(name);
  spec["username"] = call.user.name;
  if (!call.user.uid.empty()) spec["uid"] = call.user.uid;
  json::array groups;
  for (const auto& group : call.user.groups) groups.emplace_back(group);
  spec["groups"] = std::move(groups);
  json::object extra;
  for (const auto& [key, values] : call.user.extra) {
    json::array list;
    for (const auto& value : values) list.emplace_back(value);
    extra[key] = std::move(list);
  }
  if (!extra.empty()) spec["extra"] = std::move(extra);
}

bool SigningRequestStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                                const CallContext& call) const {
  // What was asked for cannot change: it is what gets signed.
  if (const auto* spec = api::find_at(before, {"spec"})) now.get_object()["spec"] = *spec;
  return Strategy::prepare_for_update(now, before, call);
}

}  // namespace keelson::apiserver
