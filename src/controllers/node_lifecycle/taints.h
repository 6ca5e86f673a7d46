// SPDX-License-Identifier: Apache-2.0
// The taints that a node's state calls for. Pure; each function returns whether it changed the
// node. Source: KEP-382 (taint node by condition), KEP-166 (taint-based eviction).
#pragma once

#include "api/core/v1.h"
#include "base/executor.h"

namespace keelson::controllers::node_lifecycle {

// NoSchedule, at once, for whatever condition is bad and for a cordoned node. Taints of others
// stay.
bool set_condition_taints(core::v1::Node& node, Wall now);

// NoExecute by the Ready condition: not-ready for False, unreachable for Unknown, none for True.
bool set_eviction_taint(core::v1::Node& node, Wall now);
bool clear_eviction_taints(core::v1::Node& node);
// It has the one that its Ready condition calls for; or the other, which evicts as well.
bool has_eviction_taint(const core::v1::Node& node);

// The labels of old names for the operating system and the architecture.
bool set_beta_labels(core::v1::Node& node);

}  // namespace keelson::controllers::node_lifecycle
