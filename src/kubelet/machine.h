// SPDX-License-Identifier: Apache-2.0
// Facts and measures of this machine from /proc, /sys and the file systems.
#pragma once

#include <string>

#include "kubelet/host.h"

namespace keelson::kubelet {

// `disk_path`: on the file system that holds the pods' files.
MachineInfo read_machine(const std::string& disk_path);
Result<MachineUsage> read_usage(const std::string& disk_path, const std::string& image_path);

// The number behind "MemTotal:" and its kin, in bytes; 0 if it is not there. Pure.
std::int64_t meminfo_bytes(std::string_view meminfo, std::string_view name);
// The value of KEY="..." in an os-release file. Pure.
std::string os_release_value(std::string_view text, std::string_view key);

}  // namespace keelson::kubelet
