// SPDX-License-Identifier: Apache-2.0
// A container may have put links into its volume that lead out of it; the kernel's openat2()
// resolves a path without ever leaving the volume, and what it opened is bound by its descriptor,
// so that nothing can be changed between the look and the mount (CVE-2017-1002101, CVE-2021-25741).
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "kubelet/volumes/descriptor.h"
#include "kubelet/volumes/files.h"
#include "kubelet/volumes/volume_manager.h"

namespace keelson::kubelet {

namespace {

Descriptor open_beneath(int folder, const std::string& path) {
  struct open_how how{};
  how.flags = O_PATH | O_CLOEXEC;
  how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
  return Descriptor(static_cast<int>(syscall(SYS_openat2, folder, path.c_str(), &how, sizeof how)));
}

Result<void> refuse_ways_out(const std::string& path) {
  if (path.starts_with('/')) return fail(Status::bad_request("subPath must be relative: " + path));
  for (std::string_view rest = path;;) {
    const auto slash = rest.find('/');
    if (rest.substr(0, slash) == "..") {
      return fail(Status::bad_request("subPath must not contain '..': " + path));
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

// Opens it, making missing folders on the way.
Result<Descriptor> open_or_make(const std::string& volume, const std::string& path) {
  Descriptor folder(open(volume.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open()) return fail(errno_status("open", volume, errno));
  Descriptor whole = open_beneath(folder.number(), path);
  if (whole.is_open()) return whole;
  if (errno != ENOENT) return fail(errno_status("open", volume + "/" + path, errno));
  std::string_view rest = path;
  while (!rest.empty()) {
    const auto slash = rest.find('/');
    const std::string part(rest.substr(0, slash));
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    Descriptor next = open_beneath(folder.number(), part);
    if (!next.is_open() && errno == ENOENT) {
      if (mkdirat(folder.number(), part.c_str(), 0750) != 0 && errno != EEXIST) {
        return fail(errno_status("mkdir", volume + "/" + path, errno));
      }
      // As open to everybody as the volume itself.
      struct stat info{};
      if (fstat(folder.number(), &info) == 0) {
        (void)fchmodat(folder.number(), part.c_str(), info.st_mode & 07777, 0);
        (void)fchownat(folder.number(), part.c_str(), info.st_uid, info.st_gid, 0);
      }
      next = open_beneath(folder.number(), part);
    }
    if (!next.is_open()) return fail(errno_status("open", volume + "/" + path, errno));
    folder = std::move(next);
  }
  return folder;
}

}  // namespace

Result<void> bind_sub_path(const std::string& volume, const std::string& sub_path,
                           const std::string& target) {
  TRY_OK(refuse_ways_out(sub_path));
  TRY(const Descriptor source, open_or_make(volume, sub_path));
  struct stat info{};
  if (fstat(source.number(), &info) != 0) return fail(errno_status("stat", sub_path, errno));
  if (is_mount_point(target)) {
    // Of an earlier instance of the container: what the path leads to may have changed since.
    if (umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0) {
      return fail(errno_status("umount", target, errno));
    }
  }
  if (S_ISDIR(info.st_mode)) {
    TRY_OK(make_folders(target, 0750));
  } else {
    TRY_OK(make_folders(target.substr(0, target.rfind('/')), 0750));
    TRY_OK(write_file(target, "", 0640));
  }
  return bind_mount("/proc/self/fd/" + std::to_string(source.number()), target);
}

}  // namespace keelson::kubelet
