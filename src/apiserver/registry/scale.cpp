// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/scale.h"

#include "api/codec/json.h"
#include "api/meta/v1.h"
#include "api/names.h"
#include "api/selector.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

constexpr int kScalePatchRetries = 5;

const api::Type& scale_type() {
  const api::Type* type = api::find_root_type("autoscaling/v1", "Scale");
  CHECK(type != nullptr);
  return *type;
}

// As text, since that is what an autoscaler lists pods with.
std::string selector_text(const api::Document& object) {
  const api::Document* selector = api::find_at(object, {"spec", "selector"});
  if (selector == nullptr || !selector->is_object()) return {};
  if (api::string_at(object, {"kind"}) == "ReplicationController") {
    std::map<std::string, std::string, std::less<>> labels;
    for (const auto& [key, value] : selector->get_object()) {
      if (value.is_string()) labels.emplace(key, value.get_string());
    }
    return api::LabelSelector::from_set(labels).text();
  }
  const auto typed = api::decode<meta::v1::LabelSelector>(*selector);
  if (!typed) return {};
  const auto parsed = api::LabelSelector::from(*typed);
  return parsed ? parsed->text() : std::string();
}

Result<api::Document> accept_scale(Body body, CallContext& call) {
  return accept(std::move(body), "autoscaling", "v1", "Scale", scale_type(), call);
}

Task<Result<Written>> apply_scale(Registry& registry, CallContext& call,
                                  const api::Resource& resource, api::ObjectKey key,
                                  api::Document scale) {
  CO_TRY_OK(match_name(scale, key.name));
  const std::int64_t replicas = int_at(scale, {"spec", "replicas"});
  if (replicas < 0) {
    api::FieldErrors errors;
    errors.invalid("spec.replicas", replicas, api::kNegativeMessage);
    co_return fail(errors.status("autoscaling", "Scale", key.name));
  }
  const std::string version(api::string_at(scale, {"metadata", "resourceVersion"}));
  const std::string uid(api::string_at(scale, {"metadata", "uid"}));
  CO_TRY(auto written,
         co_await registry.change(
             call, resource, key, "scale",
             [replicas, version, uid, &resource, key](api::Document& object) -> Result<void> {
               const auto own = api::string_at(object, {"metadata", "resourceVersion"});
               if (!version.empty() && version != "0" && version != own) {
                 return fail(modified_conflict(resource, key));
               }
               const auto own_uid = api::string_at(object, {"metadata", "uid"});
               if (!uid.empty() && uid != own_uid) {
                 return fail(precondition_conflict(resource, key, uid, own_uid));
               }
               api::object_at(object, {"spec"})["replicas"] = replicas;
               return {};
             }));
  CO_TRY(const api::Document object, api::parse_json(written.object->json()));
  CO_TRY(written.object, api::Object::from_json(api::to_json(scale_of(object))));
  co_return written;
}

}  // namespace

api::Document scale_of(const api::Document& object) {
  json::object metadata;
  for (const std::string_view name :
       {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"}) {
    if (const auto* value = api::find_at(object, {"metadata", name})) metadata[name] = *value;
  }
  json::object spec;
  if (const auto replicas = int_at(object, {"spec", "replicas"}); replicas != 0) {
    spec["replicas"] = replicas;
  }
  json::object status{{"replicas", int_at(object, {"status", "replicas"})}};
  if (std::string selector = selector_text(object); !selector.empty()) {
    status["selector"] = selector;
  }
  return json::object{{"kind", "Scale"},
                      {"apiVersion", "autoscaling/v1"},
                      {"metadata", std::move(metadata)},
                      {"spec", std::move(spec)},
                      {"status", std::move(status)}};
}

Task<Result<api::ObjectPtr>> get_scale(Registry& registry, const api::Resource& resource,
                                       api::ObjectKey key) {
  CO_TRY(const auto object, co_await registry.get(resource, std::move(key)));
  CO_TRY(const api::Document document, api::parse_json(object->json()));
  co_return api::Object::from_json(api::to_json(scale_of(document)));
}

Task<Result<Written>> update_scale(Registry& registry, CallContext& call,
                                   const api::Resource& resource, api::ObjectKey key, Body body) {
  CO_TRY(api::Document scale, accept_scale(std::move(body), call));
  co_return co_await apply_scale(registry, call, resource, std::move(key), std::move(scale));
}

Task<Result<Written>> patch_scale(Registry& registry, CallContext& call,
                                  const api::Resource& resource, api::ObjectKey key, PatchKind kind,
                                  std::string patch) {
  CO_TRY(const api::Document parsed, api::parse_json(patch));
  for (int attempt = 0;; ++attempt) {
    CO_TRY(const auto object, co_await registry.get(resource, key));
    CO_TRY(const api::Document document, api::parse_json(object->json()));
    CO_TRY(api::Document patched, apply_patch(scale_of(document), parsed, kind, scale_type()));
    CO_TRY(api::Document scale, accept_scale(Body{std::move(patched), {}}, call));
    auto written = co_await apply_scale(registry, call, resource, key, std::move(scale));
    if (written || !written.error().is(Reason::Conflict) || attempt >= kScalePatchRetries) {
      co_return written;
    }
  }
}

}  // namespace keelson::apiserver
