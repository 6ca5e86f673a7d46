// SPDX-License-Identifier: Apache-2.0
// Security contexts of pods and containers in the runtime's words. Pure.
// Source: API reference, SecurityContext, PodSecurityContext; upstream
// kuberuntime/security_context.
#pragma once

#include "kubelet/cri/runtime.h"
#include "kubelet/pod.h"

namespace keelson::kubelet {

cri::v1::LinuxSandboxSecurityContext sandbox_security(const v1::Pod& pod);

// `image` (may be null) tells the user that the image wants. Errors: BadRequest when the container
// must not run as root and would, or might.
Result<cri::v1::LinuxContainerSecurityContext> container_security(const v1::Pod& pod,
                                                                  const v1::Container& container,
                                                                  const cri::v1::Image* image);

cri::v1::NamespaceOption namespaces(const v1::Pod& pod);

}  // namespace keelson::kubelet
