// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authn/authenticator.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kAuthenticated = "system:authenticated";

class CertificateAuthenticator final : public Authenticator {
 public:
  Task<Result<std::optional<Identity>>> authenticate(const Credentials& credentials) override {
    const net::Peer& peer = credentials.peer;
    if (!peer.certificate_error.empty()) {
      co_return fail(Reason::Unauthorized, "Unauthorized");
    }
    if (!peer.has_certificate || peer.common_name.empty()) co_return std::nullopt;
    Identity identity;
    identity.user.name = peer.common_name;
    identity.user.groups = peer.organizations;
    co_return std::optional(std::move(identity));
  }
};

class AuthenticatorChain final : public Authenticator {
 public:
  explicit AuthenticatorChain(std::vector<std::unique_ptr<Authenticator>> chain)
      : chain_(std::move(chain)) {}

  Task<Result<std::optional<Identity>>> authenticate(const Credentials& credentials) override {
    // Bad credentials of one kind do not spoil good ones of another, as with a token by way of a
    // browser that has a certificate for something else.
    std::optional<Status> refusal;
    for (const auto& authenticator : chain_) {
      auto identity = co_await authenticator->authenticate(credentials);
      if (!identity) {
        if (!refusal) refusal = std::move(identity).error();
        continue;
      }
      if (!*identity) continue;
      User& user = (*identity)->user;
      if (!user.in_group(kAuthenticated)) user.groups.emplace_back(kAuthenticated);
      co_return identity;
    }
    if (refusal) co_return fail(*std::move(refusal));
    // Credentials that nobody knows are wrong ones, not none.
    if (credentials.headers.has("Authorization")) {
      co_return fail(Reason::Unauthorized, "Unauthorized");
    }
    Identity anonymous;
    anonymous.user.name = "system:anonymous";
    anonymous.user.groups = {"system:unauthenticated"};
    co_return std::optional(std::move(anonymous));
  }

 private:
  const std::vector<std::unique_ptr<Authenticator>> chain_;
};

}  // namespace

std::unique_ptr<Authenticator> make_certificate_authenticator() {
  return std::make_unique<CertificateAuthenticator>();
}

std::unique_ptr<Authenticator> make_authenticator_chain(
    std::vector<std::unique_ptr<Authenticator>> chain) {
  return std::make_unique<AuthenticatorChain>(std::move(chain));
}

}  // namespace keelson::apiserver
