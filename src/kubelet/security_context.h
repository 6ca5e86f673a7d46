// SPDX-License-Identifier: Apache-2.0
// Security contexts of pods and containers in the runtime's words. Pure.
// Source: API reference, SecurityContext, PodSecurityContext; upstream
// kuberuntime/security_context.
#pragma once

#include "kubelet/cri/runtime.h"
#include "kubelet/pod.h"

namespace keelson::kubelet {

cri::v1::LinuxSandboxSecurityContext sandbox_security(const v1::Pod& pod);

// `image` (may be null) tells the user that the image wants; `seccomp_dir` holds the profiles of
// this node. Errors: BadRequest when the container must not run as root and would, or might; and
// for a profile without a name, or with one that leads out of the folder.
Result<cri::v1::LinuxContainerSecurityContext> container_security(const v1::Pod& pod,
                                                                  const v1::Container& container,
                                                                  const cri::v1::Image* image,
                                                                  const std::string& seccomp_dir);

// Whether the mounts below a mount are to be read-only too. `supported`: the runtime can do that.
// Errors: BadRequest for one that must be and cannot.
Result<bool> is_recursive_read_only(const v1::VolumeMount& mount, bool supported);

// Whether some container wants a profile of AppArmor, which the node then must enforce.
bool needs_apparmor(const v1::Pod& pod);

cri::v1::NamespaceOption namespaces(const v1::Pod& pod);

}  // namespace keelson::kubelet
