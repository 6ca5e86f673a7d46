// SPDX-License-Identifier: Apache-2.0
#include "kubelet/volumes/payload_source.h"

namespace keelson::kubelet {

namespace {

constexpr std::int32_t kDefaultMode = 0644;
constexpr std::uint32_t kOwnerOnly = 0600;

std::uint32_t mode_of(const std::optional<std::int32_t>& mode, std::uint32_t otherwise) {
  return mode ? static_cast<std::uint32_t>(*mode) & 0777 : otherwise;
}

// `find` gives a key's bytes, or null.
template <class Find>
Result<void> add_items(const std::vector<v1::KeyToPath>& items, std::uint32_t mode, bool optional,
                       const char* what, Find find, Payload& out) {
  for (const auto& item : items) {
    const std::string* bytes = find(item.key);
    if (!bytes) {
      if (optional) continue;
      return fail(Reason::NotFound,
                  "references non-existent " + std::string(what) + " key: " + item.key);
    }
    out[item.path] = {*bytes, mode_of(item.mode, mode)};
  }
  return {};
}

Result<void> add_fields(const v1::Pod& pod, const std::vector<v1::DownwardAPIVolumeFile>& items,
                        std::uint32_t mode, const NodeValues& node, Payload& out) {
  for (const auto& item : items) {
    std::string value;
    if (item.fieldRef) {
      TRY(value, field_value(pod, item.fieldRef->fieldPath, node));
    } else if (item.resourceFieldRef) {
      TRY(value, resource_value(pod, *item.resourceFieldRef, "", node));
    }
    out[item.path] = {std::move(value), mode_of(item.mode, mode)};
  }
  return {};
}

// The user that all containers run as; none if one does not say, or they differ. Upstream's
// FsUserFrom.
std::optional<std::uint32_t> single_user(const v1::Pod& pod) {
  std::optional<std::int64_t> user;
  for (const v1::Container* container : all_containers(pod)) {
    std::optional<std::int64_t> own;
    if (pod.spec.securityContext) own = pod.spec.securityContext->runAsUser;
    if (container->securityContext && container->securityContext->runAsUser) {
      own = container->securityContext->runAsUser;
    }
    if (!own || (user && *user != *own)) return std::nullopt;
    user = own;
  }
  if (!user) return std::nullopt;
  return static_cast<std::uint32_t>(*user);
}

}  // namespace

PayloadFile token_file(const v1::Pod& pod, std::string token, std::uint32_t mode) {
  const auto user = single_user(pod);
  const bool has_group = pod.spec.securityContext && pod.spec.securityContext->fsGroup;
  return {std::move(token), user || has_group ? kOwnerOnly : mode, user};
}

bool has_payload(const v1::Volume& volume) {
  return volume.configMap || volume.secret || volume.downwardAPI || volume.projected;
}

Task<Result<void>> PayloadSource::add_config_map(PodPtr pod, std::string name, Keys keys,
                                                 Payload& out) {
  auto map = co_await configs_.config_map({pod->metadata.namespace_, name});
  if (!map) {
    if (keys.optional && map.error().is(Reason::NotFound)) co_return Result<void>{};
    co_return fail(std::move(map).error());
  }
  const auto& object = **map;
  if (keys.items->empty()) {
    for (const auto& [key, text] : object.data) out[key] = {text, keys.mode};
    for (const auto& [key, bytes] : object.binaryData) out[key] = {bytes, keys.mode};
    co_return Result<void>{};
  }
  const auto find = [&](const std::string& key) -> const std::string* {
    if (const auto text = object.data.find(key); text != object.data.end()) return &text->second;
    const auto bytes = object.binaryData.find(key);
    return bytes == object.binaryData.end() ? nullptr : &bytes->second;
  };
  co_return add_items(*keys.items, keys.mode, keys.optional, "config", find, out);
}

Task<Result<void>> PayloadSource::add_secret(PodPtr pod, std::string name, Keys keys,
                                             Payload& out) {
  auto secret = co_await configs_.secret({pod->metadata.namespace_, name});
  if (!secret) {
    if (keys.optional && secret.error().is(Reason::NotFound)) co_return Result<void>{};
    co_return fail(std::move(secret).error());
  }
  const auto& object = **secret;
  if (keys.items->empty()) {
    for (const auto& [key, bytes] : object.data) out[key] = {bytes, keys.mode};
    co_return Result<void>{};
  }
  const auto find = [&](const std::string& key) -> const std::string* {
    const auto bytes = object.data.find(key);
    return bytes == object.data.end() ? nullptr : &bytes->second;
  };
  co_return add_items(*keys.items, keys.mode, keys.optional, "secret", find, out);
}

Task<Result<Payload>> PayloadSource::payload(PodPtr pod, const v1::Volume* volume,
                                             NodeValues node) {
  Payload out;
  if (volume->configMap) {
    const auto& source = *volume->configMap;
    CO_TRY_OK(co_await add_config_map(
        pod, source.name,
        {&source.items, mode_of(source.defaultMode, kDefaultMode), source.optional.value_or(false)},
        out));
  } else if (volume->secret) {
    const auto& source = *volume->secret;
    CO_TRY_OK(co_await add_secret(
        pod, source.secretName,
        {&source.items, mode_of(source.defaultMode, kDefaultMode), source.optional.value_or(false)},
        out));
  } else if (volume->downwardAPI) {
    const auto& source = *volume->downwardAPI;
    CO_TRY_OK(add_fields(*pod, source.items, mode_of(source.defaultMode, kDefaultMode), node, out));
  } else if (volume->projected) {
    const std::uint32_t mode = mode_of(volume->projected->defaultMode, kDefaultMode);
    for (const auto& source : volume->projected->sources) {
      if (source.configMap) {
        CO_TRY_OK(co_await add_config_map(
            pod, source.configMap->name,
            {&source.configMap->items, mode, source.configMap->optional.value_or(false)}, out));
      } else if (source.secret) {
        CO_TRY_OK(co_await add_secret(
            pod, source.secret->name,
            {&source.secret->items, mode, source.secret->optional.value_or(false)}, out));
      } else if (source.downwardAPI) {
        CO_TRY_OK(add_fields(*pod, source.downwardAPI->items, mode, node, out));
      } else if (source.serviceAccountToken) {
        CO_TRY(auto token, co_await tokens_.token(pod, *source.serviceAccountToken));
        out[source.serviceAccountToken->path] = token_file(*pod, std::move(token), mode);
      } else {
        co_return fail(Status::bad_request("projected volume has a source that is not supported"));
      }
    }
  }
  co_return out;
}

}  // namespace keelson::kubelet
