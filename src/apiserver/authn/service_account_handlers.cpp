// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authn/service_account_handlers.h"

#include "api/codec/json.h"
#include "apiserver/registry/metadata.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

json::array to_array(const std::vector<std::string>& values) {
  json::array out;
  for (const auto& value : values) out.emplace_back(value);
  return out;
}

json::object user_info(const User& user) {
  json::object out{{"username", user.name}, {"uid", user.uid}};
  auto groups = to_array(user.groups);
  groups.emplace_back("system:authenticated");
  out["groups"] = std::move(groups);
  json::object extra;
  for (const auto& [key, values] : user.extra) extra[key] = to_array(values);
  out["extra"] = std::move(extra);
  return out;
}

Task<Result<api::Document>> review(std::shared_ptr<ServiceAccountTokens> tokens, Wall now,
                                   api::Document asked) {
  const std::string token(api::string_at(asked, {"spec", "token"}));
  if (token.empty()) {
    co_return fail(Status::bad_request("token is required for TokenReview in authentication"));
  }
  std::vector<std::string> audiences;
  if (const auto* list = api::find_at(asked, {"spec", "audiences"}); list && list->is_array()) {
    for (const auto& audience : list->get_array()) {
      if (audience.is_string()) audiences.emplace_back(audience.get_string());
    }
  }
  const auto identity = co_await tokens->authenticate(token, std::move(audiences));
  if (!identity && identity.error().is(Reason::Canceled)) co_return fail(identity.error());
  json::object status;
  if (identity && *identity) {
    status["authenticated"] = true;
    status["user"] = user_info((*identity)->user);
    status["audiences"] = to_array((*identity)->audiences);
  } else {
    // Why is not for the asker to know.
    status["error"] = "invalid bearer token";
  }
  asked.get_object()["status"] = std::move(status);
  metadata_of(asked)["creationTimestamp"] = time_text(now);
  co_return asked;
}

}  // namespace

void add_token_handlers(ResourceApi& api, std::shared_ptr<ServiceAccountTokens> tokens) {
  api.set_create_handler(
      "serviceaccounts", "token",
      [tokens](CallContext& call, const api::Resource&, api::ObjectKey key, api::Document body) {
        return tokens->issue(call, std::move(key), std::move(body));
      });
  api.set_create_handler("tokenreviews.authentication.k8s.io", "",
                         [tokens = std::move(tokens)](CallContext& call, const api::Resource&,
                                                      const api::ObjectKey&, api::Document body) {
                           return review(tokens, call.now, std::move(body));
                         });
}

void add_issuer_routes(Routes& routes, const ServiceAccountTokens& tokens,
                       const ClusterSettings& settings) {
  json::array algorithms;
  for (const auto& algorithm : tokens.verifier().algorithms()) algorithms.emplace_back(algorithm);
  const json::object configuration{
      {"issuer", tokens.issuer()},
      {"jwks_uri", "https://" + settings.advertise_address + ":" + std::to_string(settings.port) +
                       "/openid/v1/jwks"},
      {"response_types_supported", json::array{"id_token"}},
      {"subject_types_supported", json::array{"public"}},
      {"id_token_signing_alg_values_supported", std::move(algorithms)}};
  const auto serve = [&](std::string path, std::string type, std::string body) {
    routes.add(std::move(path),
               [type = std::move(type),
                body = std::move(body)](const RouteRequest&) -> Task<Result<net::HttpResponse>> {
                 net::HttpResponse response = json_response(200, body);
                 response.headers.set("Content-Type", type);
                 response.headers.set("Cache-Control", "public, max-age=3600");
                 co_return response;
               });
  };
  serve("/.well-known/openid-configuration", "application/json", api::to_json(configuration));
  serve("/openid/v1/jwks", "application/jwk-set+json", tokens.verifier().jwks());
}

}  // namespace keelson::apiserver
