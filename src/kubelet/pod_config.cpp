// SPDX-License-Identifier: Apache-2.0
#include "kubelet/pod_config.h"

#include "kubelet/cri/labels.h"
#include "kubelet/security_context.h"

namespace keelson::kubelet {

namespace {

cri::v1::Protocol protocol_of(std::string_view name) {
  if (name == v1::Protocol::UDP) return cri::v1::UDP;
  if (name == v1::Protocol::SCTP) return cri::v1::SCTP;
  return cri::v1::TCP;
}

std::string hex(std::uint64_t value) {
  char text[17];
  const auto end = std::to_chars(text, text + sizeof text, value, 16).ptr;
  return {text, end};
}

}  // namespace

std::string log_path_of(std::string_view container, std::uint32_t instance) {
  return std::string(container) + "/" + std::to_string(instance) + ".log";
}

Result<cri::v1::PodSandboxConfig> make_sandbox_config(const SandboxInputs& in) {
  const v1::Pod& pod = in.pod;
  cri::v1::PodSandboxConfig config;
  auto& metadata = *config.mutable_metadata();
  metadata.set_name(pod.metadata.name);
  metadata.set_namespace_(pod.metadata.namespace_);
  metadata.set_uid(pod.metadata.uid);
  metadata.set_attempt(in.attempt);

  auto& labels = *config.mutable_labels();
  for (const auto& [key, value] : pod.metadata.labels) labels[key] = value;
  labels[cri::kPodNameLabel] = pod.metadata.name;
  labels[cri::kPodNamespaceLabel] = pod.metadata.namespace_;
  labels[cri::kPodUidLabel] = pod.metadata.uid;
  auto& annotations = *config.mutable_annotations();
  for (const auto& [key, value] : pod.metadata.annotations) annotations[key] = value;
  annotations[cri::kConfigSourceAnnotation] = "api";

  if (!pod.spec.hostNetwork) {
    TRY(auto hostname, kernel_hostname(pod, pod_hostname(pod, in.options)));
    config.set_hostname(std::move(hostname));
  }
  config.set_log_directory(in.log_dir);
  auto resolver = pod_resolver(pod, in.options, in.host_resolver);
  for (auto& server : resolver.servers) config.mutable_dns_config()->add_servers(std::move(server));
  for (auto& search : resolver.searches) {
    config.mutable_dns_config()->add_searches(std::move(search));
  }
  for (auto& option : resolver.options) config.mutable_dns_config()->add_options(std::move(option));

  for (const v1::Container* container : all_containers(pod)) {
    for (const auto& port : container->ports) {
      auto& mapping = *config.add_port_mappings();
      mapping.set_protocol(protocol_of(port.protocol));
      mapping.set_container_port(port.containerPort);
      mapping.set_host_port(pod.spec.hostNetwork ? 0 : port.hostPort);
      mapping.set_host_ip(port.hostIP);
    }
  }

  auto& linux_config = *config.mutable_linux();
  linux_config.set_cgroup_parent(in.cgroup_parent);
  *linux_config.mutable_security_context() = sandbox_security(pod);
  *linux_config.mutable_resources() = pod_resources(pod, in.options.enforce_cpu_limits);
  if (pod.spec.securityContext) {
    for (const auto& sysctl : pod.spec.securityContext->sysctls) {
      (*linux_config.mutable_sysctls())[sysctl.name] = sysctl.value;
    }
  }
  return config;
}

Result<cri::v1::ContainerConfig> make_container_config(const ContainerInputs& in) {
  cri::v1::ContainerConfig config;
  config.mutable_metadata()->set_name(in.container.name);
  config.mutable_metadata()->set_attempt(in.instance);
  config.mutable_image()->set_image(in.image_ref);
  config.mutable_image()->set_user_specified_image(in.container.image);

  Variables variables;
  for (const auto& [name, value] : in.environment) {
    variables[name] = value;
    auto& entry = *config.add_envs();
    entry.set_key(name);
    entry.set_value(value);
  }
  for (const auto& word : in.container.command) config.add_command(expand(word, {&variables}));
  for (const auto& word : in.container.args) config.add_args(expand(word, {&variables}));
  config.set_working_dir(in.container.workingDir);
  for (const auto& mount : in.mounts) *config.add_mounts() = mount;

  auto& labels = *config.mutable_labels();
  labels[cri::kPodNameLabel] = in.pod.metadata.name;
  labels[cri::kPodNamespaceLabel] = in.pod.metadata.namespace_;
  labels[cri::kPodUidLabel] = in.pod.metadata.uid;
  labels[cri::kContainerNameLabel] = in.container.name;
  auto& annotations = *config.mutable_annotations();
  annotations[cri::kHashAnnotation] = hex(container_hash(in.container));
  annotations[cri::kRestartCountAnnotation] = std::to_string(in.instance);
  annotations[cri::kMessagePathAnnotation] = in.container.terminationMessagePath;
  annotations[cri::kMessagePolicyAnnotation] = in.container.terminationMessagePolicy;
  if (in.pod.spec.terminationGracePeriodSeconds) {
    annotations[cri::kGracePeriodAnnotation] =
        std::to_string(*in.pod.spec.terminationGracePeriodSeconds);
  }

  config.set_log_path(log_path_of(in.container.name, in.instance));
  config.set_stdin(in.container.stdin);
  config.set_stdin_once(in.container.stdinOnce);
  config.set_tty(in.container.tty);

  auto& linux_config = *config.mutable_linux();
  *linux_config.mutable_resources() =
      container_resources(in.pod, in.container,
                          {.memory_bytes = in.machine.memory_bytes,
                           .enforce_cpu_limits = in.options.enforce_cpu_limits,
                           .unified_cgroups = in.machine.unified_cgroups});
  TRY(*linux_config.mutable_security_context(),
      container_security(in.pod, in.container, in.image, in.options.root_dir + "/seccomp"));
  return config;
}

}  // namespace keelson::kubelet
