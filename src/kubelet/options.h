// SPDX-License-Identifier: Apache-2.0
// What a kubelet is told at its start. Defaults are upstream's (KubeletConfiguration v1beta1).
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/executor.h"
#include "kubelet/pod.h"

namespace keelson::kubelet {

struct EvictionThresholds {
  std::int64_t memory_available_bytes = 100LL << 20;
  double disk_available_fraction = 0.10;  // nodefs.available
  double inodes_free_fraction = 0.05;     // nodefs.inodesFree
  double image_disk_available_fraction = 0.15;
  std::int64_t pids_available = 0;  // 0: not watched.
  Duration pressure_transition = std::chrono::minutes(5);
};

struct ImageGcOptions {
  int high_threshold_percent = 85;
  int low_threshold_percent = 80;
  Duration minimum_age = std::chrono::minutes(2);
};

struct KubeletOptions {
  std::string node_name;
  std::vector<std::string> node_ips;  // Of the node; the first is the primary.
  std::map<std::string, std::string, std::less<>> node_labels;
  std::vector<v1::Taint> register_with_taints;
  std::string version;  // "v1.36.0+keelson..."
  std::uint16_t port = 10250;

  std::string root_dir = "/var/lib/kubelet";
  std::string pod_log_dir = "/var/log/pods";
  std::string container_log_dir = "/var/log/containers";
  std::string pause_image;

  std::string cluster_dns;  // IP; empty: pods get the node's resolver.
  std::string cluster_domain = "cluster.local";
  std::string resolv_conf = "/etc/resolv.conf";

  int max_pods = 110;
  podspec::ResourceList system_reserved;  // Taken off the capacity.
  std::string cgroup_root = "/sys/fs/cgroup";
  std::string cgroup_parent = "/kubepods";
  bool use_cgroups = true;
  bool enforce_cpu_limits = true;

  // Sandboxes being made at a time, and likewise containers: more only get in each other's way.
  std::size_t parallel_starts = 8;

  Duration relist_period = std::chrono::seconds(1);
  // While the runtime tells of changes by itself; upstream's evented PLEG.
  Duration relist_period_with_events = std::chrono::minutes(5);
  Duration resync_period = std::chrono::minutes(1);  // Of each pod, so that volumes are refreshed.
  Duration status_check_period = std::chrono::seconds(10);
  Duration status_report_period = std::chrono::minutes(5);  // Even if nothing has changed.
  Duration lease_period = std::chrono::seconds(10);
  std::chrono::seconds lease_duration{40};
  Duration housekeeping_period = std::chrono::seconds(2);
  Duration gc_period = std::chrono::minutes(1);

  Duration crash_backoff = std::chrono::seconds(10);
  Duration crash_backoff_limit = std::chrono::minutes(5);
  Duration image_backoff = std::chrono::seconds(10);
  Duration image_backoff_limit = std::chrono::minutes(5);

  std::int64_t log_size_limit = 10 << 20;  // Of a container's log file before it is rotated.
  int log_file_limit = 5;

  EvictionThresholds eviction;
  ImageGcOptions image_gc;
};

}  // namespace keelson::kubelet
