// SPDX-License-Identifier: Apache-2.0
#include "apiserver/registry/kinds/core_namespace.h"

#include <algorithm>

#include "api/core/v1.h"
#include "api/names.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/typed_check.h"
#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using api::FieldErrors;
using api::FieldPath;

constexpr std::string_view kFinalizer = "kubernetes";
constexpr std::string_view kNameLabel = "kubernetes.io/metadata.name";

void set_name_label(api::Document& object) {
  api::object_at(object, {"metadata", "labels"})[kNameLabel] =
      std::string(api::string_at(object, {"metadata", "name"}));
}

void check_finalizer(const std::string& finalizer, const FieldPath& path, FieldErrors& errors) {
  errors.invalid_each(path, finalizer, api::validate_qualified_name(finalizer));
  errors += api::validate_builtin_finalizer(finalizer, path);
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

FieldErrors NamespaceStrategy::validate(const api::Document& object) const {
  return check_typed<core::v1::Namespace>(
      object, {}, [](const core::v1::Namespace& space, FieldErrors& errors) {
        for (const auto& finalizer : space.spec.finalizers) {
          check_finalizer(finalizer, FieldPath("spec").child("finalizers"), errors);
        }
      });
}

FieldErrors NamespaceStrategy::validate_update(const api::Document&, const api::Document&) const {
  // Finalizers are kept, and there is nothing else.
  return {};
}

FieldErrors NamespaceStrategy::validate_subresource_update(const api::Document& now,
                                                           const api::Document&,
                                                           std::string_view) const {
  return check_typed<core::v1::Namespace>(
      now, {}, [](const core::v1::Namespace& space, FieldErrors& errors) {
        const FieldPath path = FieldPath("spec").child("finalizers");
        for (std::size_t i = 0; i < space.spec.finalizers.size(); ++i) {
          check_finalizer(space.spec.finalizers[i], path.index(i), errors);
        }
      });
}

FieldErrors NamespaceStrategy::validate_status_update(const api::Document& now,
                                                      const api::Document&) const {
  FieldErrors errors;
  const auto phase = api::string_at(now, {"status", "phase"});
  // Source: upstream's own spelling.
  const FieldPath path = FieldPath("status").child("Phase");
  if (is_deleting(now)) {
    if (phase != "Terminating") {
      errors.invalid(path, phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
    }
  } else if (phase != "Active") {
    errors.invalid(path, phase, "may only be 'Active' if `deletionTimestamp` is empty");
  }
  return errors;
}

bool NamespaceStrategy::holds_deletion(api::Document& object) const {
  const auto* finalizers = api::find_at(object, {"spec", "finalizers"});
  const bool held =
      finalizers != nullptr && finalizers->is_array() && !finalizers->get_array().empty();
  if (held) api::object_at(object, {"status"})["phase"] = "Terminating";
  return held;
}

}  // namespace keelson::apiserver
