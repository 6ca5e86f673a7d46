// SPDX-License-Identifier: Apache-2.0
// Defaults of storage.k8s.io/v1.
#include "api/defaulting/rules.h"

namespace keelson::api::defaulting {
namespace {

constexpr Literal kLiterals[] = {
    {"storage/v1.StorageClass", "reclaimPolicy", When::Nil, R"("Delete")"},
    {"storage/v1.StorageClass", "volumeBindingMode", When::Nil, R"("Immediate")"},
    {"storage/v1.CSIDriver", "spec.attachRequired", When::Nil, "true"},
    {"storage/v1.CSIDriver", "spec.podInfoOnMount", When::Nil, "false"},
    {"storage/v1.CSIDriver", "spec.storageCapacity", When::Nil, "false"},
    {"storage/v1.CSIDriver", "spec.fsGroupPolicy", When::Nil, R"("ReadWriteOnceWithFSType")"},
    {"storage/v1.CSIDriver", "spec.volumeLifecycleModes", When::Empty, R"(["Persistent"])"},
    {"storage/v1.CSIDriver", "spec.requiresRepublish", When::Nil, "false"},
    {"storage/v1.CSIDriver", "spec.seLinuxMount", When::Nil, "false"},
};

}  // namespace

const Rules kStorageRules = {kLiterals, {}};

}  // namespace keelson::api::defaulting
