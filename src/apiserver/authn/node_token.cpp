// SPDX-License-Identifier: Apache-2.0
#include "apiserver/authn/node_token.h"

#include <algorithm>

#include "api/authentication/v1.h"
#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/storage/v1.h"
#include "podspec/references.h"

namespace keelson::apiserver {
namespace {

using core::v1::PersistentVolume;
using core::v1::PersistentVolumeClaim;
using core::v1::Pod;
using storage::v1::CSIDriver;

constexpr std::string_view kNodePrefix = "system:node:";

template <class T>
std::shared_ptr<const T> find(const CacheSet& caches, const api::ObjectKey& key) {
  auto object = caches.find(api::resource_of<T>())->find(key);
  return object ? api::share<T>(std::move(object)) : nullptr;
}

// The CSI drivers that mount volumes of the pod: some want tokens of its account.
std::vector<std::string> drivers_of(const CacheSet& caches, const Pod& pod) {
  std::vector<std::string> drivers;
  for (const auto& volume : pod.spec.volumes) {
    if (volume.csi) drivers.push_back(volume.csi->driver);
  }
  for (const auto& name : podspec::claims_of(pod)) {
    const auto claim = find<PersistentVolumeClaim>(caches, {pod.metadata.namespace_, name});
    if (!claim) continue;
    const auto volume = find<PersistentVolume>(caches, {{}, claim->spec.volumeName});
    if (volume && volume->spec.csi) drivers.push_back(volume->spec.csi->driver);
  }
  return drivers;
}

// The audiences of the tokens that the pod's volumes are made with.
std::vector<std::string> audiences_of(const CacheSet& caches, const Pod& pod) {
  std::vector<std::string> audiences;
  for (const auto& volume : pod.spec.volumes) {
    if (!volume.projected) continue;
    for (const auto& source : volume.projected->sources) {
      if (source.serviceAccountToken) audiences.push_back(source.serviceAccountToken->audience);
    }
  }
  for (const auto& name : drivers_of(caches, pod)) {
    const auto driver = find<CSIDriver>(caches, {{}, name});
    if (!driver) continue;
    for (const auto& asked : driver->spec.tokenRequests) audiences.push_back(asked.audience);
  }
  return audiences;
}

}  // namespace

Result<void> check_node_token(const CacheSet& caches, const std::string& issuer, const User& user,
                              const api::ObjectKey& account, const api::Document& request) {
  if (!user.name.starts_with(kNodePrefix) || !user.in_group("system:nodes")) return {};
  const auto refuse = [&](std::string_view why) {
    return fail(Status::forbidden("", "serviceaccounts", account.name, why));
  };
  TRY(const auto asked, api::decode<authentication::v1::TokenRequest>(request));
  const auto& bound = asked.spec.boundObjectRef;
  if (!bound || bound->apiVersion != "v1" || bound->kind != "Pod" || bound->name.empty()) {
    return refuse("node requested token not bound to a pod");
  }
  if (bound->uid.empty()) return refuse("node requested token with a pod binding without a uid");
  const auto pod = find<Pod>(caches, {account.namespace_, bound->name});
  if (!pod) return fail(Status::not_found("", "pods", bound->name));
  if (pod->spec.nodeName != std::string_view(user.name).substr(kNodePrefix.size())) {
    return refuse("node requested token bound to a pod scheduled on a different node");
  }

  if (asked.spec.audiences.size() > 1) return refuse("node may only request 0 or 1 audiences");
  const std::string audience =
      asked.spec.audiences.empty() ? std::string() : asked.spec.audiences.front();
  const auto meant = [&](const std::string& text) { return text.empty() ? issuer : text; };
  const auto named = audiences_of(caches, *pod);
  if (std::ranges::find(named, meant(audience), meant) != named.end()) return {};
  return refuse("audience \"" + audience + "\" not found in pod spec volume, " + user.name +
                " is not authorized to request tokens for this audience");
}

}  // namespace keelson::apiserver
