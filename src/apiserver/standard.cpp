// SPDX-License-Identifier: Apache-2.0
#include "apiserver/standard.h"

#include "api/core/v1.h"
#include "api/ip.h"
#include "apiserver/admission/plugins/plugins.h"
#include "apiserver/authn/service_account_handlers.h"
#include "apiserver/authn/service_account_tokens.h"
#include "apiserver/authz/node_authorizer.h"
#include "apiserver/authz/rbac.h"
#include "apiserver/authz/rbac_policy.h"
#include "apiserver/openapi/api_documents.h"
#include "apiserver/registry/allocators/service_allocation.h"
#include "apiserver/reviews/rules_review.h"

namespace keelson::apiserver {
namespace {

// What several stages of one server share.
struct Shared {
  std::shared_ptr<ServiceAccountTokens> tokens;
  std::shared_ptr<RbacAuthorizer> rbac;
  std::unique_ptr<ApiDocuments> documents;
};

// A place in the authorizer chain for what others hold too.
class SharedAuthorizer final : public Authorizer {
 public:
  explicit SharedAuthorizer(std::shared_ptr<const Authorizer> authorizer)
      : authorizer_(std::move(authorizer)) {}
  Decision authorize(const User& user, const RequestInfo& request) const override {
    return authorizer_->authorize(user, request);
  }

 private:
  const std::shared_ptr<const Authorizer> authorizer_;
};

Result<void> check_settings(const ClusterSettings& settings) {
  const auto range = api::IpPrefix::parse(settings.service_cidr);
  // Source: upstream, cmd/kube-apiserver validation: at least 8 addresses, at most 20 bits of them.
  if (!range || !range->address().is_v4() || range->length() > 29 || range->length() < 12) {
    return fail(Status::bad_request("service range \"" + settings.service_cidr +
                                    "\" is not an IPv4 prefix of 12 to 29 bits"));
  }
  if (settings.node_port_first == 0 || settings.node_port_last < settings.node_port_first) {
    return fail(Status::bad_request("the range of node ports is empty"));
  }
  return {};
}

std::string server_address(const ClusterSettings& settings) {
  const std::string host =
      settings.advertise_address.empty() ? "127.0.0.1" : settings.advertise_address;
  return host + ":" + std::to_string(settings.port);
}

std::vector<std::unique_ptr<Authenticator>> make_authenticators(const Shared& shared) {
  std::vector<std::unique_ptr<Authenticator>> authenticators;
  authenticators.push_back(make_certificate_authenticator());
  authenticators.push_back(make_service_account_authenticator(shared.tokens));
  return authenticators;
}

std::unique_ptr<Authorizer> make_authorizer(const Shared& shared, const ServerContext& context) {
  std::vector<std::unique_ptr<Authorizer>> authorizers;
  authorizers.push_back(make_node_authorizer(context.caches));
  authorizers.push_back(std::make_unique<SharedAuthorizer>(shared.rbac));
  return make_authorizer_chain(std::move(authorizers));
}

// In upstream's order.
std::vector<std::unique_ptr<AdmissionPlugin>> make_plugins(const Shared& shared,
                                                           const ServerContext& context) {
  std::vector<std::unique_ptr<AdmissionPlugin>> plugins;
  plugins.push_back(make_namespace_lifecycle(context.caches));
  plugins.push_back(make_limit_ranger(context.caches));
  plugins.push_back(make_service_account_admission(context.caches, context.random));
  plugins.push_back(make_node_restriction(context.caches));
  plugins.push_back(make_taint_nodes_by_condition());
  plugins.push_back(make_priority_admission(context.caches));
  plugins.push_back(make_default_toleration_seconds());
  plugins.push_back(make_storage_protection());
  plugins.push_back(make_runtime_class_admission(context.caches));
  plugins.push_back(make_certificate_admission(shared.rbac));
  plugins.push_back(make_default_classes(context.caches));
  plugins.push_back(make_pod_topology_labels(context.caches));
  plugins.push_back(make_claim_resize(context.caches));
  plugins.push_back(make_rbac_escalation(shared.rbac));
  return plugins;
}

}  // namespace

Result<void> use_standard_stages(ApiServerOptions& options, StandardOptions standard) {
  TRY_OK(check_settings(options.settings));
  // Keys are read now, so that unusable ones are told before anything runs.
  TRY_OK(pki::make_token_signer(standard.service_account_key_pem));
  std::vector<std::string> keys{standard.service_account_key_pem};
  for (auto& key : standard.service_account_public_keys_pem) keys.push_back(std::move(key));
  TRY_OK(pki::make_token_verifier(keys));

  auto shared = std::make_shared<Shared>();
  options.authenticators = [shared, keys](const ServerContext& context) {
    auto signer = pki::make_token_signer(keys.front());
    auto verifier = pki::make_token_verifier(keys);
    CHECK(signer.has_value() && verifier.has_value());
    shared->tokens = std::make_shared<ServiceAccountTokens>(
        ServiceAccountTokens::Parts{*std::move(signer), *std::move(verifier),
                                    context.settings.service_account_issuer},
        context.caches, context.executor, context.random);
    return make_authenticators(*shared);
  };
  options.authorizer = [shared](const ServerContext& context) {
    shared->rbac = std::make_shared<RbacAuthorizer>(context.caches);
    return make_authorizer(*shared, context);
  };
  options.admission = [shared](const ServerContext& context) {
    return make_plugins(*shared, context);
  };
  options.extend = [shared, next = std::move(options.extend)](const ServerContext& context,
                                                              ApiServer& server) {
    add_token_handlers(context.api, shared->tokens);
    add_issuer_routes(server.routes(), *shared->tokens, context.settings);
    add_rules_review(context.api, shared->rbac);
    shared->documents = std::make_unique<ApiDocuments>(ApiDocumentOptions{
        .version = context.settings.version, .server_address = server_address(context.settings)});
    shared->documents->serve(server.routes());
    context.api.registry().set_allocation(
        api::resource_of<core::v1::Service>(),
        make_service_allocation(context.caches, context.random, context.settings));
    if (next) next(context, server);
  };
  options.bootstrap =
      [next = std::move(options.bootstrap)](const ServerContext& context) -> Task<Result<void>> {
    return [](ServerContext parts,
              std::function<Task<Result<void>>(const ServerContext&)> more) -> Task<Result<void>> {
      CO_TRY_OK(co_await reconcile_policy(parts.client, parts.caches));
      if (more) CO_TRY_OK(co_await more(parts));
      co_return Result<void>{};
    }(context, next);
  };
  return {};
}

}  // namespace keelson::apiserver
