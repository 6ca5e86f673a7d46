// SPDX-License-Identifier: Apache-2.0
#include "kubelet/security_context.h"

namespace keelson::kubelet {

namespace {

// What a container does not see of /proc and /sys. Source: the OCI runtimes' defaults.
constexpr const char* kMaskedPaths[] = {
    "/proc/asound",     "/proc/acpi",        "/proc/interrupts",
    "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
constexpr const char* kReadonlyPaths[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                                          "/proc/sysrq-trigger"};

const v1::SecurityContext& of(const v1::Container& container) {
  static const v1::SecurityContext none;
  return container.securityContext ? *container.securityContext : none;
}
const v1::PodSecurityContext& of(const v1::Pod& pod) {
  static const v1::PodSecurityContext none;
  return pod.spec.securityContext ? *pod.spec.securityContext : none;
}

// Errors: BadRequest for a path that is absolute or goes up.
Result<void> check_profile_path(std::string_view path) {
  if (path.starts_with('/')) return fail(Status::bad_request("must be a relative path"));
  for (std::string_view rest = path;;) {
    const auto slash = rest.find('/');
    if (rest.substr(0, slash) == "..") {
      return fail(Status::bad_request("must not contain '..'"));
    }
    if (slash == std::string_view::npos) return {};
    rest.remove_prefix(slash + 1);
  }
}

Result<cri::v1::SecurityProfile> seccomp(const v1::SeccompProfile* profile,
                                         const std::string& folder) {
  cri::v1::SecurityProfile out;
  out.set_profile_type(cri::v1::SecurityProfile::Unconfined);
  if (!profile) return out;
  if (profile->type == v1::SeccompProfileType::RuntimeDefault) {
    out.set_profile_type(cri::v1::SecurityProfile::RuntimeDefault);
  } else if (profile->type == v1::SeccompProfileType::Localhost) {
    out.set_profile_type(cri::v1::SecurityProfile::Localhost);
    const std::string name = profile->localhostProfile.value_or("");
    if (name.empty()) {
      return fail(
          Status::bad_request("localhostProfile must be set if seccompProfile type is Localhost."));
    }
    if (auto checked = check_profile_path(name); !checked) {
      return fail(
          std::move(checked).error().with_context("invalid seccomp profile \"" + name + "\""));
    }
    out.set_localhost_ref(folder + "/" + name);
  }
  return out;
}

const v1::AppArmorProfile* find_apparmor(const v1::Pod& pod, const v1::Container& container) {
  const auto& own = of(container).appArmorProfile;
  return own ? own.get() : of(pod).appArmorProfile.get();
}

Result<cri::v1::SecurityProfile> apparmor(const v1::AppArmorProfile& profile) {
  cri::v1::SecurityProfile out;
  out.set_profile_type(cri::v1::SecurityProfile::RuntimeDefault);
  if (profile.type == v1::AppArmorProfileType::Unconfined) {
    out.set_profile_type(cri::v1::SecurityProfile::Unconfined);
  } else if (profile.type == v1::AppArmorProfileType::Localhost) {
    if (profile.localhostProfile.value_or("").empty()) {
      return fail(Status::bad_request("missing localhost apparmor profile name"));
    }
    out.set_profile_type(cri::v1::SecurityProfile::Localhost);
    out.set_localhost_ref(*profile.localhostProfile);
  }
  return out;
}

template <class Context>
void add_groups(const v1::Pod& pod, Context& out) {
  const auto& context = of(pod);
  for (const std::int64_t group : context.supplementalGroups) out.add_supplemental_groups(group);
  if (context.fsGroup) out.add_supplemental_groups(*context.fsGroup);
  if (context.supplementalGroupsPolicy == v1::SupplementalGroupsPolicy::Strict) {
    out.set_supplemental_groups_policy(cri::v1::Strict);
  }
}

void set_selinux(const v1::SELinuxOptions& options, cri::v1::SELinuxOption& out) {
  out.set_user(options.user);
  out.set_role(options.role);
  out.set_type(options.type);
  out.set_level(options.level);
}

Result<void> verify_non_root(const v1::Pod& pod, const v1::Container& container,
                             std::optional<std::int64_t> user, const cri::v1::Image* image) {
  const std::string where =
      " (pod: \"" + format_pod(pod) + "\", container: " + container.name + ")";
  if (user) {
    if (*user != 0) return {};
    return fail(Status::bad_request("container's runAsUser breaks non-root policy" + where));
  }
  if (!image) return {};
  if (image->has_uid()) {
    if (image->uid().value() != 0) return {};
    return fail(
        Status::bad_request("container has runAsNonRoot and image will run as root" + where));
  }
  if (!image->username().empty()) {
    return fail(Status::bad_request("container has runAsNonRoot and image has non-numeric user (" +
                                    image->username() + "), cannot verify user is non-root" +
                                    where));
  }
  return fail(Status::bad_request("container has runAsNonRoot and image will run as root" + where));
}

}  // namespace

cri::v1::NamespaceOption namespaces(const v1::Pod& pod) {
  cri::v1::NamespaceOption out;
  out.set_network(pod.spec.hostNetwork ? cri::v1::NODE : cri::v1::POD);
  out.set_ipc(pod.spec.hostIPC ? cri::v1::NODE : cri::v1::POD);
  if (pod.spec.hostPID) {
    out.set_pid(cri::v1::NODE);
  } else {
    const bool shared = pod.spec.shareProcessNamespace.value_or(false);
    out.set_pid(shared ? cri::v1::POD : cri::v1::CONTAINER);
  }
  return out;
}

cri::v1::LinuxSandboxSecurityContext sandbox_security(const v1::Pod& pod) {
  cri::v1::LinuxSandboxSecurityContext out;
  const auto& context = of(pod);
  *out.mutable_namespace_options() = namespaces(pod);
  if (context.runAsUser) out.mutable_run_as_user()->set_value(*context.runAsUser);
  if (context.runAsGroup && context.runAsUser) {
    out.mutable_run_as_group()->set_value(*context.runAsGroup);
  }
  if (context.seLinuxOptions) set_selinux(*context.seLinuxOptions, *out.mutable_selinux_options());
  add_groups(pod, out);
  // The pause program needs little, whatever the pod's containers are given.
  const bool privileged = std::ranges::any_of(all_containers(pod), [](const auto* container) {
    return of(*container).privileged.value_or(false);
  });
  out.set_privileged(privileged);
  out.mutable_seccomp()->set_profile_type(privileged ? cri::v1::SecurityProfile::Unconfined
                                                     : cri::v1::SecurityProfile::RuntimeDefault);
  return out;
}

Result<cri::v1::LinuxContainerSecurityContext> container_security(const v1::Pod& pod,
                                                                  const v1::Container& container,
                                                                  const cri::v1::Image* image,
                                                                  const std::string& seccomp_dir) {
  const auto& own = of(container);
  const auto& shared = of(pod);
  cri::v1::LinuxContainerSecurityContext out;
  *out.mutable_namespace_options() = namespaces(pod);

  const auto user = own.runAsUser ? own.runAsUser : shared.runAsUser;
  const auto group = own.runAsGroup ? own.runAsGroup : shared.runAsGroup;
  const auto non_root = own.runAsNonRoot ? own.runAsNonRoot : shared.runAsNonRoot;
  if (non_root.value_or(false)) TRY_OK(verify_non_root(pod, container, user, image));
  if (user) {
    out.mutable_run_as_user()->set_value(*user);
  } else if (image && image->has_uid()) {
    out.mutable_run_as_user()->set_value(image->uid().value());
  } else if (image) {
    out.set_run_as_username(image->username());
  }
  if (group) out.mutable_run_as_group()->set_value(*group);
  add_groups(pod, out);

  const bool privileged = own.privileged.value_or(false);
  out.set_privileged(privileged);
  out.set_readonly_rootfs(own.readOnlyRootFilesystem.value_or(false));
  out.set_no_new_privs(!own.allowPrivilegeEscalation.value_or(true));
  if (own.capabilities) {
    for (const auto& name : own.capabilities->add) {
      out.mutable_capabilities()->add_add_capabilities(name);
    }
    for (const auto& name : own.capabilities->drop) {
      out.mutable_capabilities()->add_drop_capabilities(name);
    }
  }
  const auto& profile = own.seccompProfile ? own.seccompProfile : shared.seccompProfile;
  TRY(*out.mutable_seccomp(), seccomp(privileged ? nullptr : profile.get(), seccomp_dir));
  if (const auto* confined = find_apparmor(pod, container)) {
    TRY(*out.mutable_apparmor(), apparmor(*confined));
  }
  const auto& selinux = own.seLinuxOptions ? own.seLinuxOptions : shared.seLinuxOptions;
  if (selinux) set_selinux(*selinux, *out.mutable_selinux_options());
  const bool unmasked = own.procMount == v1::ProcMountType::Unmasked;
  if (!privileged && !unmasked) {
    for (const char* path : kMaskedPaths) out.add_masked_paths(path);
    for (const char* path : kReadonlyPaths) out.add_readonly_paths(path);
  }
  return out;
}

Result<bool> is_recursive_read_only(const v1::VolumeMount& mount, bool supported) {
  const std::string mode = mount.recursiveReadOnly.value_or("");
  if (mode.empty() || mode == v1::RecursiveReadOnlyMode::Disabled) return false;
  const auto bad = [&](const std::string& why) {
    return fail(Status::bad_request("failed to resolve recursive read-only mode: volume \"" +
                                    mount.name + "\" requested recursive read-only mode, but it " +
                                    why));
  };
  if (!mount.readOnly) return bad("is not read-only");
  const std::string propagation = mount.mountPropagation.value_or("");
  if (!propagation.empty() && propagation != v1::MountPropagationMode::None) {
    return bad("is not compatible with propagation \"" + propagation + "\"");
  }
  if (mode == v1::RecursiveReadOnlyMode::Enabled && !supported) {
    return bad("is not supported by the runtime");
  }
  return supported;
}

bool needs_apparmor(const v1::Pod& pod) {
  const auto confines = [](const auto& profile) {
    return profile && profile->type != v1::AppArmorProfileType::Unconfined;
  };
  return confines(of(pod).appArmorProfile) ||
         std::ranges::any_of(all_containers(pod), [&](const v1::Container* container) {
           return confines(of(*container).appArmorProfile);
         });
}

}  // namespace keelson::kubelet
