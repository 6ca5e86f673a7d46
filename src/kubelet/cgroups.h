// SPDX-License-Identifier: Apache-2.0
// The cgroups of pods, in which the runtime makes those of their containers:
//
//   <root>/kubepods/pod<uid>               guaranteed
//   <root>/kubepods/burstable/pod<uid>
//   <root>/kubepods/besteffort/pod<uid>
//
// With cgroup v1 in each of the controllers cpu, memory and pids; with v2 once.
//
// When processors are short, kubepods gets the share of what the node gives to pods, and burstable
// that of what its pods have requested together; best effort pods get what nobody else wants.
// Source: upstream pkg/kubelet/cm, driver cgroupfs.
#pragma once

#include <map>
#include <string>

#include "kubelet/options.h"

namespace keelson::kubelet {

class Cgroups final {
 public:
  // `pods_milli_cpu`: what all pods together may use.
  Cgroups(const KubeletOptions& options, std::int64_t pods_milli_cpu);

  bool are_unified() const { return unified_; }
  // Makes the pod's cgroup with its limits. Returns its path below the root ("/kubepods/..."),
  // empty if they are not usable.
  Result<std::string> make(const v1::Pod& pod);
  // Counts what the pod requests for its class; make() does so too. For pods whose cgroup an
  // earlier kubelet has made.
  void count(const v1::Pod& pod);
  // Removes it wherever it is, in all classes.
  void remove(const std::string& pod_uid);

 private:
  Result<void> make_group(const std::string& path);
  void set(const std::string& controller, const std::string& path, const char* file,
           const std::string& value) const;
  void set_shares(const std::string& path, std::int64_t shares) const;
  void set_burstable_shares();
  std::string folder(const std::string& controller, const std::string& path) const;

  const std::string root_, parent_;
  const bool enforce_cpu_limits_;
  bool unified_ = false;
  bool usable_ = false;
  std::map<std::string, std::int64_t> burstable_milli_cpu_;  // By pod uid.
  std::int64_t burstable_shares_ = 0;                        // As written last; 0: not yet.
};

// Removes the cgroup `path` ("/kubepods") below `root` with all that is in it, in every controller.
// Those in which processes live stay.
void remove_cgroups(const std::string& root, const std::string& path);

}  // namespace keelson::kubelet
