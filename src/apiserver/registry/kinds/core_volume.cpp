// SPDX-License-Identifier: Apache-2.0
// Source: upstream, pkg/registry/core/persistentvolume and persistentvolumeclaim.
#include "apiserver/registry/kinds/core_volume.h"

#include "apiserver/registry/metadata.h"

namespace keelson::apiserver {
namespace {

namespace json = boost::json;

bool is_known_source(const api::Document& source) {
  const auto kind = api::string_at(source, {"kind"});
  const auto group = api::string_at(source, {"apiGroup"});
  return (kind == "PersistentVolumeClaim" && group.empty()) ||
         (kind == "VolumeSnapshot" && group == "snapshot.storage.k8s.io");
}

}  // namespace

void PersistentVolumeStrategy::prepare_for_create(api::Document& object,
                                                  const CallContext& call) const {
  object.get_object()["status"] =
      json::object{{"phase", "Pending"}, {"lastPhaseTransitionTime", time_text(call.now)}};
}

void PersistentVolumeClaimStrategy::prepare_for_create(api::Document& object,
                                                       const CallContext&) const {
  object.get_object()["status"] = json::object{{"phase", "Pending"}};
  auto& spec = api::object_at(object, {"spec"});
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

}  // namespace keelson::apiserver
