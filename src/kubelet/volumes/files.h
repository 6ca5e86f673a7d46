// SPDX-License-Identifier: Apache-2.0
// Small file operations with errors as values. They block: for small files and metadata only.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace keelson::kubelet {

// "open /x: no such file or directory", with NotFound for ENOENT, InternalError else.
Status errno_status(std::string_view operation, const std::string& path, int error);

// Errors: RequestEntityTooLarge beyond `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit = 1 << 20);
// Replaces the file; the mode is set exactly, whatever the umask.
Result<void> write_file(const std::string& path, std::string_view bytes, std::uint32_t mode);
// Makes missing folders; the mode is that of new ones.
Result<void> make_folders(const std::string& path, std::uint32_t mode = 0755);
Result<void> set_owner(const std::string& path, std::optional<std::uint32_t> user,
                       std::optional<std::uint32_t> group);
Result<void> set_mode(const std::string& path, std::uint32_t mode);
Result<void> bind_mount(const std::string& source, const std::string& target);

bool is_mount_point(const std::string& path);
// With options such as "size=1024". Does nothing if something is mounted there already.
Result<void> mount_tmpfs(const std::string& path, const std::string& options);
// All mounts below a folder, innermost first. Lazy: what is still in use goes later.
Result<void> unmount_below(const std::string& folder);

// Gives all files below to the group, readable and writable for it; folders pass the group on.
// Source: API reference, PodSecurityContext.fsGroup.
Result<void> give_to_group(const std::string& folder, std::uint32_t group, bool read_only);

}  // namespace keelson::kubelet
