// SPDX-License-Identifier: Apache-2.0
#include "kubelet/cgroups.h"

#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "base/log.h"
#include "kubelet/resources.h"
#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

constexpr const char* kControllers[] = {"cpu", "memory", "pids"};

bool put(const std::string& path, const std::string& value) {
  std::ofstream file(path);
  file << value;
  file.flush();
  return static_cast<bool>(file);
}

// Of cgroup v2, 1 to 10000, from v1's shares. Source: KEP-2254.
std::int64_t cpu_weight(std::int64_t shares) { return 1 + (shares - 2) * 9999 / 262'142; }

// Innermost first: a cgroup with children cannot go.
void remove_groups(const std::string& path) {
  std::error_code error;
  std::vector<std::string> children;
  for (const auto& entry : fs::directory_iterator(path, error)) {
    if (entry.is_directory(error)) children.push_back(entry.path().string());
  }
  for (const auto& child : children) remove_groups(child);
  rmdir(path.c_str());
}

}  // namespace

Cgroups::Cgroups(const KubeletOptions& options, std::int64_t pods_milli_cpu)
    : root_(options.cgroup_root),
      parent_(options.cgroup_parent),
      enforce_cpu_limits_(options.enforce_cpu_limits) {
  std::error_code error;
  unified_ = fs::exists(root_ + "/cgroup.controllers", error);
  if (!options.use_cgroups) return;
  usable_ = true;
  for (const char* group : {"", "/burstable", "/besteffort"}) {
    if (auto made = make_group(parent_ + group); !made) {
      log_warning("Pods get no cgroups of their own", {{"err", made.error().message()}});
      usable_ = false;
      return;
    }
  }
  set_shares(parent_, cpu_shares(pods_milli_cpu));
  // Best effort is what nobody else wants.
  set_shares(parent_ + "/besteffort", cpu_shares(0));
  // Burstable keeps what an earlier kubelet has given it until its pods are counted.
}

std::string Cgroups::folder(const std::string& controller, const std::string& path) const {
  return unified_ ? root_ + path : root_ + "/" + controller + path;
}

Result<void> Cgroups::make_group(const std::string& path) {
  if (unified_) {
    TRY_OK(make_folders(root_ + path, 0755));
    // What the containers below may be limited in.
    const std::string above = fs::path(root_ + path).parent_path().string();
    for (const std::string& at : {above, root_ + path}) {
      for (const char* controller : {"+cpu", "+memory", "+pids", "+cpuset"}) {
        put(at + "/cgroup.subtree_control", controller);
      }
    }
    return {};
  }
  for (const char* controller : kControllers) {
    TRY_OK(make_folders(folder(controller, path), 0755));
  }
  return {};
}

void Cgroups::set(const std::string& controller, const std::string& path, const char* file,
                  const std::string& value) const {
  const std::string target = folder(controller, path) + "/" + file;
  if (!put(target, value)) log_warning("Cgroup could not be set", {{"file", target}});
}

void Cgroups::set_shares(const std::string& path, std::int64_t shares) const {
  if (unified_) return set("cpu", path, "cpu.weight", std::to_string(cpu_weight(shares)));
  set("cpu", path, "cpu.shares", std::to_string(shares));
}

void Cgroups::set_burstable_shares() {
  std::int64_t milli_cpu = 0;
  for (const auto& [uid, request] : burstable_milli_cpu_) milli_cpu += request;
  const std::int64_t shares = cpu_shares(milli_cpu);
  if (std::exchange(burstable_shares_, shares) != shares) {
    set_shares(parent_ + "/burstable", shares);
  }
}

void Cgroups::count(const v1::Pod& pod) {
  if (!usable_ || podspec::qos_class(pod) != podspec::QosClass::Burstable) return;
  const auto requests = podspec::pod_requests(pod);
  const auto cpu = requests.find(podspec::kCpu);
  burstable_milli_cpu_[pod.metadata.uid] = cpu == requests.end() ? 0 : cpu->second.milli_value();
  set_burstable_shares();
}

Result<std::string> Cgroups::make(const v1::Pod& pod) {
  if (!usable_) return std::string();
  std::string path = parent_ + "/" + cgroup_of_pod(pod);
  TRY_OK(make_group(path));
  count(pod);
  const auto limits = pod_resources(pod, enforce_cpu_limits_);
  set_shares(path, limits.cpu_shares());
  if (unified_) {
    if (limits.cpu_quota() > 0) {
      set("cpu", path, "cpu.max",
          std::to_string(limits.cpu_quota()) + " " + std::to_string(kCpuPeriodMicroseconds));
    }
    if (limits.memory_limit_in_bytes() > 0) {
      set("memory", path, "memory.max", std::to_string(limits.memory_limit_in_bytes()));
    }
    return path;
  }
  if (limits.cpu_quota() > 0) {
    set("cpu", path, "cpu.cfs_period_us", std::to_string(kCpuPeriodMicroseconds));
    set("cpu", path, "cpu.cfs_quota_us", std::to_string(limits.cpu_quota()));
  }
  if (limits.memory_limit_in_bytes() > 0) {
    set("memory", path, "memory.limit_in_bytes", std::to_string(limits.memory_limit_in_bytes()));
  }
  return path;
}

void Cgroups::remove(const std::string& pod_uid) {
  if (!usable_) return;
  for (const char* group : {"/pod", "/burstable/pod", "/besteffort/pod"}) {
    remove_cgroups(root_, parent_ + group + pod_uid);
  }
  if (burstable_milli_cpu_.erase(pod_uid) > 0) set_burstable_shares();
}

void remove_cgroups(const std::string& root, const std::string& path) {
  std::error_code error;
  if (fs::exists(root + "/cgroup.controllers", error)) return remove_groups(root + path);
  // The runtime has joined its containers to more controllers than ours.
  std::vector<std::string> controllers;
  for (const auto& entry : fs::directory_iterator(root, error)) {
    controllers.push_back(entry.path().string());
  }
  for (const auto& controller : controllers) remove_groups(controller + path);
}

}  // namespace keelson::kubelet
