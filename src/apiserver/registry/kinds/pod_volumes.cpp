// SPDX-License-Identifier: Apache-2.0
// Volumes of pods: names, one source each, and what the common sources need.
#include <string_view>

#include "api/names.h"
#include "apiserver/registry/kinds/pod_spec.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Volume;

void check_mode(const std::optional<std::int32_t>& mode, const FieldPath& path,
                FieldErrors& errors) {
  if (mode && (*mode < 0 || *mode > 0777)) {
    errors.invalid(path, *mode, "must be a number between 0 and 0777 (octal), both inclusive");
  }
}

void check_items(const std::vector<core::v1::KeyToPath>& items, const FieldPath& path,
                 FieldErrors& errors) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    const FieldPath at = path.index(i);
    if (items[i].key.empty()) errors.required(at.child("key"));
    if (items[i].path.empty()) {
      errors.required(at.child("path"));
    } else {
      validate_descending_path(items[i].path, at.child("path"), errors);
      if (items[i].path.starts_with("..") && !items[i].path.starts_with("../")) {
        errors.invalid(at.child("path"), items[i].path, "must not start with '..'");
      }
    }
    check_mode(items[i].mode, at.child("mode"), errors);
  }
}

void check_projected(const core::v1::ProjectedVolumeSource& projected, const FieldPath& path,
                     FieldErrors& errors) {
  check_mode(projected.defaultMode, path.child("defaultMode"), errors);
  for (std::size_t i = 0; i < projected.sources.size(); ++i) {
    const auto& source = projected.sources[i];
    const FieldPath at = path.child("sources").index(i);
    if (source.secret) {
      if (source.secret->name.empty()) errors.required(at.child("secret", "name"));
      check_items(source.secret->items, at.child("secret", "items"), errors);
    }
    if (source.configMap) {
      if (source.configMap->name.empty()) errors.required(at.child("configMap", "name"));
      check_items(source.configMap->items, at.child("configMap", "items"), errors);
    }
    if (source.serviceAccountToken) {
      const auto& token = *source.serviceAccountToken;
      const FieldPath token_path = at.child("serviceAccountToken");
      if (token.expirationSeconds && *token.expirationSeconds < 600) {
        errors.invalid(token_path.child("expirationSeconds"), *token.expirationSeconds,
                       "may not specify a duration less than 10 minutes");
      }
      if (token.path.empty()) {
        errors.required(token_path.child("path"));
      } else {
        validate_descending_path(token.path, token_path.child("path"), errors);
      }
    }
  }
}

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

void check_source(const Volume& volume, const FieldPath& path, FieldErrors& errors) {
  if (volume.emptyDir && volume.emptyDir->sizeLimit && volume.emptyDir->sizeLimit->sign() < 0) {
    errors.forbidden(path.child("emptyDir", "sizeLimit"),
                     "SizeLimit field must be a valid resource quantity");
  }
  if (volume.hostPath) {
    const FieldPath at = path.child("hostPath", "path");
    if (volume.hostPath->path.empty()) {
      errors.required(at);
    } else if (("/" + volume.hostPath->path + "/").find("/../") != std::string::npos) {
      errors.invalid(at, volume.hostPath->path, "must not contain '..'");
    }
  }
  if (volume.secret) {
    const FieldPath at = path.child("secret");
    if (volume.secret->secretName.empty()) errors.required(at.child("secretName"));
    check_mode(volume.secret->defaultMode, at.child("defaultMode"), errors);
    check_items(volume.secret->items, at.child("items"), errors);
  }
  if (volume.configMap) {
    const FieldPath at = path.child("configMap");
    if (volume.configMap->name.empty()) errors.required(at.child("name"));
    check_mode(volume.configMap->defaultMode, at.child("defaultMode"), errors);
    check_items(volume.configMap->items, at.child("items"), errors);
  }
  if (volume.nfs) {
    const FieldPath at = path.child("nfs");
    if (volume.nfs->server.empty()) errors.required(at.child("server"));
    if (volume.nfs->path.empty()) {
      errors.required(at.child("path"));
    } else if (!volume.nfs->path.starts_with('/')) {
      errors.invalid(at.child("path"), volume.nfs->path, "must be an absolute path");
    }
  }
  if (volume.persistentVolumeClaim && volume.persistentVolumeClaim->claimName.empty()) {
    errors.required(path.child("persistentVolumeClaim", "claimName"));
  }
  if (volume.projected) check_projected(*volume.projected, path.child("projected"), errors);
}

}  // namespace

void validate_descending_path(const std::string& text, const FieldPath& path, FieldErrors& errors) {
  if (text.starts_with('/')) errors.invalid(path, text, "must be a relative path");
  if (("/" + text + "/").find("/../") != std::string::npos) {
    errors.invalid(path, text, "must not contain '..'");
  }
}

FieldErrors validate_volumes(const std::vector<Volume>& volumes, NameSet& names,
                             const FieldPath& path) {
  FieldErrors errors;
  for (std::size_t i = 0; i < volumes.size(); ++i) {
    const Volume& volume = volumes[i];
    const FieldPath at = path.index(i);
    if (volume.name.empty()) {
      errors.required(at.child("name"));
    } else {
      const auto messages = api::validate_dns1123_label(volume.name);
      errors.invalid_each(at.child("name"), volume.name, messages);
      if (names.contains(volume.name)) errors.duplicate(at.child("name"), volume.name);
    }
    if (count_sources(volume, at, errors) == 0) {
      errors.required(at, "must specify a volume type");
    }
    check_source(volume, at, errors);
    names.insert(volume.name);
  }
  return errors;
}

}  // namespace keelson::apiserver
