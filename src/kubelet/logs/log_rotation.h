// SPDX-License-Identifier: Apache-2.0
// Keeps container logs from filling the disk. Source: upstream pkg/kubelet/logs,
// container_log_manager.
#pragma once

#include <string>

#include "kubelet/cri/runtime.h"

namespace keelson::kubelet {

struct RotatedLog {
  std::string container_id;
  std::string path;
};

// When the file is larger than `size_limit`: renames it to PATH.<time>, has the runtime open a new
// one, and removes the oldest so that `file_limit` are left, the present one included.
Task<void> rotate_log(cri::Runtime& runtime, RotatedLog log, std::int64_t size_limit,
                      int file_limit, Wall now);

// Rotated parts of a log file, oldest first.
std::vector<std::string> rotated_parts(const std::string& path);

}  // namespace keelson::kubelet
