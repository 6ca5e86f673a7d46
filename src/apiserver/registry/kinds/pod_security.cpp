// SPDX-License-Identifier: Apache-2.0
// Users, groups and confinement, of the pod and of its containers. Source: upstream,
// validatePodSpecSecurityContext and ValidateSecurityContext.
#include <algorithm>

#include "api/codec/json.h"
#include "api/names.h"
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::PodSpec;

using IdRule = api::Messages (*)(std::int64_t);

void check_id(const std::optional<std::int64_t>& id, IdRule rule, const FieldPath& path,
              FieldErrors& errors) {
  if (id) errors.invalid_each(path, *id, rule(*id));
}

// --- Profiles ------------------------------------------------------------------------------------

void check_seccomp(const api::Box<core::v1::SeccompProfile>& profile, const FieldPath& path,
                   FieldErrors& errors) {
  if (!profile) return;
  if (profile->type.empty()) {
    errors.required(path.child("type"), "type is required when seccompProfile is set");
  }
  const FieldPath file = path.child("localhostProfile");
  if (profile->type != "Localhost") {
    if (profile->localhostProfile) {
      errors.invalid(file, api::encode_document(*profile),
                     "can only be set when seccomp type is Localhost");
    }
  } else if (!profile->localhostProfile) {
    errors.required(file, "must be set when seccomp type is Localhost");
  } else {
    check_descending_path(*profile->localhostProfile, file, errors);
  }
}

constexpr std::int64_t kProfileLengthMax = 4095;  // PATH_MAX without the final zero.

void check_app_armor(const api::Box<core::v1::AppArmorProfile>& profile, const FieldPath& path,
                     FieldErrors& errors) {
  if (!profile) return;
  const FieldPath file = path.child("localhostProfile");
  const auto& name = profile->localhostProfile;
  if (profile->type.empty()) {
    errors.required(path.child("type"), "type is required when appArmorProfile is set");
  } else if (profile->type != "Localhost") {
    if (name) errors.invalid(file, *name, "can only be set when AppArmor type is Localhost");
  } else if (!name || name->empty()) {
    errors.required(file, "must be set when AppArmor type is Localhost");
  } else {
    constexpr std::string_view kSpace = " \t\n\v\f\r";
    if (kSpace.find(name->front()) != std::string_view::npos ||
        kSpace.find(name->back()) != std::string_view::npos) {
      errors.invalid(file, *name, "must not be padded with whitespace");
    }
    if (static_cast<std::int64_t>(name->size()) > kProfileLengthMax) {
      errors.too_long(file, kProfileLengthMax);
    }
  }
}

// --- Sysctls -------------------------------------------------------------------------------------

constexpr std::size_t kSysctlLengthMax = 253;
constexpr std::string_view kSysctlMessage =
    "must have at most 253 characters and match regex "
    "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";

// Segments of letters, digits, '-' and '_' that begin and end with a letter or a digit, between
// dots and slashes.
bool is_sysctl_name(std::string_view name) {
  if (name.size() > kSysctlLengthMax) return false;
  const auto is_plain = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); };
  char before = '.';
  for (const char c : name) {
    const bool separates = c == '.' || c == '/';
    if (!is_plain(c) && !separates && c != '-' && c != '_') return false;
    const bool at_edge = separates || before == '.' || before == '/';
    if (at_edge && !is_plain(separates ? before : c)) return false;
    before = c;
  }
  return is_plain(before);
}

enum class Namespace : std::uint8_t { None, Network, Ipc };

// The namespace that a sysctl belongs to. Source: upstream, component-helpers/node/util/sysctl.
Namespace namespace_of_sysctl(std::string name) {
  // "net/ipv4/ip_forward" is "net.ipv4.ip_forward"; dots then stand for slashes.
  const auto first = name.find_first_of("./");
  if (first != std::string::npos && name[first] == '/') {
    for (char& c : name) c = c == '/' ? '.' : c == '.' ? '/' : c;
  }
  if (name.starts_with("net.")) return Namespace::Network;
  if (name == "kernel.sem" || name.starts_with("kernel.shm") || name.starts_with("kernel.msg") ||
      name.starts_with("fs.mqueue.")) {
    return Namespace::Ipc;
  }
  return Namespace::None;
}

// Why the pod has no such setting of its own; "" if it has.
std::string_view shared_with_node(const std::string& sysctl, const PodSpec& spec) {
  const Namespace owner = namespace_of_sysctl(sysctl);
  if (spec.hostNetwork && owner == Namespace::Network) {
    return "may not be specified when 'hostNetwork' is true";
  }
  if (spec.hostIPC && owner == Namespace::Ipc) return "may not be specified when 'hostIPC' is true";
  return {};
}

void check_sysctls(const PodSpec& spec, const PodRules& rules, const FieldPath& path,
                   FieldErrors& errors) {
  const auto& sysctls = spec.securityContext->sysctls;
  NameSet seen;
  for (std::size_t i = 0; i < sysctls.size(); ++i) {
    const std::string& name = sysctls[i].name;
    const FieldPath at = path.index(i).child("name");
    if (name.empty()) {
      errors.required(at);
    } else if (!is_sysctl_name(name)) {
      errors.invalid(at, name, kSysctlMessage);
    } else if (seen.contains(name)) {
      errors.duplicate(at, name);
    }
    const auto why = rules.host_sysctls ? std::string_view() : shared_with_node(name, spec);
    if (!why.empty()) errors.invalid(at, name, why);
    seen.insert(name);
  }
}

// --- User namespaces -----------------------------------------------------------------------------

constexpr std::string_view kUserNamespaceMessage = "when `hostUsers` is false";

}  // namespace

void check_container_security(const core::v1::SecurityContext& context, const PodContext& pod,
                              const FieldPath& path, FieldErrors& errors) {
  check_id(context.runAsUser, api::validate_user_id, path.child("runAsUser"), errors);
  check_id(context.runAsGroup, api::validate_group_id, path.child("runAsGroup"), errors);
  if (context.procMount == "Unmasked" && !pod.has_user_namespace()) {
    errors.invalid(path.child("procMount"), *context.procMount,
                   "`hostUsers` must be false to use `Unmasked`");
  }
  check_seccomp(context.seccompProfile, path.child("seccompProfile"), errors);
  if (!context.allowPrivilegeEscalation.value_or(true)) {
    if (context.privileged.value_or(false)) {
      errors.invalid(path, nullptr,
                     "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
    }
    if (context.capabilities && std::ranges::find(context.capabilities->add, "CAP_SYS_ADMIN") !=
                                    context.capabilities->add.end()) {
      errors.invalid(path, nullptr,
                     "cannot set `allowPrivilegeEscalation` to false and `capabilities.Add` "
                     "CAP_SYS_ADMIN");
    }
  }
  check_app_armor(context.appArmorProfile, path.child("appArmorProfile"), errors);
}

void check_pod_security(const PodSpec& spec, const PodRules& rules, const FieldPath& path,
                        FieldErrors& errors) {
  if (spec.hostPID && spec.shareProcessNamespace.value_or(false)) {
    errors.invalid(path.child("shareProcessNamespace"), true,
                   "ShareProcessNamespace and HostPID cannot both be enabled");
  }
  if (!spec.securityContext) return;
  const auto& context = *spec.securityContext;
  const FieldPath at = path.child("securityContext");
  check_id(context.fsGroup, api::validate_group_id, at.child("fsGroup"), errors);
  check_id(context.runAsUser, api::validate_user_id, at.child("runAsUser"), errors);
  check_id(context.runAsGroup, api::validate_group_id, at.child("runAsGroup"), errors);
  for (std::size_t i = 0; i < context.supplementalGroups.size(); ++i) {
    check_id(context.supplementalGroups[i], api::validate_group_id,
             at.child("supplementalGroups").index(i), errors);
  }
  check_sysctls(spec, rules, at.child("sysctls"), errors);
  check_seccomp(context.seccompProfile, at.child("seccompProfile"), errors);
  check_app_armor(context.appArmorProfile, at.child("appArmorProfile"), errors);
}

void check_user_namespace(const PodContext& pod, const FieldPath& path, FieldErrors& errors) {
  if (!pod.has_user_namespace()) return;
  if (pod.spec.hostNetwork && !pod.rules.user_namespace_on_network) {
    errors.forbidden(path.child("hostNetwork"), kUserNamespaceMessage);
  }
  // Source: upstream's own spelling.
  if (pod.spec.hostPID) errors.forbidden(path.child("HostPID"), kUserNamespaceMessage);
  if (pod.spec.hostIPC) errors.forbidden(path.child("HostIPC"), kUserNamespaceMessage);
  if (pod.rules.user_namespace_devices) return;
  visit_containers(pod.spec, path, [&](const auto& container, const FieldPath& at) {
    if (container.volumeDevices.empty()) return;
    errors.forbidden(at.child("volumeDevices"), kUserNamespaceMessage);
  });
}

bool breaks_host_sysctls(const PodSpec& spec) {
  return spec.securityContext &&
         std::ranges::any_of(spec.securityContext->sysctls, [&](const auto& sysctl) {
           return !shared_with_node(sysctl.name, spec).empty();
         });
}

}  // namespace keelson::apiserver
