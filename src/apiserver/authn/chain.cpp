// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authn/authenticator.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kAuthenticated = "system:authenticated";

class CertificateAuthenticator final : public Authenticator {
 public:
  Task<Result<std::optional<User>>> authenticate(const net::Headers&,
                                                 const net::Peer& peer) override {
    if (!peer.certificate_error.empty()) {
      co_return fail(Reason::Unauthorized, "Unauthorized");
    }
    if (!peer.has_certificate || peer.common_name.empty()) co_return std::nullopt;
    User user;
    user.name = peer.common_name;
    user.groups = peer.organizations;
    co_return std::optional(std::move(user));
  }
};

class AuthenticatorChain final : public Authenticator {
 public:
  explicit AuthenticatorChain(std::vector<std::unique_ptr<Authenticator>> chain)
      : chain_(std::move(chain)) {}

  Task<Result<std::optional<User>>> authenticate(const net::Headers& headers,
                                                 const net::Peer& peer) override {
    for (const auto& authenticator : chain_) {
      CO_TRY(auto user, co_await authenticator->authenticate(headers, peer));
      if (!user) continue;
      if (!user->in_group(kAuthenticated)) user->groups.emplace_back(kAuthenticated);
      co_return user;
    }
    // Credentials that nobody knows are wrong ones, not none.
    if (headers.has("Authorization")) co_return fail(Reason::Unauthorized, "Unauthorized");
    User anonymous;
    anonymous.name = "system:anonymous";
    anonymous.groups = {"system:unauthenticated"};
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
