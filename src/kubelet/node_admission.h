// SPDX-License-Identifier: Apache-2.0
// The node's own look at a pod before it runs it: the scheduler may have decided on old news. Pure.
// Source: upstream pkg/kubelet/lifecycle/predicate.
#pragma once

#include <optional>
#include <span>

#include "kubelet/pod_status.h"

namespace keelson::kubelet {

struct AdmissionInputs {
  const v1::Pod& pod;
  std::span<const PodPtr> others;  // Admitted and not ended.
  const v1::Node* node;            // Null: not known yet; labels and taints are not looked at.
  const podspec::ResourceList& allocatable;
  bool apparmor = false;  // The node enforces its profiles.
};
// Nothing: the pod may run.
std::optional<PodFailure> refuse_pod(const AdmissionInputs& inputs);

}  // namespace keelson::kubelet
