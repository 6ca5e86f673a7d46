// SPDX-License-Identifier: Apache-2.0
#include "kubelet/volumes/volume_manager.h"

#include <sys/stat.h>

#include <filesystem>

#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kWorldWritable = 0777;

std::optional<std::uint32_t> fs_group(const v1::Pod& pod) {
  if (!pod.spec.securityContext || !pod.spec.securityContext->fsGroup) return std::nullopt;
  return static_cast<std::uint32_t>(*pod.spec.securityContext->fsGroup);
}

Status for_volume(const v1::Volume& volume, Status status) {
  return std::move(status).with_context("MountVolume.SetUp failed for volume \"" + volume.name +
                                        "\" ");
}

bool is_kind(const std::string& path, mode_t kind) {
  struct stat info{};
  return stat(path.c_str(), &info) == 0 && (info.st_mode & S_IFMT) == kind;
}

}  // namespace

Result<void> check_host_path(const v1::HostPathVolumeSource& source) {
  const std::string type = source.type.value_or("");
  const std::string& path = source.path;
  struct Kind {
    std::string_view type;
    mode_t mode;
    const char* text;
  };
  constexpr Kind kKinds[] = {{"Directory", S_IFDIR, "a directory"},
                             {"DirectoryOrCreate", S_IFDIR, "a directory"},
                             {"File", S_IFREG, "a file"},
                             {"FileOrCreate", S_IFREG, "a file"},
                             {"Socket", S_IFSOCK, "a socket file"},
                             {"CharDevice", S_IFCHR, "a character device"},
                             {"BlockDevice", S_IFBLK, "a block device"}};
  if (type.empty()) return {};
  std::error_code error;
  if (!fs::exists(path, error)) {
    if (type == "DirectoryOrCreate") TRY_OK(make_folders(path, 0755));
    if (type == "FileOrCreate") TRY_OK(write_file(path, "", 0644));
  }
  for (const auto& kind : kKinds) {
    if (kind.type != type) continue;
    if (is_kind(path, kind.mode)) return {};
    return fail(
        Status::bad_request("hostPath type check failed: " + path + " is not " + kind.text));
  }
  return fail(
      Status::bad_request("hostPath type check failed: " + type + " is an invalid volume type"));
}

VolumeManager::VolumeManager(std::string root_dir, PayloadSource& payloads, Executor& executor,
                             Random& random, Block block)
    : root_dir_(std::move(root_dir)),
      payloads_(payloads),
      executor_(executor),
      random_(random),
      block_(std::move(block)) {}

std::string VolumeManager::volume_dir(const v1::Pod& pod, std::string_view kind,
                                      const std::string& name) const {
  return pod_dir(pod.metadata.uid) + "/volumes/kubernetes.io~" + std::string(kind) + "/" + name;
}

Task<Result<VolumePaths>> VolumeManager::mount(PodPtr pod, NodeValues node) {
  CO_TRY_OK(make_folders(pod_dir(pod->metadata.uid), 0750));
  VolumePaths out;
  for (const auto& volume : pod->spec.volumes) {
    auto path = co_await mount_one(pod, &volume, node);
    if (!path) {
      if (path.error().is(Reason::Canceled)) co_return fail(std::move(path).error());
      co_return fail(for_volume(volume, std::move(path).error()));
    }
    out[volume.name] = std::move(*path);
  }
  co_return out;
}

Task<Result<std::string>> VolumeManager::mount_one(PodPtr pod, const v1::Volume* volume,
                                                   NodeValues node) {
  if (volume->hostPath) {
    CO_TRY_OK(check_host_path(*volume->hostPath));
    co_return volume->hostPath->path;
  }
  if (has_payload(*volume)) co_return co_await make_payload(pod, volume, std::move(node));
  // A volume without any source is an empty folder.
  const bool other = volume->persistentVolumeClaim || volume->ephemeral || volume->csi ||
                     volume->nfs || volume->iscsi || volume->fc || volume->image;
  if (volume->emptyDir || !other) co_return make_empty_dir(*pod, *volume);
  co_return fail(Status::bad_request("this kind of volume is not supported by the node"));
}

Result<std::string> VolumeManager::make_empty_dir(const v1::Pod& pod, const v1::Volume& volume) {
  const std::string medium = volume.emptyDir ? volume.emptyDir->medium : std::string();
  if (!medium.empty() && medium != v1::StorageMedium::Memory) {
    // A folder on disk would do without telling, but not with what was asked for.
    return fail(
        Status::bad_request("storage medium \"" + medium + "\" is not supported by the node"));
  }
  const std::string path = empty_dir(pod, volume.name);
  std::error_code error;
  const bool in_memory = medium == v1::StorageMedium::Memory;
  const bool there = fs::is_directory(path, error) && (!in_memory || is_mount_point(path));
  if (there) return path;
  TRY_OK(make_folders(path, kWorldWritable));
  if (in_memory) {
    std::string options = "mode=0777";
    if (volume.emptyDir->sizeLimit && volume.emptyDir->sizeLimit->sign() > 0) {
      options += ",size=" + std::to_string(volume.emptyDir->sizeLimit->value());
    }
    TRY_OK(mount_tmpfs(path, options));
  }
  if (const auto group = fs_group(pod)) TRY_OK(give_to_group(path, *group, false));
  return path;
}

Task<Result<std::string>> VolumeManager::make_payload(PodPtr pod, const v1::Volume* volume,
                                                      NodeValues node) {
  const bool secret = volume->secret || volume->projected;
  const std::string_view kind = volume->configMap     ? "configmap"
                                : volume->secret      ? "secret"
                                : volume->downwardAPI ? "downward-api"
                                                      : "projected";
  CO_TRY(const auto payload, co_await payloads_.payload(pod, volume, std::move(node)));
  const std::string path = volume_dir(*pod, kind, volume->name);
  CO_TRY_OK(make_folders(path, kWorldWritable));
  // Secrets never touch the disk.
  if (secret) CO_TRY_OK(mount_tmpfs(path, "mode=0777"));
  CO_TRY_OK(write_payload(path, payload, fs_group(*pod), executor_.now(), random_));
  co_return path;
}

Task<Result<void>> VolumeManager::unmount(std::string uid) {
  if (uid.empty() || uid == "." || uid == ".." || uid.find('/') != std::string::npos) {
    co_return fail(Status::bad_request("no pod uid: " + uid));
  }
  const std::string folder = pod_dir(uid);
  // On another thread: removing what a pod has written may take long.
  co_return co_await suspended<Result<void>>(fail(Status::canceled()),
                                             [this, folder](Completion<Result<void>> done) {
                                               block_([folder, done = std::move(done)] {
                                                 auto removed = unmount_below(folder);
                                                 if (removed) removed = remove_folder(folder);
                                                 done.complete(std::move(removed));
                                               });
                                             });
}

std::vector<std::string> VolumeManager::pods() const {
  std::vector<std::string> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(root_dir_ + "/pods", error)) {
    out.push_back(entry.path().filename().string());
  }
  return out;
}

}  // namespace keelson::kubelet
