// SPDX-License-Identifier: Apache-2.0
#include "apiserver/front/pipeline.h"

#include "base/ascii.h"
#include "net/http.h"

namespace keelson::apiserver {
namespace {

constexpr std::string_view kServiceAccount = "system:serviceaccount:";
constexpr std::string_view kExtra = "impersonate-extra-";

RequestInfo impersonation(std::string group, std::string resource, std::string name) {
  RequestInfo info;
  info.verb = "impersonate";
  info.is_resource = true;
  info.group = std::move(group);
  info.version = "v1";
  info.resource = std::move(resource);
  info.name = std::move(name);
  return info;
}

}  // namespace

Task<Result<FlowLimiter::Permit>> Pipeline::enter(const CallContext& call) const {
  CO_TRY(auto permit, co_await limiter_.enter(call.user, call.info));
  CO_TRY_OK(require(authorizer_, call.user, call.info));
  co_return permit;
}

Result<User> Pipeline::impersonate(User user, const net::Headers& headers) const {
  const std::string name(headers.get("Impersonate-User"));
  User wanted;
  wanted.name = name;
  wanted.uid = headers.get("Impersonate-Uid");
  for (const auto group : headers.all("Impersonate-Group")) wanted.groups.emplace_back(group);
  for (const auto& [key, value] : headers) {
    const std::string header = lower_case(key);
    if (!header.starts_with(kExtra)) continue;
    const auto decoded = net::parse_target("/" + header.substr(kExtra.size()));
    if (!decoded) return fail(std::move(decoded).error());
    wanted.extra[decoded->path.substr(1)].push_back(value);
  }
  if (name.empty()) {
    if (wanted.groups.empty() && wanted.extra.empty() && wanted.uid.empty()) return user;
    return fail(Status::internal("requested impersonation without impersonating a user"));
  }

  std::vector<RequestInfo> needed;
  if (name.starts_with(kServiceAccount)) {
    const std::string_view rest = std::string_view(name).substr(kServiceAccount.size());
    const auto colon = rest.find(':');
    const std::string_view account =
        colon == std::string_view::npos ? std::string_view() : rest.substr(colon + 1);
    needed.push_back(impersonation("", "serviceaccounts", std::string(account)));
    needed.back().namespace_ = rest.substr(0, colon);
    if (wanted.groups.empty()) {
      wanted.groups = {"system:serviceaccounts",
                       "system:serviceaccounts:" + needed.back().namespace_};
    }
  } else {
    needed.push_back(impersonation("", "users", name));
  }
  for (const auto group : headers.all("Impersonate-Group")) {
    needed.push_back(impersonation("", "groups", std::string(group)));
  }
  if (!wanted.uid.empty()) {
    needed.push_back(impersonation("authentication.k8s.io", "uids", wanted.uid));
  }
  for (const auto& [key, values] : wanted.extra) {
    for (const auto& value : values) {
      needed.push_back(impersonation("authentication.k8s.io", "userextras", value));
      needed.back().subresource = key;
    }
  }
  for (const auto& info : needed) {
    TRY_OK(require(authorizer_, user, info));
  }
  const std::string_view standard =
      name == "system:anonymous" ? "system:unauthenticated" : "system:authenticated";
  if (!wanted.in_group(standard)) wanted.groups.emplace_back(standard);
  return wanted;
}

}  // namespace keelson::apiserver
