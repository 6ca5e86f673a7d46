// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/resource_api.h"

#include "api/codec/json.h"
#include "apiserver/registry/pod_subresources.h"
#include "apiserver/registry/scale.h"

namespace keelson::apiserver {
namespace {

// The kind of the body that a POST to a subresource takes.
struct BodyKind {
  std::string_view group, version, kind;
  const api::Type* type = nullptr;
};

BodyKind body_kind(const api::Resource& resource, std::string_view subresource) {
  BodyKind kind{resource.group, resource.version, resource.kind, resource.type};
  const api::Subresource* entry = resource.find_subresource(subresource);
  if (entry == nullptr || entry->kind.empty()) return kind;
  kind = {entry->group, entry->version, entry->kind, nullptr};
  std::string api_version(entry->version);
  if (!entry->group.empty()) api_version.insert(0, "/").insert(0, entry->group);
  kind.type = api::find_root_type(api_version, entry->kind);
  return kind;
}

// eviction takes the version before it, too, as upstream does.
bool is_old_eviction(const BodyKind& kind, const api::Document& document) {
  return kind.kind == "Eviction" && api::string_at(document, {"apiVersion"}) == "policy/v1beta1";
}

}  // namespace

const api::Resource* find_served(std::string_view group, std::string_view version,
                                 std::string_view plural) {
  const api::Resource* resource = api::find_builtin(group, version, plural);
  return resource != nullptr && resource->served_by_default && resource->gate.empty() ? resource
                                                                                      : nullptr;
}

ResourceApi::ResourceApi(Registry& registry) : registry_(registry) {
  set_create_handler(
      "pods", "binding",
      [this](CallContext& call, const api::Resource&, api::ObjectKey key, api::Document body) {
        return bind_pod(registry_, call, std::move(key), std::move(body));
      });
  // The older place of a binding: a resource of its own, that names the pod.
  set_create_handler(
      "bindings", "",
      [this](CallContext& call, const api::Resource&, api::ObjectKey key, api::Document body) {
        key.name = api::string_at(body, {"metadata", "name"});
        return bind_pod(registry_, call, std::move(key), std::move(body));
      });
  set_create_handler(
      "pods", "eviction",
      [this](CallContext& call, const api::Resource&, api::ObjectKey key, api::Document body) {
        return evict_pod(registry_, call, std::move(key), std::move(body));
      });
}

void ResourceApi::set_create_handler(std::string group_resource, std::string subresource,
                                     CreateHandler handler) {
  create_handlers_[{std::move(group_resource), std::move(subresource)}] = std::move(handler);
}

Task<Result<api::ObjectPtr>> ResourceApi::get(const api::Resource& resource, api::ObjectKey key,
                                              std::string subresource,
                                              std::string resource_version) {
  if (subresource == "scale") co_return co_await get_scale(registry_, resource, std::move(key));
  co_return co_await registry_.get(resource, std::move(key), std::move(resource_version));
}

Task<Result<Written>> ResourceApi::create(CallContext& call, const api::Resource& resource,
                                          api::ObjectKey key, std::string subresource, Body body) {
  const auto found = create_handlers_.find(std::pair(resource.group_resource(), subresource));
  if (found == create_handlers_.end()) {
    if (!subresource.empty()) {
      co_return fail(Status::method_not_allowed(resource.group, resource.plural, "create"));
    }
    co_return co_await registry_.create(call, resource, std::move(key), std::move(body));
  }
  const BodyKind kind = body_kind(resource, subresource);
  if (kind.type == nullptr) {
    co_return fail(Status::internal("no type for the body of " + resource.group_resource() + "/" +
                                    subresource));
  }
  if (is_old_eviction(kind, body.document)) {
    body.document.get_object()["apiVersion"] = "policy/v1";
  }
  CO_TRY(api::Document document,
         accept(std::move(body), kind.group, kind.version, kind.kind, *kind.type, call));
  CO_TRY(const api::Document answer,
         co_await found->second(call, resource, std::move(key), std::move(document)));
  CO_TRY(auto object, api::Object::from_json(api::to_json(answer)));
  co_return Written{std::move(object), true};
}

Task<Result<Written>> ResourceApi::update(CallContext& call, const api::Resource& resource,
                                          api::ObjectKey key, std::string subresource, Body body) {
  if (subresource == "scale") {
    co_return co_await update_scale(registry_, call, resource, std::move(key), std::move(body));
  }
  co_return co_await registry_.update(call, resource, std::move(key), std::move(subresource),
                                      std::move(body));
}

Task<Result<Written>> ResourceApi::patch(CallContext& call, const api::Resource& resource,
                                         api::ObjectKey key, std::string subresource,
                                         PatchKind kind, std::string patch) {
  if (subresource == "scale") {
    co_return co_await patch_scale(registry_, call, resource, std::move(key), kind,
                                   std::move(patch));
  }
  co_return co_await registry_.patch(call, resource, std::move(key), std::move(subresource), kind,
                                     std::move(patch));
}

}  // namespace keelson::apiserver
