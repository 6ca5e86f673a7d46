// SPDX-License-Identifier: Apache-2.0
// Source: upstream, pkg/registry/core/pod/storage (BindingREST, EvictionREST).
#include "apiserver/registry/pod_subresources.h"

#include "api/core/v1.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

api::Document success() {
  return json::object{{"kind", "Status"},
                      {"apiVersion", "v1"},
                      {"metadata", json::object()},
                      {"status", "Success"},
                      {"code", 201}};
}

void merge_strings(api::Document& pod, const api::Document& binding, std::string_view name) {
  const auto* added = api::find_at(binding, {"metadata", name});
  if (added == nullptr || !added->is_object()) return;
  auto& own = api::object_at(pod, {"metadata", name});
  for (const auto& [key, value] : added->get_object()) own[key] = value;
}

void set_scheduled(api::Document& pod, Wall now) {
  auto& status = api::object_at(pod, {"status"});
  auto& conditions = status["conditions"];
  if (!conditions.is_array()) conditions.emplace_array();
  json::object condition{{"type", "PodScheduled"},
                         {"status", "True"},
                         {"lastProbeTime", nullptr},
                         {"lastTransitionTime", time_text(now)}};
  for (auto& present : conditions.get_array()) {
    if (api::string_at(present, {"type"}) != "PodScheduled") continue;
    if (api::string_at(present, {"status"}) != "True") present = std::move(condition);
    return;
  }
  conditions.get_array().push_back(std::move(condition));
}

Result<void> assign(api::Document& pod, const api::Document& binding, Wall now) {
  const std::string name(api::string_at(pod, {"metadata", "name"}));
  const auto conflict = [&](const std::string& why) {
    return fail(Status::conflict("", "pods/binding", name, why));
  };
  const auto uid = api::string_at(binding, {"metadata", "uid"});
  if (!uid.empty() && uid != api::string_at(pod, {"metadata", "uid"})) {
    return conflict(
        "Precondition failed: UID in precondition: " + std::string(uid) +
        ", UID in object meta: " + std::string(api::string_at(pod, {"metadata", "uid"})));
  }
  if (is_deleting(pod)) {
    return conflict("pod " + name + " is being deleted, cannot be assigned to a host");
  }
  if (const auto node = api::string_at(pod, {"spec", "nodeName"}); !node.empty()) {
    return conflict("pod " + name + " is already assigned to node \"" + std::string(node) + "\"");
  }
  const auto* gates = api::find_at(pod, {"spec", "schedulingGates"});
  if (gates != nullptr && gates->is_array() && !gates->get_array().empty()) {
    return conflict("pod " + name + " has non-empty .spec.schedulingGates");
  }
  api::object_at(pod, {"spec"})["nodeName"] = api::string_at(binding, {"target", "name"});
  merge_strings(pod, binding, "annotations");
  merge_strings(pod, binding, "labels");
  set_scheduled(pod, now);
  return {};
}

api::FieldErrors validate_binding(const api::Document& binding) {
  api::FieldErrors errors;
  const auto kind = api::string_at(binding, {"target", "kind"});
  if (!kind.empty() && kind != "Node") {
    errors.not_supported("target.kind", kind, {"Node", "<empty>"});
  }
  if (api::string_at(binding, {"target", "name"}).empty()) errors.required("target.name");
  return errors;
}

}  // namespace

Task<Result<api::Document>> bind_pod(Registry& registry, CallContext& call, api::ObjectKey key,
                                     api::Document binding) {
  if (api::string_at(binding, {"metadata", "name"}) != key.name) {
    co_return fail(Status::bad_request("name in URL does not match name in Binding object"));
  }
  if (const auto errors = validate_binding(binding); !errors.empty()) {
    co_return fail(errors.status("", "Binding", key.name));
  }
  const Wall now = call.now;
  CO_TRY([[maybe_unused]] const auto written,
         co_await registry.change(
             call, api::resource_of<core::v1::Pod>(), std::move(key), "binding",
             [&binding, now](api::Document& pod) { return assign(pod, binding, now); }));
  co_return success();
}

Task<Result<api::Document>> evict_pod(Registry& registry, CallContext& call, api::ObjectKey key,
                                      api::Document eviction) {
  const auto name = api::string_at(eviction, {"metadata", "name"});
  if (name != key.name) {
    co_return fail(Status::bad_request("name in URL does not match name in Eviction object"));
  }
  api::Document options;
  if (const auto* given = api::find_at(eviction, {"deleteOptions"})) options = *given;
  CO_TRY(auto query, parse_delete_query({}, options));
  CO_TRY([[maybe_unused]] const auto removed,
         co_await registry.remove(call, api::resource_of<core::v1::Pod>(), std::move(key),
                                  std::move(query)));
  co_return success();
}

}  // namespace keelson::apiserver
