// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authn/service_account_handlers.h"

#include "api/codec/json.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

Task<Result<net::HttpResponse>> answer(std::string type, std::string body) {
  net::HttpResponse response = json_response(200, std::move(body));
  response.headers.set("Content-Type", std::move(type));
  response.headers.set("Cache-Control", "public, max-age=3600");
  co_return response;
}

}  // namespace

void add_token_handlers(ResourceApi& api, std::shared_ptr<ServiceAccountTokens> tokens) {
  api.set_create_handler("serviceaccounts", "token",
                         [tokens = std::move(tokens)](CallContext& call, const api::Resource&,
                                                      api::ObjectKey key, api::Document body) {
                           return tokens->issue(call, std::move(key), std::move(body));
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
    routes.add(std::move(path), [type = std::move(type), body = std::move(body)](
                                    const RouteRequest&) { return answer(type, body); });
  };
  serve("/.well-known/openid-configuration", "application/json", api::to_json(configuration));
  serve("/openid/v1/jwks", "application/jwk-set+json", tokens.verifier().jwks());
}

}  // namespace keelson::apiserver
