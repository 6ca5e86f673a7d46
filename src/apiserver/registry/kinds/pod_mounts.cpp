// SPDX-License-Identifier: Apache-2.0
// Volumes in containers: as files and as block devices. Source: upstream, ValidateVolumeMounts and
// ValidateVolumeDevices.
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::VolumeDevice;
using core::v1::VolumeMount;

void check_sub_path(const VolumeMount& mount, const FieldPath& path, FieldErrors& errors) {
  if (!mount.subPath.empty()) {
    check_descending_path(mount.subPath, path.child("subPath"), errors);
  }
  if (mount.subPathExpr.empty()) return;
  if (!mount.subPath.empty()) {
    errors.invalid(path.child("subPathExpr"), mount.subPathExpr,
                   "subPathExpr and subPath are mutually exclusive");
  }
  check_descending_path(mount.subPathExpr, path.child("subPathExpr"), errors);
}

void check_recursive_read_only(const VolumeMount& mount, const FieldPath& path,
                               FieldErrors& errors) {
  if (!mount.recursiveReadOnly || *mount.recursiveReadOnly == "Disabled") return;
  if (*mount.recursiveReadOnly != "Enabled" && *mount.recursiveReadOnly != "IfPossible") {
    errors.not_supported(path, *mount.recursiveReadOnly, {"Disabled", "Enabled", "IfPossible"});
    return;
  }
  if (!mount.readOnly) errors.forbidden(path, "may only be specified when readOnly is true");
  if (mount.mountPropagation.value_or("None") != "None") {
    errors.forbidden(path, "may only be specified when mountPropagation is None or not specified");
  }
}

void check_device(const VolumeDevice& device, const VolumeIndex& volumes, const FieldPath& path,
                  FieldErrors& errors) {
  const FieldPath name = path.child("name");
  if (device.name.empty()) errors.required(name);
  const auto volume = volumes.find(device.name);
  if (volume == volumes.end()) {
    errors.not_found(name, device.name);
  } else if (!volume->second->persistentVolumeClaim && !volume->second->ephemeral) {
    errors.invalid(name, device.name,
                   "can only use volume source type of PersistentVolumeClaim or Ephemeral for "
                   "block mode");
  }
}

}  // namespace

void check_mounts(const std::vector<VolumeMount>& mounts, const std::vector<VolumeDevice>& devices,
                  bool privileged, const PodContext& pod, const FieldPath& path,
                  FieldErrors& errors) {
  // The last one of a name counts.
  std::map<std::string_view, std::string_view> mounted, attached;
  for (const auto& mount : mounts) mounted[mount.name] = mount.mountPath;
  for (const auto& device : devices) attached[device.name] = device.devicePath;
  const auto has_path = [](const auto& used, std::string_view at) {
    for (const auto& [name, other] : used) {
      if (other == at) return true;
    }
    return false;
  };

  NameSet points;
  for (std::size_t i = 0; i < mounts.size(); ++i) {
    const auto& mount = mounts[i];
    const FieldPath at = path.child("volumeMounts").index(i);
    if (mount.name.empty()) {
      errors.required(at.child("name"));
    } else if (!pod.volumes.contains(mount.name)) {
      errors.not_found(at.child("name"), mount.name);
    }
    if (mount.mountPath.empty()) {
      errors.required(at.child("mountPath"));
    } else if (!points.insert(mount.mountPath).second) {
      errors.invalid(at.child("mountPath"), mount.mountPath, "must be unique");
    }
    if (attached.contains(mount.name)) {
      errors.invalid(at.child("name"), mount.name, "must not already exist in volumeDevices");
    }
    if (has_path(attached, mount.mountPath)) {
      errors.invalid(at.child("mountPath"), mount.mountPath,
                     "must not already exist as a path in volumeDevices");
    }
    check_sub_path(mount, at, errors);
    if (mount.mountPropagation == "Bidirectional" && !privileged) {
      errors.forbidden(at.child("mountPropagation"),
                       "Bidirectional mount propagation is available only to privileged "
                       "containers");
    }
    // Source: upstream, which does not say which mount it is here.
    check_recursive_read_only(mount, path.child("volumeMounts", "recursiveReadOnly"), errors);
  }

  NameSet names, device_paths;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto& device = devices[i];
    const FieldPath at = path.child("volumeDevices").index(i);
    if (names.contains(device.name)) {
      errors.invalid(at.child("name"), device.name, "must be unique");
    }
    check_device(device, pod.volumes, at, errors);
    const FieldPath device_path = at.child("devicePath");
    if (device.devicePath.empty()) errors.required(device_path);
    if (device_paths.contains(device.devicePath)) {
      errors.invalid(device_path, device.devicePath, "must be unique");
    }
    if (has_backsteps(device.devicePath)) {
      errors.invalid(device_path, device.devicePath, "can not contain backsteps ('..')");
    } else {
      device_paths.insert(device.devicePath);
    }
    if (mounted.contains(device.name)) {
      errors.invalid(at.child("name"), device.name, "must not already exist in volumeMounts");
    }
    if (has_path(mounted, device.devicePath)) {
      errors.invalid(device_path, device.devicePath,
                     "must not already exist as a path in volumeMounts");
    }
    if (!device.name.empty()) names.insert(device.name);
  }
}

}  // namespace keelson::apiserver
