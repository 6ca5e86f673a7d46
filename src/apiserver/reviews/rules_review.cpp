// SPDX-License-Identifier: Apache-2.0
#include "apiserver/reviews/rules_review.h"

#include <boost/json/value_from.hpp>

#include "apiserver/context/document_metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

Task<Result<api::Document>> answer(std::shared_ptr<const RbacAuthorizer> rbac, User user, Wall now,
                                   api::Document review) {
  const std::string namespace_(api::string_at(review, {"spec", "namespace"}));
  if (namespace_.empty()) co_return fail(Status::bad_request("no namespace on request"));
  json::array resources;
  json::array paths;
  for (const auto& rule : rbac->rules_of(user, namespace_)) {
    if (!rule.nonResourceURLs.empty()) {
      paths.push_back(json::object{{"verbs", json::value_from(rule.verbs)},
                                   {"nonResourceURLs", json::value_from(rule.nonResourceURLs)}});
    }
    if (rule.resources.empty()) continue;
    json::object entry{{"verbs", json::value_from(rule.verbs)},
                       {"apiGroups", json::value_from(rule.apiGroups)},
                       {"resources", json::value_from(rule.resources)}};
    if (!rule.resourceNames.empty()) entry["resourceNames"] = json::value_from(rule.resourceNames);
    resources.push_back(std::move(entry));
  }
  // What the node authorizer allows cannot be told as rules.
  const bool incomplete = user.in_group("system:nodes");
  review.get_object()["status"] = json::object{{"resourceRules", std::move(resources)},
                                               {"nonResourceRules", std::move(paths)},
                                               {"incomplete", incomplete}};
  metadata_of(review)["creationTimestamp"] = time_text(now);
  co_return review;
}

}  // namespace

void add_rules_review(ResourceApi& api, std::shared_ptr<const RbacAuthorizer> rbac) {
  api.set_create_handler("selfsubjectrulesreviews.authorization.k8s.io", "",
                         [rbac = std::move(rbac)](CallContext& call, const api::Resource&,
                                                  const api::ObjectKey&, api::Document body) {
                           return answer(rbac, call.user, call.now, std::move(body));
                         });
}

}  // namespace keelson::apiserver
