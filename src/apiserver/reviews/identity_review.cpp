// SPDX-License-Identifier: Apache-2.0
#include "apiserver/reviews/identity_review.h"

#include <boost/json/value_from.hpp>

#include "api/authentication/v1.h"
#include "apiserver/context/document_metadata.h"
#include "apiserver/reviews/review_spec.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using authentication::v1::TokenReviewSpec;

json::object user_info(const User& user) {
  json::object out{{"username", user.name}};
  if (!user.uid.empty()) out["uid"] = user.uid;
  out["groups"] = json::value_from(user.groups);
  if (!user.extra.empty()) out["extra"] = json::value_from(user.extra);
  return out;
}

Task<Result<api::Document>> review_token(Authenticator& authenticator, api::Document review) {
  CO_TRY(auto spec, review_spec<TokenReviewSpec>(review));
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

void add_identity_reviews(ResourceApi& api, Authenticator& authenticator) {
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
