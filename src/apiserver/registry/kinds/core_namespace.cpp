// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_namespace.h"

#include <algorithm>

#include "api/names.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

constexpr std::string_view kFinalizer = "kubernetes";
constexpr std::string_view kNameLabel = "kubernetes.io/metadata.name";

void set_name_label(api::Document& object) {
  api::object_at(object, {"metadata", "labels"})[kNameLabel] =
      std::string(api::string_at(object, {"metadata", "name"}));
}

}  // namespace

void NamespaceStrategy::prepare_for_create(api::Document& object, const CallContext&) const {
  object.get_object()["status"] = json::object{{"phase", "Active"}};
  auto& spec = api::object_at(object, {"spec"});
  auto& finalizers = spec["finalizers"];
  if (!finalizers.is_array()) finalizers = json::array();
  auto& list = finalizers.get_array();
  if (std::ranges::find(list, json::value(kFinalizer)) == list.end()) list.emplace_back(kFinalizer);
  set_name_label(object);
}

bool NamespaceStrategy::prepare_for_update(api::Document& now, const api::Document& before,
                                           const CallContext& call) const {
  // Only the subresource finalize changes them.
  if (call.info.subresource.empty()) {
    if (const auto* spec = api::find_at(before, {"spec"})) {
      now.get_object()["spec"] = *spec;
    } else {
      now.get_object().erase("spec");
    }
  }
  set_name_label(now);
  return Strategy::prepare_for_update(now, before, call);
}

std::vector<std::string> NamespaceStrategy::validate_name(std::string_view name,
                                                          bool prefix) const {
  return api::name_is_dns_label(name, prefix);
}

bool NamespaceStrategy::holds_deletion(api::Document& object) const {
  const auto* finalizers = api::find_at(object, {"spec", "finalizers"});
  const bool held =
      finalizers != nullptr && finalizers->is_array() && !finalizers->get_array().empty();
  if (held) api::object_at(object, {"status"})["phase"] = "Terminating";
  return held;
}

}  // namespace keelson::apiserver
