// SPDX-License-Identifier: Apache-2.0
// Source: upstream, pkg/registry/core/persistentvolume and persistentvolumeclaim;
// pkg/apis/core/validation, ValidatePersistentVolumeSpec and ValidatePersistentVolumeClaimSpec.
#include "apiserver/registry/kinds/core_volume.h"

#include "api/core/v1.h"
#include "apiserver/registry/kinds/typed_check.h"
#include "apiserver/registry/metadata.h"
#include "podspec/resources.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;
using core::v1::PersistentVolumeClaim;

bool is_known_source(const api::Document& source) {
  const auto kind = api::string_at(source, {"kind"});
  const auto group = api::string_at(source, {"apiGroup"});
  return (kind == "PersistentVolumeClaim" && group.empty()) ||
         (kind == "VolumeSnapshot" && group == "snapshot.storage.k8s.io");
}

bool is_empty_at(const api::Document& object, std::initializer_list<std::string_view> path) {
  const auto* value = api::find_at(object, path);
  if (value == nullptr) return true;
  if (value->is_array()) return value->get_array().empty();
  return value->is_object() && value->get_object().empty();
}

void check_single_writer(const api::Document& object, api::FieldErrors& errors) {
  const auto* modes = api::find_at(object, {"spec", "accessModes"});
  if (modes == nullptr || !modes->is_array() || modes->get_array().size() < 2) return;
  for (const auto& mode : modes->get_array()) {
    if (mode != json::value("ReadWriteOncePod")) continue;
    errors.forbidden(api::FieldPath("spec").child("accessModes"),
                     "may not use ReadWriteOncePod with other access modes");
    return;
  }
}

// A claim's two names for its source are one.
void join_sources(api::Document& claim) {
  auto& spec = api::object_at(claim, {"spec"});
  auto* source = spec.if_contains("dataSource");
  auto* reference = spec.if_contains("dataSourceRef");
  if (reference == nullptr && source != nullptr) {
    if (is_known_source(*source)) {
      spec["dataSourceRef"] = json::value(*source);
    } else {
      spec.erase("dataSource");
    }
  } else if (source == nullptr && reference != nullptr &&
             api::string_at(*reference, {"namespace"}).empty()) {
    spec["dataSource"] = json::value(*reference);
  }
}

api::Quantity storage_of(const podspec::ResourceList& amounts) {
  const auto found = amounts.find("storage");
  return found == amounts.end() ? api::Quantity() : found->second;
}

// Source: upstream, ValidatePersistentVolumeClaimUpdate.
void check_claim_change(const PersistentVolumeClaim& now, const PersistentVolumeClaim& before,
                        api::FieldErrors& errors) {
  const api::FieldPath path("spec");
  auto spec = now.spec;
  if (before.spec.volumeName.empty()) spec.volumeName.clear();
  if (now.status.phase == "Bound") {
    spec.volumeAttributesClassName = before.spec.volumeAttributesClassName;
    spec.resources.requests = before.spec.resources.requests;
  }
  if (!(spec == before.spec)) {
    errors.forbidden(path,
                     "spec is immutable after creation except resources.requests and "
                     "volumeAttributesClassName for bound claims");
  }
  // A volume that could not be made larger may be given up, but none becomes smaller.
  const auto size = storage_of(now.spec.resources.requests);
  if (size < storage_of(before.spec.resources.requests) &&
      size <= storage_of(before.status.capacity)) {
    errors.forbidden(path.child("resources", "requests", "storage"),
                     "field can not be less than status.capacity");
  }
}

}  // namespace

api::FieldErrors PersistentVolumeStrategy::validate(const api::Document& object) const {
  api::FieldErrors errors = Strategy::validate(object);
  const api::FieldPath path("spec");
  if (is_empty_at(object, {"spec", "accessModes"})) errors.required(path.child("accessModes"));
  check_single_writer(object, errors);
  if (is_empty_at(object, {"spec", "capacity"})) errors.required(path.child("capacity"));
  return errors;
}

api::FieldErrors PersistentVolumeClaimStrategy::validate(const api::Document& object) const {
  api::FieldErrors errors = Strategy::validate(object);
  const api::FieldPath path("spec");
  if (is_empty_at(object, {"spec", "accessModes"})) {
    errors.required(path.child("accessModes"), "at least 1 access mode is required");
  }
  check_single_writer(object, errors);
  if (api::find_at(object, {"spec", "resources", "requests", "storage"}) == nullptr) {
    errors.required(path.child("resources").key("storage"));
  }
  return errors;
}

void PersistentVolumeStrategy::prepare_for_create(api::Document& object,
                                                  const CallContext& call) const {
  object.get_object()["status"] =
      json::object{{"phase", "Pending"}, {"lastPhaseTransitionTime", time_text(call.now)}};
}

void PersistentVolumeClaimStrategy::prepare_for_create(api::Document& object,
                                                       const CallContext&) const {
  object.get_object()["status"] = json::object{{"phase", "Pending"}};
  join_sources(object);
}

bool PersistentVolumeClaimStrategy::prepare_for_update(api::Document& now,
                                                       const api::Document& before,
                                                       const CallContext& call) const {
  join_sources(now);
  return Strategy::prepare_for_update(now, before, call);
}

api::FieldErrors PersistentVolumeClaimStrategy::validate_update(const api::Document& now,
                                                                const api::Document& before) const {
  return check_typed<PersistentVolumeClaim>(
      now, validate(now), [&](const PersistentVolumeClaim& claim, api::FieldErrors& errors) {
        if (const auto old = api::decode<PersistentVolumeClaim>(before)) {
          check_claim_change(claim, *old, errors);
        }
      });
}

}  // namespace keelson::apiserver
