// SPDX-License-Identifier: Apache-2.0
// The machine under a kubelet: volumes, files and cgroups of pods, probes over the network, facts
// and measures. LocalHost (local_host.h) is the real one; HollowHost pretends, for simulated nodes.
// Used on the kubelet's executor.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "kubelet/cri/runtime.h"
#include "kubelet/environment.h"
#include "kubelet/pod.h"

namespace keelson::kubelet {

// Facts that do not change while the node is up.
struct MachineInfo {
  int cpus = 1;
  std::int64_t memory_bytes = 0;
  std::int64_t disk_bytes = 0;                     // Of the file system that holds the pods' files.
  std::map<std::string, std::int64_t> huge_pages;  // "hugepages-2Mi": bytes
  std::string host_name;
  std::string machine_id, system_uuid, boot_id;
  std::string kernel_version, os_image, architecture;  // "amd64"
  std::string instance_type;
  bool unified_cgroups = false;  // cgroup v2
  bool apparmor = false;         // The kernel enforces AppArmor profiles.
};

// Measures of now.
struct MachineUsage {
  std::int64_t memory_available_bytes = 0;  // As `MemAvailable`, minus what cannot be reclaimed.
  std::int64_t memory_used_bytes = 0, memory_working_set_bytes = 0;
  std::int64_t disk_bytes = 0, disk_available_bytes = 0;
  std::int64_t inodes = 0, inodes_free = 0;
  std::int64_t image_disk_bytes = 0, image_disk_available_bytes = 0;
  std::int64_t pids_limit = 0, pids_used = 0;
  std::int64_t cpu_nanoseconds = 0;  // Used since boot, all cores together.
};

// What a pod has written on the node: bytes of its emptyDirs by volume, of its logs by container.
struct PodDiskUse {
  std::map<std::string, std::int64_t, std::less<>> empty_dirs, logs;
};

using VolumePaths = std::map<std::string, std::string, std::less<>>;  // By volume name.

struct MountInputs {
  PodPtr pod;
  const v1::Container* container;  // Of `pod`.
  VolumePaths volumes;
  Environment environment;  // For subPathExpr.
  std::vector<std::string> pod_ips;
  std::string hostname;  // As the pod sees it; with a domain where it has one.
  std::string domain;
  std::uint32_t instance = 0;  // Restart count: tells termination message files apart.
};

struct HttpProbe {
  std::string scheme;  // "http" or "https"; certificates are not verified.
  std::string host;    // Host header, if not the address.
  std::string address;
  std::uint16_t port = 0;
  std::string path;
  std::vector<std::pair<std::string, std::string>> headers;
  Duration timeout{};
};
struct HttpAnswer {
  int status = 0;
  std::string body;      // At most 10 KiB.
  std::string location;  // Where a redirect leads.
};

class PodHost {
 public:
  virtual ~PodHost() = default;

  virtual MachineInfo machine() = 0;
  virtual Result<MachineUsage> usage() = 0;

  // Makes the pod's folders and all its volumes ready, and brings their contents up to date.
  // Errors carry the volume's name: `MountVolume.SetUp failed for volume "x" : ...`.
  virtual Task<Result<VolumePaths>> prepare(PodPtr pod, NodeValues node) = 0;
  // Unmounts and removes all that prepare() and the others made for the pod.
  virtual Task<Result<void>> release(std::string pod_uid) = 0;
  // Pods that prepare() made something for, also before the kubelet last started.
  virtual std::vector<std::string> prepared_pods() = 0;

  // Measures the pod's files; takes as long as a walk over them. Errors: Canceled.
  virtual Task<Result<PodDiskUse>> disk_use(PodPtr pod) = 0;

  // The cgroup for the pod's containers, made if it does not exist; empty: none.
  virtual Result<std::string> cgroup_parent(const v1::Pod& pod) = 0;
  // Folder of the pod's logs; made by make_log_dir().
  virtual std::string log_dir(const v1::Pod& pod) = 0;
  virtual Result<void> make_log_dir(const v1::Pod& pod, const v1::Container& container) = 0;
  // A name by which log collectors find a container's log file.
  virtual void link_log(const v1::Pod& pod, const std::string& container, const std::string& id,
                        const std::string& log_path) = 0;
  // Removes a container's log file with its rotated parts and its name for collectors.
  virtual void remove_log(const std::string& log_path, const std::string& id) = 0;
  // Removes the pod's log folder.
  virtual void remove_logs(const v1::Pod& pod) = 0;
  // Volume mounts, subpaths, /etc/hosts and the termination message file, in the order of the spec.
  virtual Result<std::vector<cri::v1::Mount>> mounts(const MountInputs& inputs) = 0;
  // The resolver configuration of the node.
  virtual std::string resolv_conf() = 0;

  // The answer of that very address: redirects are not followed. Errors: Timeout, Unavailable.
  virtual Task<Result<HttpAnswer>> http_get(HttpProbe probe) = 0;
  virtual Task<Result<void>> tcp_connect(std::string address, std::uint16_t port,
                                         Duration timeout) = 0;
  // True if the service says SERVING. Errors as above; NotImplemented without health service.
  virtual Task<Result<bool>> grpc_health(std::string address, std::uint16_t port,
                                         std::string service, Duration timeout) = 0;
};

// Has no files, and every probe succeeds as long as nobody says otherwise.
class HollowHost final : public PodHost {
 public:
  explicit HollowHost(MachineInfo machine) : machine_(std::move(machine)) {}

  // Answers http_get(); by default with 200.
  using HttpGet = std::function<Result<HttpAnswer>(const HttpProbe& probe)>;
  void on_http_get(HttpGet answer) { http_get_ = std::move(answer); }
  // Answers usage(); by default with unused().
  using Usage = std::function<MachineUsage()>;
  void on_usage(Usage answer) { usage_ = std::move(answer); }
  MachineUsage unused() const;
  // Answers disk_use(); by default nothing is used.
  using DiskUse = std::function<PodDiskUse(const v1::Pod& pod)>;
  void on_disk_use(DiskUse answer) { disk_use_ = std::move(answer); }

  MachineInfo machine() override { return machine_; }
  Result<MachineUsage> usage() override;
  Task<Result<VolumePaths>> prepare(PodPtr pod, NodeValues node) override;
  Task<Result<void>> release(std::string pod_uid) override;
  std::vector<std::string> prepared_pods() override { return {}; }
  Task<Result<PodDiskUse>> disk_use(PodPtr pod) override;
  Result<std::string> cgroup_parent(const v1::Pod&) override { return std::string(); }
  std::string log_dir(const v1::Pod&) override { return {}; }
  Result<void> make_log_dir(const v1::Pod&, const v1::Container&) override { return {}; }
  void link_log(const v1::Pod&, const std::string&, const std::string&,
                const std::string&) override {}
  void remove_log(const std::string&, const std::string&) override {}
  void remove_logs(const v1::Pod&) override {}
  Result<std::vector<cri::v1::Mount>> mounts(const MountInputs&) override {
    return std::vector<cri::v1::Mount>();
  }
  std::string resolv_conf() override { return {}; }
  Task<Result<HttpAnswer>> http_get(HttpProbe probe) override;
  Task<Result<void>> tcp_connect(std::string address, std::uint16_t port,
                                 Duration timeout) override;
  Task<Result<bool>> grpc_health(std::string address, std::uint16_t port, std::string service,
                                 Duration timeout) override;

 private:
  MachineInfo machine_;
  HttpGet http_get_;
  Usage usage_;
  DiskUse disk_use_;
};

}  // namespace keelson::kubelet
