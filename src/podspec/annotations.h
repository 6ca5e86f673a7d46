// SPDX-License-Identifier: Apache-2.0
// Annotations of pods that say what they are.
#pragma once

#include <string_view>

#include "api/core/v1.h"

namespace keelson::podspec {

// On a pod that a node shows for one that it runs from a file of its own.
inline constexpr std::string_view kMirrorAnnotation = "kubernetes.io/config.mirror";

inline bool is_mirror(const core::v1::Pod& pod) {
  return pod.metadata.annotations.contains(kMirrorAnnotation);
}

}  // namespace keelson::podspec
