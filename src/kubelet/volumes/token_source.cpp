// SPDX-License-Identifier: Apache-2.0
#include "kubelet/volumes/token_source.h"

#include "api/authentication/v1.h"
#include "base/log.h"

namespace keelson::kubelet {

namespace {

constexpr std::int64_t kDefaultLifetime = 3600;
constexpr Duration kRefreshAtLatest = std::chrono::hours(24);  // Upstream's maxTTL.
constexpr std::int64_t kJitterSeconds = 10;

}  // namespace

Task<Result<std::string>> TokenSource::token(PodPtr pod,
                                             v1::ServiceAccountTokenProjection projection) {
  const std::int64_t lifetime = projection.expirationSeconds.value_or(kDefaultLifetime);
  const std::string key =
      pod->metadata.uid + "/" + projection.audience + "/" + std::to_string(lifetime);
  const Wall asked = executor_.now();
  if (const auto found = entries_.find(key);
      found != entries_.end() && asked < found->second.refresh_at) {
    co_return found->second.token;
  }

  authentication::v1::TokenRequest request;
  if (!projection.audience.empty()) request.spec.audiences = {projection.audience};
  request.spec.expirationSeconds = lifetime;
  auto& bound = request.spec.boundObjectRef.emplace();
  bound.apiVersion = "v1";
  bound.kind = "Pod";
  bound.name = pod->metadata.name;
  bound.uid = pod->metadata.uid;
  const std::string account =
      pod->spec.serviceAccountName.empty() ? "default" : pod->spec.serviceAccountName;
  auto answer = co_await client_.create(
      api::resource_of<v1::ServiceAccount>(), {pod->metadata.namespace_, account},
      api::encode_document(request), client::WriteOptions{.subresource = "token"});
  if (!answer) {
    const auto found = entries_.find(key);
    if (found != entries_.end() && executor_.now() < found->second.expires &&
        !answer.error().is(Reason::Canceled)) {
      log_warning("Service account token could not be renewed; the old one still holds",
                  {{"pod", describe(*pod)}, {"err", answer.error().message()}});
      co_return found->second.token;
    }
    co_return fail(std::move(answer).error());
  }
  const auto& granted = (*answer)->as<authentication::v1::TokenRequest>().status;
  if (granted.token.empty()) co_return fail(Status::internal("the API server sent no token"));
  Entry& entry = entries_[key];
  entry.token = granted.token;
  entry.expires = granted.expirationTimestamp.point();
  const Duration life = entry.expires - asked;
  entry.refresh_at = asked + std::min<Duration>(life / 5 * 4, kRefreshAtLatest) -
                     std::chrono::seconds(random_.below(kJitterSeconds));
  co_return entry.token;
}

void TokenSource::forget_pod(const std::string& uid) {
  auto entry = entries_.lower_bound(uid + "/");
  while (entry != entries_.end() && entry->first.starts_with(uid + "/")) {
    entry = entries_.erase(entry);
  }
}

}  // namespace keelson::kubelet
