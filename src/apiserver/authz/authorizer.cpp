// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authz/authorizer.h"

#include <algorithm>

namespace keelson::apiserver {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  return out.append(text).append("\"");
}

// Source: upstream, --authorization-always-allow-paths; group system:masters.
class BaseAuthorizer final : public Authorizer {
 public:
  Decision authorize(const User& user, const RequestInfo& request) const override {
    if (user.in_group("system:masters")) return {true, {}};
    if (!request.is_resource) {
      for (const std::string_view path : {"/healthz", "/readyz", "/livez"}) {
        if (request.path == path) return {true, {}};
      }
    }
    return {};
  }
};

class AuthorizerChain final : public Authorizer {
 public:
  explicit AuthorizerChain(std::vector<std::unique_ptr<Authorizer>> chain)
      : chain_(std::move(chain)) {}

  Decision authorize(const User& user, const RequestInfo& request) const override {
    Decision last;
    for (const auto& authorizer : chain_) {
      Decision decision = authorizer->authorize(user, request);
      if (decision.allowed) return decision;
      if (!decision.reason.empty()) last.reason = std::move(decision.reason);
    }
    return last;
  }

 private:
  const std::vector<std::unique_ptr<Authorizer>> chain_;
};

}  // namespace

std::unique_ptr<Authorizer> make_base_authorizer() { return std::make_unique<BaseAuthorizer>(); }

std::unique_ptr<Authorizer> make_authorizer_chain(std::vector<std::unique_ptr<Authorizer>> chain) {
  return std::make_unique<AuthorizerChain>(std::move(chain));
}

std::string forbidden_message(const User& user, const RequestInfo& request) {
  std::string text = "User " + quoted(user.name) + " cannot " + request.verb;
  if (!request.is_resource) return text + " path " + quoted(request.path);
  std::string resource = request.resource;
  if (!request.subresource.empty()) resource.append("/").append(request.subresource);
  text.append(" resource ").append(quoted(resource));
  text.append(" in API group ").append(quoted(request.group));
  if (request.namespace_.empty()) return text + " at the cluster scope";
  return text + " in the namespace " + quoted(request.namespace_);
}

Status forbidden_status(const User& user, const RequestInfo& request, std::string_view reason) {
  std::string why = forbidden_message(user, request);
  if (!reason.empty()) why.append(": ").append(reason);
  return Status::forbidden(request.group, request.resource, request.name, why);
}

Result<void> require(const Authorizer& authorizer, const User& user, const RequestInfo& request) {
  const Decision decision = authorizer.authorize(user, request);
  if (!decision.allowed) return fail(forbidden_status(user, request, decision.reason));
  return {};
}

}  // namespace keelson::apiserver
