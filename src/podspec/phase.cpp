// SPDX-License-Identifier: Apache-2.0
#include "podspec/phase.h"

namespace keelson::podspec {

bool is_terminal(const core::v1::Pod& pod) {
  return pod.status.phase == core::v1::PodPhase::Succeeded ||
         pod.status.phase == core::v1::PodPhase::Failed;
}

const core::v1::PodCondition* find_condition(const core::v1::Pod& pod, std::string_view type) {
  for (const auto& condition : pod.status.conditions) {
    if (condition.type == type) return &condition;
  }
  return nullptr;
}

}  // namespace keelson::podspec
