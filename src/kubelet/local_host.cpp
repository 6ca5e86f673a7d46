// SPDX-License-Identifier: Apache-2.0
#include "kubelet/local_host.h"

#include <unistd.h>

#include <filesystem>

#include "kubelet/dns_config.h"
#include "kubelet/logs/log_rotation.h"
#include "kubelet/machine.h"
#include "kubelet/node_status.h"
#include "kubelet/security_context.h"
#include "kubelet/volumes/files.h"

namespace keelson::kubelet {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t kLinkNameLimit = 251;  // With ".log" the longest that a file system takes.

cri::v1::MountPropagation propagation_of(const std::optional<std::string>& mode) {
  if (mode == v1::MountPropagationMode::HostToContainer) {
    return cri::v1::PROPAGATION_HOST_TO_CONTAINER;
  }
  if (mode == v1::MountPropagationMode::Bidirectional) return cri::v1::PROPAGATION_BIDIRECTIONAL;
  return cri::v1::PROPAGATION_PRIVATE;
}

// No runtime is asked for it yet, and the field is dropped by those that do not know it.
constexpr bool kRecursiveReadOnly = false;

std::string instance_name(std::uint32_t instance) {
  char text[16];
  std::snprintf(text, sizeof text, "%08x", instance);
  return text;
}

}  // namespace

LocalHost::LocalHost(const KubeletOptions& options, net::Runtime& loop, Executor& executor,
                     client::Client& client, ConfigSource& configs, Random& random)
    : options_(options),
      loop_(loop),
      tokens_(client, executor, random),
      payloads_(configs, tokens_),
      volumes_(options.root_dir, payloads_, executor, random,
               [&loop](Work work) { loop.block(std::move(work)); }),
      cgroups_(options,
               node_allocatable(options, read_machine(options.root_dir))[std::string(podspec::kCpu)]
                   .milli_value()) {}

LocalHost::~LocalHost() = default;

MachineInfo LocalHost::machine() {
  MachineInfo info = read_machine(options_.root_dir);
  info.unified_cgroups = cgroups_.are_unified();
  return info;
}

Result<MachineUsage> LocalHost::usage() { return read_usage(options_.root_dir, options_.root_dir); }

Task<Result<VolumePaths>> LocalHost::prepare(PodPtr pod, NodeValues node) {
  cgroups_.count(*pod);
  return volumes_.mount(std::move(pod), std::move(node));
}

Task<Result<void>> LocalHost::release(std::string pod_uid) {
  tokens_.forget_pod(pod_uid);
  cgroups_.remove(pod_uid);
  return volumes_.unmount(std::move(pod_uid));
}

Task<Result<PodDiskUse>> LocalHost::disk_use(PodPtr pod) {
  std::map<std::string, std::string> volumes, logs;
  for (const auto& volume : pod->spec.volumes) {
    if (volume.emptyDir) volumes[volume.name] = volumes_.empty_dir(*pod, volume.name);
  }
  for (const auto* container : all_containers(*pod)) {
    logs[container->name] = log_dir(*pod) + "/" + container->name;
  }
  co_return co_await suspended<Result<PodDiskUse>>(
      fail(Status::canceled()), [this, volumes, logs](Completion<Result<PodDiskUse>> done) {
        loop_.block([volumes, logs, done = std::move(done)] {
          PodDiskUse use;
          for (const auto& [name, path] : volumes) use.empty_dirs[name] = disk_bytes_below(path);
          for (const auto& [name, path] : logs) use.logs[name] = disk_bytes_below(path);
          done.complete(std::move(use));
        });
      });
}

Result<std::string> LocalHost::cgroup_parent(const v1::Pod& pod) { return cgroups_.make(pod); }

std::string LocalHost::resolv_conf() {
  return read_file(options_.resolv_conf).value_or(std::string());
}

// --- Logs ----------------------------------------------------------------------------------------

std::string LocalHost::log_dir(const v1::Pod& pod) {
  return options_.pod_log_dir + "/" + pod.metadata.namespace_ + "_" + pod.metadata.name + "_" +
         pod.metadata.uid;
}

Result<void> LocalHost::make_log_dir(const v1::Pod& pod, const v1::Container& container) {
  return make_folders(log_dir(pod) + "/" + container.name, 0755);
}

void LocalHost::link_log(const v1::Pod& pod, const std::string& container, const std::string& id,
                         const std::string& log_path) {
  if (!make_folders(options_.container_log_dir, 0755)) return;
  std::string name = pod.metadata.name + "_" + pod.metadata.namespace_ + "_" + container;
  const std::size_t room = kLinkNameLimit - std::min(kLinkNameLimit, id.size() + 1);
  if (name.size() > room) name.resize(room);
  const fs::path link = fs::path(options_.container_log_dir) / (name + "-" + id + ".log");
  std::error_code error;
  fs::remove(link, error);
  fs::create_symlink(log_path, link, error);
}

void LocalHost::remove_log(const std::string& log_path, const std::string& id) {
  std::error_code error;
  if (!log_path.empty()) {
    for (const auto& part : rotated_parts(log_path)) fs::remove(part, error);
    fs::remove(log_path, error);
  }
  const std::string ending = "-" + id + ".log";
  for (const auto& entry : fs::directory_iterator(options_.container_log_dir, error)) {
    if (!entry.path().filename().string().ends_with(ending)) continue;
    fs::remove(entry.path(), error);
    break;
  }
}

void LocalHost::remove_logs(const v1::Pod& pod) {
  std::error_code error;
  fs::remove_all(log_dir(pod), error);
}

// --- Mounts --------------------------------------------------------------------------------------

Result<std::string> LocalHost::sub_path_source(const MountInputs& in, const v1::VolumeMount& mount,
                                               std::size_t index, const std::string& volume) {
  std::string path = mount.subPath;
  if (!mount.subPathExpr.empty()) {
    Variables variables;
    for (const auto& [name, value] : in.environment) variables[name] = value;
    path = expand(mount.subPathExpr, {&variables});
    if (path.find("$(") != std::string::npos) {
      return fail(Status::bad_request("missing value for \"" + mount.subPathExpr + "\""));
    }
  }
  if (path.empty()) return volume;
  std::string target = volumes_.pod_dir(in.pod->metadata.uid) + "/volume-subpaths/" + mount.name +
                       "/" + in.container->name + "/" + std::to_string(index);
  auto bound = bind_sub_path(volume, path, target);
  if (!bound) {
    return fail(std::move(bound).error().with_context(
        "failed to prepare subPath for volumeMount \"" + mount.name + "\" of container \"" +
        in.container->name + "\""));
  }
  return target;
}

Result<void> LocalHost::add_volume_mounts(const MountInputs& in, std::vector<cri::v1::Mount>& out) {
  for (std::size_t i = 0; i < in.container->volumeMounts.size(); ++i) {
    const auto& wanted = in.container->volumeMounts[i];
    const auto volume = in.volumes.find(wanted.name);
    if (volume == in.volumes.end()) {
      return fail(Status::bad_request("cannot find volume \"" + wanted.name +
                                      "\" to mount into container \"" + in.container->name + "\""));
    }
    cri::v1::Mount mount;
    TRY(const bool recursive, is_recursive_read_only(wanted, kRecursiveReadOnly));
    mount.set_recursive_read_only(recursive);
    TRY(const std::string source, sub_path_source(in, wanted, i, volume->second));
    mount.set_host_path(source);
    mount.set_container_path(wanted.mountPath.starts_with('/') ? wanted.mountPath
                                                               : "/" + wanted.mountPath);
    const auto of_volume = std::ranges::find(in.pod->spec.volumes, wanted.name, &v1::Volume::name);
    // What the kubelet writes, containers only read.
    const bool payload = of_volume != in.pod->spec.volumes.end() && has_payload(*of_volume);
    mount.set_readonly(wanted.readOnly || payload);
    mount.set_propagation(propagation_of(wanted.mountPropagation));
    out.push_back(std::move(mount));
  }
  return {};
}

Result<std::vector<cri::v1::Mount>> LocalHost::mounts(const MountInputs& in) {
  std::vector<cri::v1::Mount> out;
  TRY_OK(add_volume_mounts(in, out));
  const auto is_mounted = [&](std::string_view path) {
    return std::ranges::any_of(out,
                               [&](const auto& mount) { return mount.container_path() == path; });
  };
  const std::string pod_dir = volumes_.pod_dir(in.pod->metadata.uid);
  const bool read_only = in.container->securityContext &&
                         in.container->securityContext->readOnlyRootFilesystem.value_or(false);

  if (!is_mounted("/etc/hosts")) {
    const std::string path = pod_dir + "/etc-hosts";
    const std::string text =
        in.pod->spec.hostNetwork
            ? hosts_file_of_node(read_file("/etc/hosts").value_or(std::string()),
                                 in.pod->spec.hostAliases)
            : hosts_file(in.pod_ips, {in.hostname, in.domain}, in.pod->spec.hostAliases);
    TRY_OK(write_file(path, text, 0644));
    cri::v1::Mount mount;
    mount.set_host_path(path);
    mount.set_container_path("/etc/hosts");
    mount.set_readonly(read_only);
    out.push_back(std::move(mount));
  }

  const std::string& message_path = in.container->terminationMessagePath;
  if (!message_path.empty() && !is_mounted(message_path)) {
    const std::string folder = pod_dir + "/containers/" + in.container->name;
    TRY_OK(make_folders(folder, 0750));
    const std::string path = folder + "/" + instance_name(in.instance);
    // Whatever user the container runs as, it may say why it ends.
    TRY_OK(write_file(path, "", 0666));
    cri::v1::Mount mount;
    mount.set_host_path(path);
    mount.set_container_path(message_path);
    out.push_back(std::move(mount));
    if (in.instance >= 2) unlink((folder + "/" + instance_name(in.instance - 2)).c_str());
  }
  return out;
}

}  // namespace keelson::kubelet
