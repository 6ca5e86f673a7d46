// SPDX-License-Identifier: Apache-2.0
// Upstream's PersistentVolumeClaimResize.
#include "api/codec/json.h"
#include "api/core/v1.h"
#include "api/storage/v1.h"
#include "apiserver/admission/plugins/plugins.h"

namespace keelson::apiserver {
namespace {

using core::v1::PersistentVolumeClaim;
using storage::v1::StorageClass;

api::Quantity requested(const PersistentVolumeClaim& claim) {
  const auto found = claim.spec.resources.requests.find("storage");
  return found == claim.spec.resources.requests.end() ? api::Quantity() : found->second;
}

class ClaimResize final : public AdmissionPlugin {
 public:
  explicit ClaimResize(CacheSet& caches) : caches_(caches) {}

  std::string_view name() const override { return "PersistentVolumeClaimResize"; }

  Task<Result<void>> validate(const AdmissionRequest& request) override {
    if (!is_request_for(request, "", "persistentvolumeclaims") ||
        request.operation != Operation::Update) {
      co_return Result<void>{};
    }
    const auto& before = request.before->as<PersistentVolumeClaim>();
    CO_TRY(const auto now, api::decode<PersistentVolumeClaim>(*request.object));
    if (requested(now) <= requested(before)) co_return Result<void>{};
    if (before.status.phase != "Bound") {
      co_return fail(
          admission_forbidden(request, "Only bound persistent volume claims can be expanded"));
    }
    const std::string class_name = now.spec.storageClassName.value_or("");
    api::ObjectPtr found;
    if (!class_name.empty()) {
      CO_TRY(found, co_await find_admission_object(caches_, api::resource_of<StorageClass>(),
                                                   api::ObjectKey{{}, class_name}));
    }
    if (!found || !found->as<StorageClass>().allowVolumeExpansion.value_or(false)) {
      co_return fail(admission_forbidden(
          request,
          "only dynamically provisioned pvc can be resized and the storageclass that "
          "provisions the pvc must support resize"));
    }
    co_return Result<void>{};
  }

 private:
  CacheSet& caches_;
};

}  // namespace

std::unique_ptr<AdmissionPlugin> make_claim_resize(CacheSet& caches) {
  return std::make_unique<ClaimResize>(caches);
}

}  // namespace keelson::apiserver
