// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_service_account.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

void keep_names_of_secrets(api::Document& account) {
  auto* secrets = api::find_at(account, {"secrets"});
  if (secrets == nullptr || !secrets->is_array()) return;
  for (auto& secret : secrets->get_array()) {
    const std::string name(api::string_at(secret, {"name"}));
    secret = name.empty() ? json::object() : json::object{{"name", name}};
  }
}

}  // namespace

void ServiceAccountStrategy::prepare_for_create(api::Document& object, const CallContext&) const {
  keep_names_of_secrets(object);
}

bool ServiceAccountStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                                const CallContext& call) const {
  keep_names_of_secrets(now);
  return Strategy::prepare_for_update(now, before, call);
}

}  // namespace keelson::apiserver
