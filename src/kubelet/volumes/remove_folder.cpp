// SPDX-License-Identifier: Apache-2.0
// What a pod has written may be of any depth and is nobody's to trust: the walk opens one folder at
// a time, relative to the one above, and the kernel refuses to step through a link or onto a mount.
// A bind mount of the same file system has the same device number, so that comparing those would
// not do: a hostPath with a subPath would have the node's own files removed.
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <memory>
#include <vector>

#include "kubelet/volumes/descriptor.h"
#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace {

using Stream = std::unique_ptr<DIR, decltype([](DIR* stream) { closedir(stream); })>;

// A folder on the way down, to be found again on the way up.
struct Above {
  std::string name;  // Of the folder below.
  dev_t device;
  ino_t inode;
};

Result<Descriptor> open_folder(int above, const std::string& name, const std::string& path) {
  struct open_how how{};
  how.flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
  how.resolve = RESOLVE_NO_XDEV | RESOLVE_NO_SYMLINKS;
  Descriptor folder(static_cast<int>(syscall(SYS_openat2, above, name.c_str(), &how, sizeof how)));
  if (folder.is_open()) return folder;
  if (errno == EXDEV) {
    return fail(Status::internal("remove " + path + ": something is mounted on " + name));
  }
  return fail(errno_status("open", path + "/.../" + name, errno));
}

// Removes the files of a folder. Returns a folder in it that has to go first, if there is one.
Result<std::optional<std::string>> remove_files(int folder, const std::string& path) {
  const int copy = fcntl(folder, F_DUPFD_CLOEXEC, 0);
  const Stream stream(copy < 0 ? nullptr : fdopendir(copy));
  if (!stream) {
    const int error = errno;
    if (copy >= 0) close(copy);
    return fail(errno_status("read", path, error));
  }
  while (true) {
    errno = 0;
    const dirent* entry = readdir(stream.get());
    if (!entry && errno != 0) return fail(errno_status("read", path, errno));
    if (!entry) return std::nullopt;
    const std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    if (entry->d_type == DT_DIR) return name;
    if (unlinkat(folder, name.c_str(), 0) == 0 || errno == ENOENT) continue;
    if (errno == EISDIR) return name;
    return fail(errno_status("remove", path + "/.../" + name, errno));
  }
}

}  // namespace

Result<void> remove_folder(const std::string& path) {
  const auto slash = path.rfind('/');
  const std::string parent = slash == std::string::npos ? "." : path.substr(0, slash + 1);
  Descriptor folder(open(parent.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.is_open() && errno == ENOENT) return {};
  if (!folder.is_open()) return fail(errno_status("open", parent, errno));

  std::vector<Above> above;
  const auto go_down = [&](std::string name) -> Result<void> {
    struct stat info{};
    if (fstat(folder.number(), &info) != 0) return fail(errno_status("stat", path, errno));
    TRY(folder, open_folder(folder.number(), name, path));
    above.push_back({std::move(name), info.st_dev, info.st_ino});
    return {};
  };
  if (auto top = go_down(path.substr(slash + 1)); !top) {
    return top.error().is(Reason::NotFound) ? Result<void>() : top;
  }
  while (!above.empty()) {
    TRY(auto first, remove_files(folder.number(), path));
    if (first) {
      TRY_OK(go_down(std::move(*first)));
      continue;
    }
    TRY(folder, open_folder(folder.number(), "..", path));
    struct stat info{};
    if (fstat(folder.number(), &info) != 0) return fail(errno_status("stat", path, errno));
    const Above& expected = above.back();
    if (info.st_dev != expected.device || info.st_ino != expected.inode) {
      return fail(Status::internal("remove " + path + ": it was moved meanwhile"));
    }
    if (unlinkat(folder.number(), expected.name.c_str(), AT_REMOVEDIR) != 0 && errno != ENOENT) {
      return fail(errno_status("remove", path + "/.../" + expected.name, errno));
    }
    above.pop_back();
  }
  return {};
}

}  // namespace keelson::kubelet
