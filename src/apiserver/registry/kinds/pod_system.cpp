// SPDX-License-Identifier: Apache-2.0
// Source: upstream, validateOS, validateLinux and validateWindows.
#include "apiserver/registry/kinds/pod_parts.h"

namespace keelson::apiserver {
namespace {

using api::FieldErrors;
using api::FieldPath;
using core::v1::PodSpec;

// Calls visit(context, path) for each container that has a security context.
template <class Visit>
void visit_security(const PodSpec& spec, const FieldPath& path, Visit visit) {
  visit_containers(spec, path, [&](const auto& container, const FieldPath& at) {
    if (container.securityContext) visit(*container.securityContext, at.child("securityContext"));
  });
}

void check_linux(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  const auto check = [&](const auto& context, const FieldPath& at) {
    if (!context.windowsOptions) return;
    errors.forbidden(at.child("windowsOptions"), "windows options cannot be set for a linux pod");
  };
  if (spec.securityContext) check(*spec.securityContext, path.child("securityContext"));
  visit_security(spec, path, check);
}

struct Member {
  std::string_view name;
  bool is_set;
};

void refuse_on_windows(std::initializer_list<Member> members, const FieldPath& path,
                       FieldErrors& errors) {
  for (const auto& [name, is_set] : members) {
    if (is_set) errors.forbidden(path.child(name), "cannot be set for a windows pod");
  }
}

void check_windows(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  refuse_on_windows({{"hostUsers", spec.hostUsers.has_value()},
                     {"hostPID", spec.hostPID},
                     {"hostIPC", spec.hostIPC},
                     {"shareProcessNamespace", spec.shareProcessNamespace.has_value()}},
                    path, errors);
  if (spec.securityContext) {
    const auto& context = *spec.securityContext;
    refuse_on_windows({{"appArmorProfile", context.appArmorProfile.has_value()},
                       {"seLinuxOptions", context.seLinuxOptions.has_value()},
                       {"seccompProfile", context.seccompProfile.has_value()},
                       {"fsGroup", context.fsGroup.has_value()},
                       {"fsGroupChangePolicy", context.fsGroupChangePolicy.has_value()},
                       {"sysctls", !context.sysctls.empty()},
                       {"runAsUser", context.runAsUser.has_value()},
                       {"runAsGroup", context.runAsGroup.has_value()},
                       {"supplementalGroups", !context.supplementalGroups.empty()},
                       {"supplementalGroupsPolicy", context.supplementalGroupsPolicy.has_value()},
                       {"seLinuxChangePolicy", context.seLinuxChangePolicy.has_value()}},
                      path.child("securityContext"), errors);
  }
  visit_security(spec, path, [&](const core::v1::SecurityContext& context, const FieldPath& at) {
    refuse_on_windows({{"appArmorProfile", context.appArmorProfile.has_value()},
                       {"seLinuxOptions", context.seLinuxOptions.has_value()},
                       {"seccompProfile", context.seccompProfile.has_value()},
                       {"capabilities", context.capabilities.has_value()},
                       {"readOnlyRootFilesystem", context.readOnlyRootFilesystem.has_value()},
                       {"privileged", context.privileged.has_value()},
                       {"allowPrivilegeEscalation", context.allowPrivilegeEscalation.has_value()},
                       {"procMount", context.procMount.has_value()},
                       {"runAsUser", context.runAsUser.has_value()},
                       {"runAsGroup", context.runAsGroup.has_value()}},
                      at, errors);
  });
}

}  // namespace

void check_system(const PodSpec& spec, const FieldPath& path, FieldErrors& errors) {
  if (!spec.os) return;
  const std::string& name = spec.os->name;
  const FieldPath at = path.child("os");
  if (name.empty()) {
    errors.required(at.child("name"), "cannot be empty");
  } else if (name == "linux") {
    check_linux(spec, path, errors);
  } else if (name == "windows") {
    check_windows(spec, path, errors);
  } else {
    errors.not_supported(at, name, {"linux", "windows"});
  }
}

}  // namespace keelson::apiserver
