// SPDX-License-Identifier: Apache-2.0
// Tokens of service accounts: signed claims that hold as long as the account, and the pod, secret
// or node that they are bound to, exist. Source: Kubernetes documentation, "Managing Service
// Accounts"; KEP-1205, KEP-2799, KEP-4193.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "api/document.h"
#include "apiserver/authn/authenticator.h"
#include "apiserver/cache/cache_set.h"
#include "apiserver/context/request.h"
#include "base/random.h"
#include "pki/jwt.h"

namespace keelson::apiserver {

// Signs and judges. Thread-safe.
class ServiceAccountTokens {
 public:
  struct Parts {
    std::unique_ptr<pki::TokenSigner> signer;
    std::unique_ptr<pki::TokenVerifier> verifier;
    std::string issuer;  // Also the audience that this server answers to.
  };
  ServiceAccountTokens(Parts parts, CacheSet& caches, const Executor& executor, Random& random);

  // Answers a TokenRequest for the account `key`. Errors: NotFound, Invalid, BadRequest, Conflict;
  // Forbidden to a node for what is not of its own pods.
  Task<Result<api::Document>> issue(CallContext& call, api::ObjectKey key, api::Document request);

  // Nothing: not a token of this issuer. `audiences`: those one of which it must be for; empty:
  // this server's. Errors: Unauthorized.
  Task<Result<std::optional<Identity>>> authenticate(std::string token,
                                                     std::vector<std::string> audiences);

  const pki::TokenVerifier& verifier() const { return *parts_.verifier; }
  const std::string& issuer() const { return parts_.issuer; }

 private:
  struct Claims;

  Result<std::shared_ptr<const Claims>> verified(const std::string& token);
  // That what the token speaks of is still the same. Errors: Unauthorized.
  Result<void> check_objects(const Claims& claims) const;
  // The objects of a token request as claims. Errors: NotFound, BadRequest, Conflict.
  Task<Result<boost::json::object>> bind(const api::ObjectKey& account,
                                         const api::Document& request) const;
  Task<Result<api::ObjectPtr>> find(const api::Resource& resource, api::ObjectKey key) const;

  const Parts parts_;
  CacheSet& caches_;
  const Executor& executor_;
  Random& random_;

  // Tokens whose signatures were found good, by digest: a client sends the same one with each
  // request.
  std::mutex mutex_;
  std::unordered_map<std::string, std::shared_ptr<const Claims>> known_;
};

// Bearer tokens. `tokens` is shared with the handler of token requests.
std::unique_ptr<Authenticator> make_service_account_authenticator(
    std::shared_ptr<ServiceAccountTokens> tokens);

}  // namespace keelson::apiserver
