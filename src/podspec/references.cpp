// SPDX-License-Identifier: Apache-2.0
#include "podspec/references.h"

namespace keelson::podspec {
namespace {

using core::v1::Pod;
using core::v1::Volume;

class Names {
 public:
  void add(std::string_view name) {
    if (!name.empty()) names_.push_back(name);
  }
  // Of a reference that need not be there.
  template <class Reference>
  void add_from(const Reference& reference) {
    if (reference) add(reference->name);
  }
  std::vector<std::string_view> take() { return std::move(names_); }

 private:
  std::vector<std::string_view> names_;
};

template <class Visit>
void each_container_env(const Pod& pod, Visit visit) {
  const auto each = [&](const auto& containers) {
    for (const auto& container : containers) visit(container.env, container.envFrom);
  };
  each(pod.spec.containers);
  each(pod.spec.initContainers);
  each(pod.spec.ephemeralContainers);
}

void add_secrets_of(const Volume& volume, Names& names) {
  if (volume.secret) names.add(volume.secret->secretName);
  if (volume.azureFile) names.add(volume.azureFile->secretName);
  if (volume.cephfs) names.add_from(volume.cephfs->secretRef);
  if (volume.cinder) names.add_from(volume.cinder->secretRef);
  if (volume.csi) names.add_from(volume.csi->nodePublishSecretRef);
  if (volume.flexVolume) names.add_from(volume.flexVolume->secretRef);
  if (volume.iscsi) names.add_from(volume.iscsi->secretRef);
  if (volume.rbd) names.add_from(volume.rbd->secretRef);
  if (volume.scaleIO) names.add_from(volume.scaleIO->secretRef);
  if (volume.storageos) names.add_from(volume.storageos->secretRef);
  if (!volume.projected) return;
  for (const auto& source : volume.projected->sources) names.add_from(source.secret);
}

}  // namespace

std::vector<std::string_view> secrets_of(const Pod& pod) {
  Names names;
  for (const auto& reference : pod.spec.imagePullSecrets) names.add(reference.name);
  each_container_env(pod, [&](const auto& env, const auto& env_from) {
    for (const auto& variable : env) {
      if (variable.valueFrom) names.add_from(variable.valueFrom->secretKeyRef);
    }
    for (const auto& source : env_from) names.add_from(source.secretRef);
  });
  for (const Volume& volume : pod.spec.volumes) add_secrets_of(volume, names);
  return names.take();
}

std::vector<std::string_view> config_maps_of(const Pod& pod) {
  Names names;
  each_container_env(pod, [&](const auto& env, const auto& env_from) {
    for (const auto& variable : env) {
      if (variable.valueFrom) names.add_from(variable.valueFrom->configMapKeyRef);
    }
    for (const auto& source : env_from) names.add_from(source.configMapRef);
  });
  for (const Volume& volume : pod.spec.volumes) {
    names.add_from(volume.configMap);
    if (!volume.projected) continue;
    for (const auto& source : volume.projected->sources) names.add_from(source.configMap);
  }
  return names.take();
}

std::vector<std::string> claims_of(const Pod& pod) {
  std::vector<std::string> names;
  for (const Volume& volume : pod.spec.volumes) {
    if (volume.persistentVolumeClaim) {
      names.push_back(volume.persistentVolumeClaim->claimName);
    } else if (volume.ephemeral) {
      names.push_back(pod.metadata.name + "-" + volume.name);
    }
  }
  return names;
}

}  // namespace keelson::podspec
