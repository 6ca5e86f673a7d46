// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/reviews.h"

#include <boost/json/value_from.hpp>

#include "api/authentication/v1.h"
#include "api/authorization/v1.h"
#include "api/codec/json.h"
#include "apiserver/registry/metadata.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using authentication::v1::TokenReviewSpec;
using authorization::v1::SubjectAccessReviewSpec;

// The spec of any access review: what others have is a part of a SubjectAccessReview's.
template <class Spec>
Result<Spec> spec_of(const api::Document& review) {
  const api::Document* spec = api::find_at(review, {"spec"});
  if (spec == nullptr) return Spec{};
  return api::decode<Spec>(*spec);
}

User subject_of(SubjectAccessReviewSpec spec) {
  User user;
  user.name = std::move(spec.user);
  user.uid = std::move(spec.uid);
  user.groups = std::move(spec.groups);
  for (auto& [key, values] : spec.extra) user.extra[key] = std::move(values);
  return user;
}

RequestInfo asked_of(const SubjectAccessReviewSpec& spec) {
  RequestInfo info;
  if (spec.resourceAttributes) {
    const authorization::v1::ResourceAttributes& asked = *spec.resourceAttributes;
    info.is_resource = true;
    info.verb = asked.verb;
    info.group = asked.group;
    info.version = asked.version;
    info.resource = asked.resource;
    info.subresource = asked.subresource;
    info.namespace_ = asked.namespace_;
    info.name = asked.name;
  } else if (spec.nonResourceAttributes) {
    info.verb = spec.nonResourceAttributes->verb;
    info.path = spec.nonResourceAttributes->path;
  }
  return info;
}

Result<void> validate_review(const api::Document& review, const SubjectAccessReviewSpec& spec,
                             bool needs_subject) {
  api::FieldErrors errors;
  if (spec.resourceAttributes && spec.nonResourceAttributes) {
    errors.invalid("spec.nonResourceAttributes",
                   *api::find_at(review, {"spec", "nonResourceAttributes"}),
                   "cannot be specified in combination with resourceAttributes");
  } else if (!spec.resourceAttributes && !spec.nonResourceAttributes) {
    errors.invalid("spec.resourceAttributes", nullptr,
                   "exactly one of nonResourceAttributes or resourceAttributes must be specified");
  }
  if (needs_subject && spec.user.empty() && spec.groups.empty()) {
    errors.invalid("spec.user", "", "at least one of user or group must be specified");
  }
  if (errors.empty()) return {};
  return fail(errors.status("authorization.k8s.io", api::string_at(review, {"kind"}), ""));
}

// Answers an access review about `user`.
api::Document decide(const Authorizer& authorizer, const User& user,
                     const SubjectAccessReviewSpec& spec, api::Document review) {
  const Decision decision = authorizer.authorize(user, asked_of(spec));
  json::object status{{"allowed", decision.allowed}};
  if (!decision.reason.empty()) status["reason"] = decision.reason;
  review.get_object()["status"] = std::move(status);
  return review;
}

// Whether another may do something; in `namespace_` unless that is empty.
Task<Result<api::Document>> review_subject(const Authorizer& authorizer, std::string namespace_,
                                           api::Document review) {
  CO_TRY(auto spec, spec_of<SubjectAccessReviewSpec>(review));
  CO_TRY_OK(validate_review(review, spec, true));
  const std::string asked = spec.resourceAttributes ? spec.resourceAttributes->namespace_ : "";
  if (!namespace_.empty() && asked != namespace_) {
    api::FieldErrors errors;
    errors.invalid("spec.resourceAttributes.namespace", asked, "must match metadata.namespace");
    co_return fail(errors.status("authorization.k8s.io", "LocalSubjectAccessReview", ""));
  }
  const User user = subject_of(spec);
  co_return decide(authorizer, user, spec, std::move(review));
}

// Whether the asker may do something.
Task<Result<api::Document>> review_self(const Authorizer& authorizer, User user,
                                        api::Document review) {
  CO_TRY(auto spec, spec_of<SubjectAccessReviewSpec>(review));
  CO_TRY_OK(validate_review(review, spec, false));
  co_return decide(authorizer, user, spec, std::move(review));
}

json::object user_info(const User& user) {
  json::object out{{"username", user.name}};
  if (!user.uid.empty()) out["uid"] = user.uid;
  out["groups"] = json::value_from(user.groups);
  if (!user.extra.empty()) out["extra"] = json::value_from(user.extra);
  return out;
}

Task<Result<api::Document>> review_token(Authenticator& authenticator, api::Document review) {
  CO_TRY(auto spec, spec_of<TokenReviewSpec>(review));
  if (spec.token.empty()) {
    co_return fail(Status::bad_request("token is required for TokenReview in authentication"));
  }
  const bool for_somebody = !spec.audiences.empty();
  const net::Headers headers{{"Authorization", "Bearer " + spec.token}};
  const auto identity =
      co_await authenticator.authenticate({headers, net::Peer{}, std::move(spec.audiences)});
  if (!identity && !identity.error().is(Reason::Unauthorized)) co_return fail(identity.error());
  json::object status;
  // What is meant for nobody in particular is not meant for those that were asked about.
  if (identity && *identity && (!for_somebody || !(*identity)->audiences.empty())) {
    status["authenticated"] = true;
    status["user"] = user_info((*identity)->user);
    status["audiences"] = json::value_from((*identity)->audiences);
  } else {
    // Why is not for the asker to know.
    status["error"] = "invalid bearer token";
  }
  review.get_object()["status"] = std::move(status);
  co_return review;
}

}  // namespace

void add_review_handlers(ResourceApi& api, const Authorizer& authorizer,
                         Authenticator& authenticator) {
  const auto subject = [&authorizer](CallContext&, const api::Resource&, api::ObjectKey key,
                                     api::Document review) {
    return review_subject(authorizer, std::move(key.namespace_), std::move(review));
  };
  api.set_create_handler("subjectaccessreviews.authorization.k8s.io", "", subject);
  api.set_create_handler("localsubjectaccessreviews.authorization.k8s.io", "", subject);
  api.set_create_handler("selfsubjectaccessreviews.authorization.k8s.io", "",
                         [&authorizer](CallContext& call, const api::Resource&,
                                       const api::ObjectKey&, api::Document review) {
                           return review_self(authorizer, call.user, std::move(review));
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
