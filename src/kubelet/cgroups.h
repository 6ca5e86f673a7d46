// SPDX-License-Identifier: Apache-2.0
// The cgroups of pods, in which the runtime makes those of their containers:
//
//   <root>/kubepods/pod<uid>               guaranteed
//   <root>/kubepods/burstable/pod<uid>
//   <root>/kubepods/besteffort/pod<uid>
//
// With cgroup v1 in each of the controllers cpu, memory and pids; with v2 once.
// Source: upstream pkg/kubelet/cm, driver cgroupfs.
#pragma once

#include <string>
#include <vector>

#include "kubelet/options.h"

namespace keelson::kubelet {

class Cgroups final {
 public:
  explicit Cgroups(const KubeletOptions& options);

  // False: there are none that could be written to; containers then go where the runtime puts them.
  bool are_usable() const { return usable_; }
  // Makes the pod's cgroup with its limits. Returns its path below the root ("/kubepods/..."),
  // empty if they are not usable.
  Result<std::string> make(const v1::Pod& pod);
  // Removes it wherever it is, in all classes.
  void remove(const std::string& pod_uid);

 private:
  Result<void> make_group(const std::string& path);
  void set(const std::string& controller, const std::string& path, const char* file,
           const std::string& value) const;
  std::string folder(const std::string& controller, const std::string& path) const;

  const std::string root_, parent_;
  const bool enforce_cpu_limits_;
  bool unified_ = false;
  bool usable_ = false;
};

// Removes the cgroup `path` ("/kubepods") below `root` with all that is in it, in every controller.
// Those in which processes live stay.
void remove_cgroups(const std::string& root, const std::string& path);

}  // namespace keelson::kubelet
