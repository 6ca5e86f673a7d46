// SPDX-License-Identifier: Apache-2.0
// Volumes of the node, of claims, of drivers and of storage systems. Source: upstream,
// validateVolumeSource and what it calls.
#include <algorithm>
#include <string_view>

#include "api/names.h"
#include "api/validation/object_meta.h"
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::Volume;

struct Member {
  std::string_view name;
  bool is_set;
};

void require(std::initializer_list<Member> members, const FieldPath& path, FieldErrors& errors) {
  for (const auto& [name, is_set] : members) {
    if (!is_set) errors.required(path.child(name));
  }
}

void check_host_path(const core::v1::HostPathVolumeSource& source, const FieldPath& path,
                     FieldErrors& errors) {
  require({{"path", !source.path.empty()}}, path, errors);
  if (has_backsteps(source.path)) {
    errors.invalid(path.child("path"), source.path, "must not contain '..'");
  }
}

void check_nfs(const core::v1::NFSVolumeSource& source, const FieldPath& path,
               FieldErrors& errors) {
  require({{"server", !source.server.empty()}, {"path", !source.path.empty()}}, path, errors);
  if (!source.path.starts_with('/')) {
    errors.invalid(path.child("path"), source.path, "must be an absolute path");
  }
}

// --- iSCSI ---------------------------------------------------------------------------------------

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_alphanumeric(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// "iqn.2001-04.com.example:disk": the month, a domain, and a name that has no ",;*&$|" or space.
bool is_iqn(std::string_view name) {
  constexpr std::size_t kDomainStart = 12;  // Behind "iqn.yyyy-mm."
  constexpr std::string_view kFormat = "iqn.0000-00.";
  if (name.size() <= kDomainStart) return false;
  for (std::size_t i = 0; i < kDomainStart; ++i) {
    if (kFormat[i] == '0' ? !is_digit(name[i]) : name[i] != kFormat[i]) return false;
  }
  const auto colon = name.find(':', kDomainStart);
  if (colon == std::string_view::npos || colon == kDomainStart || colon + 1 == name.size()) {
    return false;
  }
  const auto domain = name.substr(kDomainStart, colon - kDomainStart);
  return std::ranges::all_of(domain,
                             [](char c) { return is_alphanumeric(c) || c == '-' || c == '.'; }) &&
         name.substr(colon).find_first_of(",;*&$| \t\n\v\f\r") == std::string_view::npos;
}

// "eui." or "naa." and so many digits and letters.
bool is_numbered(std::string_view name, std::size_t length) {
  return name.size() == 4 + length && std::ranges::all_of(name.substr(4), is_alphanumeric);
}

void check_initiator(const std::string& name, const FieldPath& path, FieldErrors& errors) {
  bool valid = false;
  if (name.starts_with("iqn")) {
    valid = is_iqn(name);
  } else if (name.starts_with("eui")) {
    valid = is_numbered(name, 16);
  } else if (name.starts_with("naa")) {
    valid = is_numbered(name, 32);
  } else {
    errors.invalid(path, name, "must be valid format starting with iqn, eui, or naa");
    return;
  }
  if (!valid) errors.invalid(path, name, "must be valid format");
}

void check_lun(std::int32_t lun, const FieldPath& path, FieldErrors& errors) {
  errors.invalid_each(path, lun, api::validate_in_range(lun, 0, 255));
}

constexpr std::size_t kSessionNameLengthMax = 64;

void check_iscsi(const core::v1::ISCSIVolumeSource& source, const std::string& volume,
                 const FieldPath& volume_path, FieldErrors& errors) {
  const FieldPath path = volume_path.child("iscsi");
  require({{"targetPortal", !source.targetPortal.empty()}, {"iqn", !source.iqn.empty()}}, path,
          errors);
  if (!source.iqn.empty()) check_initiator(source.iqn, path.child("iqn"), errors);
  check_lun(source.lun, path.child("lun"), errors);
  if ((source.chapAuthDiscovery || source.chapAuthSession) && !source.secretRef) {
    errors.required(path.child("secretRef"));
  }
  if (!source.initiatorName) return;
  check_initiator(*source.initiatorName, path.child("initiatorname"), errors);
  if (volume.size() + 1 + source.targetPortal.size() > kSessionNameLengthMax) {
    errors.invalid(volume_path.child("name"), volume,
                   "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters "
                   "if iscsi.initiatorName is specified.");
  }
}

// --- Drivers, claims and images ------------------------------------------------------------------

constexpr std::size_t kDriverLengthMax = 63;

void check_csi(const core::v1::CSIVolumeSource& source, const FieldPath& path,
               FieldErrors& errors) {
  const FieldPath driver = path.child("driver");
  require({{"driver", !source.driver.empty()}}, path, errors);
  if (source.driver.size() > kDriverLengthMax) errors.too_long(driver, kDriverLengthMax);
  std::string lower = source.driver;
  std::ranges::transform(lower, lower.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  errors.invalid_each(driver, source.driver, api::validate_dns1123_subdomain(lower));
  if (!source.nodePublishSecretRef) return;
  const std::string& secret = source.nodePublishSecretRef->name;
  if (secret.empty()) {
    errors.required(path.child("nodePublishSecretRef", "name"));
  } else {
    // Source: upstream, which looks for it there.
    errors.invalid_each(path.child("name"), secret, api::name_is_dns_subdomain(secret, false));
  }
}

void check_claim_template(const core::v1::PersistentVolumeClaimTemplate& claim,
                          const FieldPath& path, FieldErrors& errors) {
  const FieldPath metadata = path.child("metadata");
  errors += api::validate_annotations(claim.metadata.annotations, metadata.child("annotations"));
  errors += api::validate_labels(claim.metadata.labels, metadata.child("labels"));
  for (const auto& [name, is_set] : {Member{"name", !claim.metadata.name.empty()},
                                     Member{"generateName", !claim.metadata.generateName.empty()},
                                     Member{"namespace", !claim.metadata.namespace_.empty()}}) {
    if (is_set) errors.forbidden(metadata.child(name), "cannot be set");
  }
  const FieldPath spec = path.child("spec");
  if (claim.spec.accessModes.empty()) {
    errors.required(spec.child("accessModes"), "at least 1 access mode is required");
  }
  const auto storage = claim.spec.resources.requests.find("storage");
  if (storage == claim.spec.resources.requests.end()) {
    errors.required(spec.child("resources").key("storage"));
  } else if (storage->second.sign() <= 0) {
    errors.invalid(spec.child("resources").key("storage"), storage->second.text(),
                   "must be greater than zero");
  }
}

void check_ephemeral(const core::v1::EphemeralVolumeSource& source, const std::string& volume,
                     const PodRules& rules, const FieldPath& volume_path, FieldErrors& errors) {
  const FieldPath at = volume_path.child("ephemeral", "volumeClaimTemplate");
  if (source.volumeClaimTemplate) {
    check_claim_template(*source.volumeClaimTemplate, at, errors);
  } else {
    errors.required(at);
  }
  if (rules.pod_name.empty() || volume.empty()) return;
  const std::string claim = rules.pod_name + "-" + volume;
  for (const auto& message : api::name_is_dns_subdomain(claim, false)) {
    errors.invalid(volume_path.child("name"), volume, "PVC name \"" + claim + "\": " + message);
  }
}

// --- Storage systems -----------------------------------------------------------------------------

void check_partition(std::int32_t partition, const FieldPath& path, FieldErrors& errors) {
  if (partition >= 0 && partition <= 255) return;
  // Source: upstream, whose text does not know that 0 means none.
  errors.invalid(path, partition, api::range_message(1, 255));
}

void check_fibre_channel(const core::v1::FCVolumeSource& source, const FieldPath& path,
                         FieldErrors& errors) {
  const FieldPath names = path.child("targetWWNs");
  if (source.targetWWNs.empty() && source.wwids.empty()) {
    errors.required(names, "must specify either targetWWNs or wwids, but not both");
  }
  if (source.targetWWNs.empty()) return;
  if (!source.wwids.empty()) {
    errors.invalid(names, source.targetWWNs,
                   "targetWWNs and wwids can not be specified simultaneously");
  }
  if (!source.lun) {
    errors.required(path.child("lun"), "lun is required if targetWWNs is specified");
  } else {
    check_lun(*source.lun, path.child("lun"), errors);
  }
}

void check_flocker(const core::v1::FlockerVolumeSource& source, const FieldPath& path,
                   FieldErrors& errors) {
  if (source.datasetName.empty() && source.datasetUUID.empty()) {
    errors.required(path, "one of datasetName and datasetUUID is required");
  }
  if (!source.datasetName.empty() && !source.datasetUUID.empty()) {
    errors.invalid(path, "resource",
                   "datasetName and datasetUUID can not be specified simultaneously");
  }
  if (source.datasetName.find('/') != std::string::npos) {
    errors.invalid(path.child("datasetName"), source.datasetName, "must not contain '/'");
  }
}

// Systems that need no more than some members; `path` is the volume's.
void check_required_members(const Volume& volume, const FieldPath& path, FieldErrors& errors) {
  if (const auto* disk = volume.gcePersistentDisk.get()) {
    const FieldPath at = path.child("persistentDisk");  // Source: upstream's own name.
    require({{"pdName", !disk->pdName.empty()}}, at, errors);
    check_partition(disk->partition, at.child("partition"), errors);
  }
  if (const auto* disk = volume.awsElasticBlockStore.get()) {
    const FieldPath at = path.child("awsElasticBlockStore");
    require({{"volumeID", !disk->volumeID.empty()}}, at, errors);
    check_partition(disk->partition, at.child("partition"), errors);
  }
  if (const auto* files = volume.glusterfs.get()) {
    require({{"endpoints", !files->endpoints.empty()}, {"path", !files->path.empty()}},
            path.child("glusterfs"), errors);
  }
  if (const auto* device = volume.rbd.get()) {
    require({{"monitors", !device->monitors.empty()}, {"image", !device->image.empty()}},
            path.child("rbd"), errors);
  }
  if (const auto* disk = volume.cinder.get()) {
    require({{"volumeID", !disk->volumeID.empty()}}, path.child("cinder"), errors);
    if (disk->secretRef && disk->secretRef->name.empty()) {
      errors.required(path.child("cinder", "secretRef", "name"));
    }
  }
  if (const auto* files = volume.cephfs.get()) {
    require({{"monitors", !files->monitors.empty()}}, path.child("cephfs"), errors);
  }
  if (const auto* driver = volume.flexVolume.get()) {
    require({{"driver", !driver->driver.empty()}}, path.child("flexVolume"), errors);
  }
  if (const auto* share = volume.azureFile.get()) {
    require({{"secretName", !share->secretName.empty()}, {"shareName", !share->shareName.empty()}},
            path.child("azureFile"), errors);
  }
  if (const auto* disk = volume.azureDisk.get()) {
    require({{"diskName", !disk->diskName.empty()}, {"diskURI", !disk->diskURI.empty()}},
            path.child("azureDisk"), errors);
  }
  if (const auto* disk = volume.vsphereVolume.get()) {
    require({{"volumePath", !disk->volumePath.empty()}}, path.child("vsphereVolume"), errors);
  }
  if (const auto* disk = volume.photonPersistentDisk.get()) {
    require({{"pdID", !disk->pdID.empty()}}, path.child("photonPersistentDisk"), errors);
  }
  if (const auto* disk = volume.portworxVolume.get()) {
    require({{"volumeID", !disk->volumeID.empty()}}, path.child("portworxVolume"), errors);
  }
  if (const auto* files = volume.quobyte.get()) {
    const FieldPath at = path.child("quobyte");
    if (files->registry.empty()) {
      errors.required(at.child("registry"),
                      "must be a host:port pair or multiple pairs separated by commas");
    }
    require({{"volume", !files->volume.empty()}}, at, errors);
  }
  if (const auto* disk = volume.storageos.get()) {
    require({{"volumeName", !disk->volumeName.empty()}}, path.child("storageos"), errors);
  }
  if (const auto* disk = volume.scaleIO.get()) {
    require({{"gateway", !disk->gateway.empty()},
             {"system", !disk->system.empty()},
             {"volumeName", !disk->volumeName.empty()}},
            path.child("scaleIO"), errors);
  }
}

}  // namespace

void check_storage_source(const Volume& volume, const PodRules& rules, const FieldPath& path,
                          FieldErrors& errors) {
  if (volume.emptyDir && volume.emptyDir->sizeLimit && volume.emptyDir->sizeLimit->sign() < 0) {
    errors.forbidden(path.child("emptyDir", "sizeLimit"),
                     "SizeLimit field must be a valid resource quantity");
  }
  if (volume.hostPath) check_host_path(*volume.hostPath, path.child("hostPath"), errors);
  if (volume.gitRepo) {
    const FieldPath at = path.child("gitRepo");
    require({{"repository", !volume.gitRepo->repository.empty()}}, at, errors);
    check_descending_path(volume.gitRepo->directory, at.child("directory"), errors);
  }
  if (volume.nfs) check_nfs(*volume.nfs, path.child("nfs"), errors);
  if (volume.iscsi) check_iscsi(*volume.iscsi, volume.name, path, errors);
  if (volume.persistentVolumeClaim) {
    require({{"claimName", !volume.persistentVolumeClaim->claimName.empty()}},
            path.child("persistentVolumeClaim"), errors);
  }
  if (volume.fc) check_fibre_channel(*volume.fc, path.child("fc"), errors);
  if (volume.flocker) check_flocker(*volume.flocker, path.child("flocker"), errors);
  check_required_members(volume, path, errors);
  if (volume.csi) check_csi(*volume.csi, path.child("csi"), errors);
  if (volume.ephemeral) check_ephemeral(*volume.ephemeral, volume.name, rules, path, errors);
  if (volume.image) {
    // A template may leave it to somebody else.
    require({{"reference", !rules.is_pod || !volume.image->reference.empty()},
             {"pullPolicy", !volume.image->pullPolicy.empty()}},
            path.child("image"), errors);
  }
}

}  // namespace keelson::apiserver
