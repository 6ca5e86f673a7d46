// SPDX-License-Identifier: Apache-2.0
// Volumes of pods: names, and one source each. Source: upstream, ValidateVolumes.
#include <string_view>

#include "api/names.h"
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Volume;

// How many sources a volume has; those after the first are errors.
int count_sources(const Volume& volume, const FieldPath& path, FieldErrors& errors) {
  int count = 0;
  const auto check = [&](bool set, std::string_view name) {
    if (set && count++ > 0) {
      errors.forbidden(path.child(name), "may not specify more than 1 volume type");
    }
  };
  check(volume.emptyDir.has_value(), "emptyDir");
  check(volume.hostPath.has_value(), "hostPath");
  check(volume.gitRepo.has_value(), "gitRepo");
  check(volume.gcePersistentDisk.has_value(), "gcePersistentDisk");
  check(volume.awsElasticBlockStore.has_value(), "awsElasticBlockStore");
  check(volume.secret.has_value(), "secret");
  check(volume.nfs.has_value(), "nfs");
  check(volume.iscsi.has_value(), "iscsi");
  check(volume.glusterfs.has_value(), "glusterfs");
  check(volume.flocker.has_value(), "flocker");
  check(volume.persistentVolumeClaim.has_value(), "persistentVolumeClaim");
  check(volume.rbd.has_value(), "rbd");
  check(volume.cinder.has_value(), "cinder");
  check(volume.cephfs.has_value(), "cephFS");
  check(volume.quobyte.has_value(), "quobyte");
  check(volume.downwardAPI.has_value(), "downwarAPI");  // Source: upstream's own spelling.
  check(volume.fc.has_value(), "fc");
  check(volume.flexVolume.has_value(), "flexVolume");
  check(volume.configMap.has_value(), "configMap");
  check(volume.azureFile.has_value(), "azureFile");
  check(volume.vsphereVolume.has_value(), "vsphereVolume");
  check(volume.photonPersistentDisk.has_value(), "photonPersistentDisk");
  check(volume.portworxVolume.has_value(), "portworxVolume");
  check(volume.azureDisk.has_value(), "azureDisk");
  check(volume.storageos.has_value(), "storageos");
  check(volume.projected.has_value(), "projected");
  check(volume.scaleIO.has_value(), "scaleIO");
  check(volume.csi.has_value(), "csi");
  check(volume.ephemeral.has_value(), "ephemeral");
  check(volume.image.has_value(), "image");
  return count;
}

}  // namespace

VolumeIndex check_volumes(const std::vector<Volume>& volumes, const PodRules& rules,
                          const FieldPath& path, FieldErrors& errors) {
  // Claims that are made for this pod; their names follow from its own.
  NameSet own_claims;
  for (const Volume& volume : volumes) {
    if (volume.ephemeral && !rules.pod_name.empty()) {
      own_claims.insert(rules.pod_name + "-" + volume.name);
    }
  }
  VolumeIndex index;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const Volume& volume = volumes[i];
    const FieldPath at = path.index(i);
    FieldErrors own;
    if (count_sources(volume, at, own) == 0) own.required(at, "must specify a volume type");
    check_file_source(volume, rules, at, own);
    check_storage_source(volume, rules, at, own);
    if (volume.name.empty()) {
      own.required(at.child("name"));
    } else {
      own.invalid_each(at.child("name"), volume.name, api::validate_dns1123_label(volume.name));
    }
    if (index.contains(volume.name)) own.duplicate(at.child("name"), volume.name);
    if (own.empty()) index.emplace(volume.name, &volume);
    errors += std::move(own);
    if (volume.persistentVolumeClaim &&
        own_claims.contains(volume.persistentVolumeClaim->claimName)) {
      errors.invalid(at.child("persistentVolumeClaim", "claimName"),
                     volume.persistentVolumeClaim->claimName,
                     "must not reference a PVC that gets created for an ephemeral volume");
    }
  }
  return index;
}

}  // namespace keelson::apiserver
