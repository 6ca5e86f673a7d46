// SPDX-License-Identifier: Apache-2.0
// The volumes of this node's pods, below ROOT/pods/<uid>/volumes/kubernetes.io~<kind>/<name>.
// Source: API reference, Volume; upstream pkg/volume.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "kubelet/host.h"
#include "kubelet/volumes/payload_source.h"

namespace keelson::kubelet {

class VolumeManager final {
 public:
  // `block` runs work that may take long on another thread.
  using Block = std::function<void(Work)>;
  VolumeManager(std::string root_dir, PayloadSource& payloads, Executor& executor, Random& random,
                Block block);

  // Makes all volumes of the pod, or brings them up to date.
  Task<Result<VolumePaths>> mount(PodPtr pod, NodeValues node);
  // Unmounts everything of the pod and removes its folder.
  Task<Result<void>> unmount(std::string uid);
  // Uids of pods that have a folder.
  std::vector<std::string> pods() const;

  std::string pod_dir(const std::string& uid) const { return root_dir_ + "/pods/" + uid; }
  std::string empty_dir(const v1::Pod& pod, const std::string& volume) const {
    return volume_dir(pod, "empty-dir", volume);
  }

 private:
  Task<Result<std::string>> mount_one(PodPtr pod, const v1::Volume* volume, NodeValues node);
  Result<std::string> make_empty_dir(const v1::Pod& pod, const v1::Volume& volume);
  Task<Result<std::string>> make_payload(PodPtr pod, const v1::Volume* volume, NodeValues node);
  std::string volume_dir(const v1::Pod& pod, std::string_view kind, const std::string& name) const;

  const std::string root_dir_;
  PayloadSource& payloads_;
  Executor& executor_;
  Random& random_;
  const Block block_;
};

// Checks what a hostPath asks for, and makes it where it says OrCreate. Errors: BadRequest
// "hostPath type check failed: /x is not a directory".
Result<void> check_host_path(const v1::HostPathVolumeSource& source);

// A path inside a volume as something to mount that cannot lead out of it: resolved within the
// volume whatever links it holds, made as a folder if it does not exist, and bound to `target`.
// Errors: BadRequest for a path that leaves the volume; InternalError.
Result<void> bind_sub_path(const std::string& volume, const std::string& sub_path,
                           const std::string& target);

}  // namespace keelson::kubelet
