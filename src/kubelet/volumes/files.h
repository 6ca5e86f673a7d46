// SPDX-License-Identifier: Apache-2.0
// Small file operations with errors as values. They block: for small files and metadata only.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"

namespace keelson::kubelet {

// "open /x: no such file or directory", with NotFound for ENOENT, InternalError else.
Status errno_status(std::string_view operation, const std::string& path, int error);

// Never waits: a FIFO is as an empty file. Errors: RequestEntityTooLarge beyond `limit` bytes.
Result<std::string> read_file(const std::string& path, std::size_t limit = 1 << 20);
// Replaces the file; the mode is set exactly, whatever the umask.
Result<void> write_file(const std::string& path, std::string_view bytes, std::uint32_t mode);
// Makes missing folders; the mode is that of new ones.
Result<void> make_folders(const std::string& path, std::uint32_t mode = 0755);
// Makes missing folders and returns the path without links, ".", ".." and doubled slashes: as the
// kernel names what is mounted below, and as other programs can use it from anywhere.
Result<std::string> make_canonical(const std::string& path);
Result<void> set_owner(const std::string& path, std::optional<std::uint32_t> user,
                       std::optional<std::uint32_t> group);
Result<void> set_mode(const std::string& path, std::uint32_t mode);
Result<void> bind_mount(const std::string& source, const std::string& target);

// Whether something is mounted there, however the path is written; a link is not followed.
bool is_mount_point(const std::string& path);
// With options such as "size=1024". Does nothing if something is mounted there already.
Result<void> mount_tmpfs(const std::string& path, const std::string& options);
// All mounts below a folder, innermost first. Lazy: what is still in use goes later.
Result<void> unmount_below(const std::string& folder);
// Removes a folder and all below. Follows no link and steps onto no mount: fails when it meets one.
// Nothing to do if the folder does not exist.
Result<void> remove_folder(const std::string& folder);

// What the files below take on the disk, as far as a bounded walk sees: for limits, not for bills.
// Follows no links and steps onto no other file system. 0 if there is no such folder.
std::int64_t disk_bytes_below(const std::string& folder);

// Gives all files below to the group, readable and writable for it; folders pass the group on.
// Source: API reference, PodSecurityContext.fsGroup.
Result<void> give_to_group(const std::string& folder, std::uint32_t group, bool read_only);

}  // namespace keelson::kubelet
