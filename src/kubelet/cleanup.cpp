// SPDX-License-Identifier: Apache-2.0
#include "kubelet/cleanup.h"

#include "kubelet/cgroups.h"
#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

Result<void> clean_up_pods(const std::string& root_dir, const std::string& cgroup_root,
                           const std::string& cgroup_parent) {
  remove_cgroups(cgroup_root, cgroup_parent);
  return unmount_below(root_dir);
}

}  // namespace keelson::kubelet
