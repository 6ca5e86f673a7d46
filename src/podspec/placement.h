// SPDX-License-Identifier: Apache-2.0
// Which nodes a pod may go to: taints and tolerations, node selectors and node affinity.
// Source: API reference of core/v1, Toleration and NodeSelector.
#pragma once

#include <span>
#include <string_view>

#include "api/core/v1.h"

namespace keelson::podspec {

using Labels = std::map<std::string, std::string, std::less<>>;

// By key, value and effect; an empty key with Exists tolerates every taint.
bool tolerates(const core::v1::Toleration& toleration, const core::v1::Taint& taint);
bool tolerates(std::span<const core::v1::Toleration> tolerations, const core::v1::Taint& taint);

// Effects that keep new pods away; the kubelet and the taint manager look at NoExecute alone.
enum class TaintScope : std::uint8_t { Scheduling, Execution, Preference };

// The first taint of that scope (Scheduling: NoSchedule or NoExecute; Execution: NoExecute;
// Preference: PreferNoSchedule) that no toleration matches; null if there is none.
const core::v1::Taint* find_untolerated_taint(std::span<const core::v1::Taint> taints,
                                              std::span<const core::v1::Toleration> tolerations,
                                              TaintScope scope);

// matchExpressions look at `labels`; matchFields only know metadata.name. A term without either
// matches nothing; terms are alternatives.
bool matches(const core::v1::NodeSelectorRequirement& requirement, const Labels& labels);
bool matches(const core::v1::NodeSelectorTerm& term, const Labels& labels,
             std::string_view node_name);
bool matches(const core::v1::NodeSelector& selector, const Labels& labels,
             std::string_view node_name);

// spec.nodeSelector and the required part of spec.affinity.nodeAffinity.
bool selects_node(const core::v1::PodSpec& pod, const Labels& labels, std::string_view node_name);

}  // namespace keelson::podspec
