// SPDX-License-Identifier: Apache-2.0
// Pods and containers as the runtime is asked to make them. Pure.
#pragma once

#include "kubelet/dns_config.h"
#include "kubelet/environment.h"
#include "kubelet/host.h"
#include "kubelet/resources.h"

namespace keelson::kubelet {

struct SandboxInputs {
  const v1::Pod& pod;
  const KubeletOptions& options;
  std::uint32_t attempt = 0;
  std::string log_dir;
  std::string cgroup_parent;
  ResolverConfig host_resolver;
};
// Errors: BadRequest (see kernel_hostname()).
Result<cri::v1::PodSandboxConfig> make_sandbox_config(const SandboxInputs& inputs);

struct ContainerInputs {
  const v1::Pod& pod;
  const v1::Container& container;
  const KubeletOptions& options;
  std::uint32_t instance = 0;  // How often it has been restarted.
  std::string image_ref;
  const cri::v1::Image* image = nullptr;
  Environment environment;
  std::vector<cri::v1::Mount> mounts;
  const MachineInfo& machine;
};
// Errors: BadRequest (see container_security()).
Result<cri::v1::ContainerConfig> make_container_config(const ContainerInputs& inputs);

// "web/0.log", below the pod's log folder.
std::string log_path_of(std::string_view container, std::uint32_t instance);

}  // namespace keelson::kubelet
