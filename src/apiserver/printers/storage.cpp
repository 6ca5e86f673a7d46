// SPDX-License-Identifier: Apache-2.0
#include "api/storage/v1.h"
#include "apiserver/printers/cells.h"

namespace keelson::apiserver {
namespace {

using namespace storage::v1;

bool is_default_class(const Labels& annotations) {
  for (const std::string_view key : {"storageclass.kubernetes.io/is-default-class",
                                     "storageclass.beta.kubernetes.io/is-default-class"}) {
    const auto found = annotations.find(key);
    if (found != annotations.end() && found->second == "true") return true;
  }
  return false;
}

Cells storage_class_cells(const StorageClass& value, Wall now) {
  const std::string suffix = is_default_class(value.metadata.annotations) ? " (default)" : "";
  return {value.metadata.name + suffix,
          value.provisioner,
          or_else(value.reclaimPolicy, "Delete"),
          or_else(value.volumeBindingMode, "Immediate"),
          value.allowVolumeExpansion.value_or(false),
          age_of(value, now)};
}

Cells volume_attributes_class_cells(const VolumeAttributesClass& value, Wall now) {
  constexpr std::string_view kDefault =
      "volumeattributesclass.alpha.kubernetes.io/is-default-class";
  const auto found = value.metadata.annotations.find(kDefault);
  const bool is_default = found != value.metadata.annotations.end() && found->second == "true";
  return {value.metadata.name + (is_default ? " (default)" : ""), value.driverName,
          age_of(value, now)};
}

Cells volume_attachment_cells(const VolumeAttachment& attachment, Wall now) {
  return {attachment.metadata.name,
          attachment.spec.attacher,
          attachment.spec.source.persistentVolumeName.value_or(""),
          attachment.spec.nodeName,
          attachment.status.attached,
          age_of(attachment, now)};
}

Cells csi_driver_cells(const CSIDriver& driver, Wall now) {
  const auto& spec = driver.spec;
  std::vector<std::string> audiences;
  for (const auto& request : spec.tokenRequests) audiences.push_back(request.audience);
  return {driver.metadata.name,
          spec.attachRequired.value_or(true),
          spec.podInfoOnMount.value_or(false),
          spec.storageCapacity.value_or(false),
          spec.tokenRequests.empty() ? std::string(kUnset) : join(audiences, ","),
          spec.requiresRepublish.value_or(false),
          or_else(join(spec.volumeLifecycleModes, ","), kNone),
          age_of(driver, now)};
}

Cells csi_node_cells(const CSINode& node, Wall now) {
  return {node.metadata.name, node.spec.drivers.size(), age_of(node, now)};
}

constexpr Printer kPrinters[] = {
    printer<CSIDriver, csi_driver_cells>(),
    printer<CSINode, csi_node_cells>(),
    printer<StorageClass, storage_class_cells>(),
    printer<VolumeAttachment, volume_attachment_cells>(),
    printer<VolumeAttributesClass, volume_attributes_class_cells>(),
};

}  // namespace

std::span<const Printer> storage_printers() { return kPrinters; }

}  // namespace keelson::apiserver
