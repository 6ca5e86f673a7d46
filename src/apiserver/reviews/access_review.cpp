// SPDX-License-Identifier: Apache-2.0
#include "apiserver/reviews/access_review.h"

#include "api/authorization/v1.h"
#include "api/validation/field_error.h"
#include "apiserver/reviews/review_spec.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using authorization::v1::SubjectAccessReviewSpec;

User subject_of(SubjectAccessReviewSpec spec) {
  User user;
  user.name = std::move(spec.user);
  user.uid = std::move(spec.uid);
  user.groups = std::move(spec.groups);
  for (auto& [key, values] : spec.extra) user.extra[key] = std::move(values);
  return user;
}

// Requirements that nobody here knows limit nothing, so that less is allowed, not more.
api::FieldSelector selector_of(const authorization::v1::FieldSelectorAttributes& asked) {
  if (asked.requirements.empty()) {
    auto parsed = api::FieldSelector::parse(asked.rawSelector);
    return parsed ? *std::move(parsed) : api::FieldSelector();
  }
  std::vector<api::FieldRequirement> requirements;
  for (const auto& requirement : asked.requirements) {
    const bool in = requirement.operator_ == "In";
    if (requirement.values.size() != 1 || (!in && requirement.operator_ != "NotIn")) continue;
    requirements.push_back({requirement.key, in, requirement.values.front()});
  }
  return api::FieldSelector(std::move(requirements));
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
    if (asked.fieldSelector) info.field_selector = selector_of(*asked.fieldSelector);
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
  CO_TRY(auto spec, review_spec<SubjectAccessReviewSpec>(review));
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
  CO_TRY(auto spec, review_spec<SubjectAccessReviewSpec>(review));
  CO_TRY_OK(validate_review(review, spec, false));
  co_return decide(authorizer, user, spec, std::move(review));
}

}  // namespace

void add_access_reviews(ResourceApi& api, const Authorizer& authorizer) {
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
}

}  // namespace keelson::apiserver
