// SPDX-License-Identifier: Apache-2.0
// Pods as controllers see them.
#pragma once

#include <chrono>
#include <string_view>

#include "api/core/v1.h"
#include "base/executor.h"
#include "controllers/ownership.h"
#include "podspec/phase.h"

namespace keelson::controllers {

using podspec::find_condition;
using podspec::is_terminal;

bool is_ready(const core::v1::Pod& pod);
// Ready for at least `min_ready`. When it is ready but not for long enough, `*wait` (if given) is
// lowered to the time that is missing.
bool is_available(const core::v1::Pod& pod, std::chrono::seconds min_ready, Wall now,
                  Duration* wait = nullptr);
// Neither terminal nor being deleted.
bool is_active(const core::v1::Pod& pod);

// The index of pods by the name of their node; "" for those that have none.
inline constexpr std::string_view kByNode = "node";
void index_by_node(client::InformerSet& informers);

// A pod of the template, to be created with a generated name for `owner`.
core::v1::Pod pod_from_template(const core::v1::PodTemplateSpec& pod_template,
                                const meta::v1::ObjectMeta& owner,
                                meta::v1::OwnerReference reference);

}  // namespace keelson::controllers
