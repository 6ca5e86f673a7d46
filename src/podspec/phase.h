// SPDX-License-Identifier: Apache-2.0
// How far a pod has come, by its status.
#pragma once

#include <string_view>

#include "api/core/v1.h"

namespace keelson::podspec {

// Succeeded or Failed: it will not run again and holds no resources.
bool is_terminal(const core::v1::Pod& pod);

// Null if the status has none of that type.
const core::v1::PodCondition* find_condition(const core::v1::Pod& pod, std::string_view type);

}  // namespace keelson::podspec
