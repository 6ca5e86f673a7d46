// SPDX-License-Identifier: Apache-2.0
#include "kubelet/volumes/files.h"

#include <fcntl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <vector>

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

constexpr std::uint32_t kGroupReadWrite = 0660;
constexpr std::uint32_t kGroupRead = 0440;
constexpr std::uint32_t kFolderBits = 0110;
constexpr std::uint32_t kSetGroup = 02000;

// Octal escapes of blanks, as in /proc/self/mountinfo.
std::string unescape(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\\' && i + 3 < text.size()) {
      out +=
          static_cast<char>((text[i + 1] - '0') * 64 + (text[i + 2] - '0') * 8 + text[i + 3] - '0');
      i += 3;
    } else {
      out += text[i];
    }
  }
  return out;
}

// In the order in which they were mounted.
std::vector<std::string> mount_points() {
  std::vector<std::string> out;
  std::ifstream file("/proc/self/mountinfo");
  for (std::string line; std::getline(file, line);) {
    // The fifth field.
    std::size_t at = 0;
    for (int i = 0; i < 4 && at != std::string::npos; ++i) {
      at = line.find(' ', at);
      if (at != std::string::npos) ++at;
    }
    if (at == std::string::npos) continue;
    out.push_back(unescape(std::string_view(line).substr(at, line.find(' ', at) - at)));
  }
  return out;
}

}  // namespace

Status errno_status(std::string_view operation, const std::string& path, int error) {
  const std::string text =
      std::string(operation) + " " + path + ": " + std::generic_category().message(error);
  return Status(error == ENOENT ? Reason::NotFound : Reason::InternalError, text);
}

Result<std::string> read_file(const std::string& path, std::size_t limit) {
  const int file = open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (file < 0) return fail(errno_status("open", path, errno));
  std::string out;
  char block[16 << 10];
  while (true) {
    const ssize_t got = read(file, block, sizeof block);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) {
      const int error = errno;
      close(file);
      if (got < 0) return fail(errno_status("read", path, error));
      return out;
    }
    out.append(block, static_cast<std::size_t>(got));
    if (out.size() > limit) {
      close(file);
      return fail(Reason::RequestEntityTooLarge, "read " + path + ": file too large");
    }
  }
}

Result<void> write_file(const std::string& path, std::string_view bytes, std::uint32_t mode) {
  // Without waiting for the reader of a FIFO that has the name.
  const int file =
      open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (file < 0) return fail(errno_status("open", path, errno));
  int error = 0;
  while (!bytes.empty()) {
    const ssize_t put = write(file, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) {
      error = errno;
      break;
    }
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  if (error == 0 && fchmod(file, mode) != 0) error = errno;
  if (close(file) != 0 && error == 0) error = errno;
  if (error != 0) return fail(errno_status("write", path, error));
  return {};
}

Result<void> make_folders(const std::string& path, std::uint32_t mode) {
  if (mkdir(path.c_str(), mode) == 0) return set_mode(path, mode);
  if (errno == EEXIST) {
    std::error_code error;
    if (fs::is_directory(path, error)) return {};
    return fail(errno_status("mkdir", path, ENOTDIR));
  }
  if (errno != ENOENT) return fail(errno_status("mkdir", path, errno));
  const auto slash = path.rfind('/');
  if (slash == std::string::npos || slash == 0) return fail(errno_status("mkdir", path, ENOENT));
  TRY_OK(make_folders(path.substr(0, slash), 0755));
  if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
    return fail(errno_status("mkdir", path, errno));
  }
  return set_mode(path, mode);
}

Result<std::string> make_canonical(const std::string& path) {
  std::error_code error;
  const fs::path absolute = fs::absolute(path, error);
  std::string folder = error ? "" : fs::weakly_canonical(absolute, error).string();
  if (error) return fail(errno_status("resolve", path, error.value()));
  while (folder.size() > 1 && folder.ends_with('/')) folder.pop_back();
  TRY_OK(make_folders(folder));
  auto canonical = fs::canonical(folder, error);
  if (error) return fail(errno_status("resolve", path, error.value()));
  return canonical.string();
}

Result<void> set_owner(const std::string& path, std::optional<std::uint32_t> user,
                       std::optional<std::uint32_t> group) {
  constexpr auto kKeep = static_cast<std::uint32_t>(-1);
  if (lchown(path.c_str(), user.value_or(kKeep), group.value_or(kKeep)) != 0) {
    return fail(errno_status("chown", path, errno));
  }
  return {};
}

Result<void> set_mode(const std::string& path, std::uint32_t mode) {
  if (chmod(path.c_str(), mode) != 0) return fail(errno_status("chmod", path, errno));
  return {};
}

Result<void> bind_mount(const std::string& source, const std::string& target) {
  if (mount(source.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0) {
    return fail(errno_status("mount", target, errno));
  }
  return {};
}

bool is_mount_point(const std::string& path) {
  struct statx info{};
  if (statx(AT_FDCWD, path.c_str(), AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &info) != 0) {
    return false;
  }
  if ((info.stx_attributes_mask & STATX_ATTR_MOUNT_ROOT) != 0) {
    return (info.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
  }
  // Before Linux 5.8.
  std::error_code error;
  const auto points = mount_points();
  return std::ranges::find(points, fs::canonical(path, error).string()) != points.end();
}

Result<void> mount_tmpfs(const std::string& path, const std::string& options) {
  if (is_mount_point(path)) return {};
  if (mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) {
    return fail(errno_status("mount", path, errno));
  }
  return {};
}

Result<void> unmount_below(const std::string& folder) {
  std::error_code error;
  // The kernel knows mounts by this name only.
  const std::string root = fs::canonical(folder, error).string();
  if (error == std::errc::no_such_file_or_directory) return {};
  if (error) return fail(errno_status("resolve", folder, error.value()));
  const std::string prefix = root.ends_with('/') ? root : root + "/";
  auto points = mount_points();
  Result<void> result;
  for (auto point = points.rbegin(); point != points.rend(); ++point) {
    if (*point != root && !point->starts_with(prefix)) continue;
    if (umount2(point->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL) {
      result = fail(errno_status("umount", *point, errno));
    }
  }
  return result;
}

Result<void> give_to_group(const std::string& folder, std::uint32_t group, bool read_only) {
  const auto give = [&](const fs::path& path, bool is_folder, bool is_link) -> Result<void> {
    TRY_OK(set_owner(path.string(), std::nullopt, group));
    if (is_link) return {};
    struct stat info{};
    if (lstat(path.c_str(), &info) != 0) return fail(errno_status("stat", path.string(), errno));
    std::uint32_t mode = (info.st_mode & 07777) | (read_only ? kGroupRead : kGroupReadWrite);
    if (is_folder) mode |= kSetGroup | kFolderBits;
    return set_mode(path.string(), mode);
  };
  TRY_OK(give(folder, true, false));
  std::error_code error;
  for (auto entry = fs::recursive_directory_iterator(folder, error);
       !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    const auto status = entry->symlink_status(error);
    TRY_OK(give(entry->path(), fs::is_directory(status), fs::is_symlink(status)));
  }
  if (error) return fail(errno_status("walk", folder, error.value()));
  return {};
}

}  // namespace keelson::kubelet
