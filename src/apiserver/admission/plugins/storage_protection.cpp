// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "apiserver/admission/plugins/plugins.h"
#include "apiserver/context/document_metadata.h"

namespace keelson::apiserver {
namespace {

struct Protection {
  std::string_view group, plural, finalizer;
};
// Only what a controller here lets go again; upstream protects VolumeAttributesClasses too.
constexpr Protection kProtections[] = {
    {"", "persistentvolumeclaims", "kubernetes.io/pvc-protection"},
    {"", "persistentvolumes", "kubernetes.io/pv-protection"},
};

class StorageProtection final : public AdmissionPlugin {
 public:
  std::string_view name() const override { return "StorageObjectInUseProtection"; }

  Task<Result<void>> admit(AdmissionRequest& request) override {
    if (request.operation != Operation::Create) co_return Result<void>{};
    for (const auto& protection : kProtections) {
      if (!is_request_for(request, protection.group, protection.plural)) continue;
      auto finalizers = finalizers_of(*request.object);
      if (std::ranges::find(finalizers, protection.finalizer) != finalizers.end()) continue;
      finalizers.emplace_back(protection.finalizer);
      set_finalizers(*request.object, finalizers);
    }
    co_return Result<void>{};
  }
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_storage_protection() {
  return std::make_unique<StorageProtection>();
}

}  // namespace keelson::apiserver
