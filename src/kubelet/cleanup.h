// SPDX-License-Identifier: Apache-2.0
// What pods leave on a node when nobody runs them any more.
#pragma once

#include <string>

#include "base/result.h"

namespace keelson::kubelet {

// Unmounts all volumes below the kubelet's root folder and removes the pods' cgroups. For when no
// container runs: a cgroup with processes in it stays. Safe to call twice.
Result<void> clean_up_pods(const std::string& root_dir,
                           const std::string& cgroup_root = "/sys/fs/cgroup",
                           const std::string& cgroup_parent = "/kubepods");

}  // namespace keelson::kubelet
