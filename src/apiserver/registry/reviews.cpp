// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/reviews.h"

#include "apiserver/registry/metadata.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

std::string text_at(const api::Document& document, std::initializer_list<std::string_view> path) {
  return std::string(api::string_at(document, path));
}

std::vector<std::string> strings_of(const api::Document* list) {
  std::vector<std::string> out;
  if (list == nullptr || !list->is_array()) return out;
  for (const auto& item : list->get_array()) {
    if (item.is_string()) out.emplace_back(item.get_string());
  }
  return out;
}

User subject_of(const api::Document& review) {
  User user;
  user.name = text_at(review, {"spec", "user"});
  user.uid = text_at(review, {"spec", "uid"});
  user.groups = strings_of(api::find_at(review, {"spec", "groups"}));
  if (const auto* extra = api::find_at(review, {"spec", "extra"}); extra && extra->is_object()) {
    for (const auto& [key, values] : extra->get_object()) user.extra[key] = strings_of(&values);
  }
  return user;
}

RequestInfo asked_of(const api::Document& review) {
  RequestInfo info;
  if (api::find_at(review, {"spec", "resourceAttributes"}) != nullptr) {
    const auto attribute = [&](std::string_view name) {
      return text_at(review, {"spec", "resourceAttributes", name});
    };
    info.is_resource = true;
    info.verb = attribute("verb");
    info.group = attribute("group");
    info.version = attribute("version");
    info.resource = attribute("resource");
    info.subresource = attribute("subresource");
    info.namespace_ = attribute("namespace");
    info.name = attribute("name");
  } else {
    info.verb = text_at(review, {"spec", "nonResourceAttributes", "verb"});
    info.path = text_at(review, {"spec", "nonResourceAttributes", "path"});
  }
  return info;
}

Result<void> validate_review(const api::Document& review, bool needs_subject) {
  api::FieldErrors errors;
  const bool resource = api::find_at(review, {"spec", "resourceAttributes"}) != nullptr;
  const bool path = api::find_at(review, {"spec", "nonResourceAttributes"}) != nullptr;
  if (resource && path) {
    errors.invalid("spec.nonResourceAttributes",
                   *api::find_at(review, {"spec", "nonResourceAttributes"}),
                   "cannot be specified in combination with resourceAttributes");
  } else if (!resource && !path) {
    errors.invalid("spec.resourceAttributes", nullptr,
                   "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  if (needs_subject && api::string_at(review, {"spec", "user"}).empty() &&
      api::find_at(review, {"spec", "groups"}) == nullptr) {
    errors.invalid("spec.user", "", "at least one of user or group must be specified");
  }
  if (errors.empty()) return {};
  return fail(errors.status("authorization.k8s.io", text_at(review, {"kind"}), ""));
}

// Answers an access review about `user`.
Result<api::Document> decide(const Authorizer& authorizer, const User& user, api::Document review) {
  const Decision decision = authorizer.authorize(user, asked_of(review));
  json::object status{{"allowed", decision.allowed}};
  if (!decision.reason.empty()) status["reason"] = decision.reason;
  review.get_object()["status"] = std::move(status);
  return review;
}

json::object user_info(const User& user) {
  json::object out{{"username", user.name}};
  if (!user.uid.empty()) out["uid"] = user.uid;
  json::array groups;
  for (const auto& group : user.groups) groups.emplace_back(group);
  out["groups"] = std::move(groups);
  if (!user.extra.empty()) {
    json::object extra;
    for (const auto& [key, values] : user.extra) {
      json::array list;
      for (const auto& value : values) list.emplace_back(value);
      extra[key] = std::move(list);
    }
    out["extra"] = std::move(extra);
  }
  return out;
}

Task<Result<api::Document>> review_token(Authenticator& authenticator, api::Document review) {
  const std::string token = text_at(review, {"spec", "token"});
  if (token.empty()) {
    co_return fail(Status::bad_request("token is required for TokenReview in authentication"));
  }
  const net::Headers headers{{"Authorization", "Bearer " + token}};
  const auto user = co_await authenticator.authenticate(headers, net::Peer{});
  json::object status;
  if (user && *user) {
    status["authenticated"] = true;
    status["user"] = user_info(**user);
    if (const auto* audiences = api::find_at(review, {"spec", "audiences"})) {
      status["audiences"] = *audiences;
    }
  } else {
    status["error"] = "the token is not valid";
  }
  review.get_object()["status"] = std::move(status);
  // The answer does not carry the secret back.
  api::object_at(review, {"spec"}).erase("token");
  co_return review;
}

}  // namespace

void add_review_handlers(ResourceApi& api, const Authorizer& authorizer,
                         Authenticator& authenticator) {
  const auto subject_review = [&authorizer](CallContext&, const api::Resource&, api::ObjectKey key,
                                            api::Document review) -> Task<Result<api::Document>> {
    return [](const Authorizer& decider, std::string namespace_,
              api::Document asked) -> Task<Result<api::Document>> {
      CO_TRY_OK(validate_review(asked, true));
      if (!namespace_.empty() &&
          api::string_at(asked, {"spec", "resourceAttributes", "namespace"}) != namespace_) {
        api::FieldErrors errors;
        errors.invalid("spec.resourceAttributes.namespace",
                       api::string_at(asked, {"spec", "resourceAttributes", "namespace"}),
                       "must match metadata.namespace");
        co_return fail(errors.status("authorization.k8s.io", "LocalSubjectAccessReview", ""));
      }
      const User user = subject_of(asked);
      co_return decide(decider, user, std::move(asked));
    }(authorizer, std::move(key.namespace_), std::move(review));
  };
  api.set_create_handler("subjectaccessreviews.authorization.k8s.io", "", subject_review);
  api.set_create_handler("localsubjectaccessreviews.authorization.k8s.io", "", subject_review);
  api.set_create_handler(
      "selfsubjectaccessreviews.authorization.k8s.io", "",
      [&authorizer](CallContext& call, const api::Resource&, const api::ObjectKey&,
                    api::Document review) -> Task<Result<api::Document>> {
        return [](const Authorizer& decider, User user,
                  api::Document asked) -> Task<Result<api::Document>> {
          CO_TRY_OK(validate_review(asked, false));
          co_return decide(decider, user, std::move(asked));
        }(authorizer, call.user, std::move(review));
      });
  api.set_create_handler("selfsubjectreviews.authentication.k8s.io", "",
                         [](CallContext& call, const api::Resource&, api::ObjectKey,
                            api::Document review) -> Task<Result<api::Document>> {
                           review.get_object()["status"] =
                               json::object{{"userInfo", user_info(call.user)}};
                           metadata_of(review)["creationTimestamp"] = time_text(call.now);
                           co_return review;
                         });
  api.set_create_handler("tokenreviews.authentication.k8s.io", "",
                         [&authenticator](CallContext&, const api::Resource&, const api::ObjectKey&,
                                          api::Document review) {
                           return review_token(authenticator, std::move(review));
                         });
}

}  // namespace keelson::apiserver
