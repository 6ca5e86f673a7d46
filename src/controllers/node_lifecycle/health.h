// SPDX-License-Identifier: Apache-2.0
// When a node was last heard of, and what its conditions say of that. Pure.
// Source: KEP-589 (node Leases); upstream's tryUpdateNodeHealth.
#pragma once

#include <optional>

#include "api/coordination/v1.h"
#include "api/core/v1.h"
#include "base/executor.h"

namespace keelson::controllers::node_lifecycle {

const core::v1::NodeCondition* find_condition(const core::v1::Node& node, std::string_view type);
// The status of its Ready condition: "True", "False", "Unknown"; empty without one.
std::string ready_status(const core::v1::Node& node);

// By our own clock: the node's may be wrong.
struct Health {
  std::optional<api::Time> heartbeat;  // Of the Ready condition, when there is one.
  std::optional<api::MicroTime> renewed;
  Duration heard{};  // Monotonic.
};

// What is known after a look at the node and its Lease (or null); `known` is of the look before.
// A node that never told of itself counts from its creation.
Health observe(const std::optional<Health>& known, const core::v1::Node& node,
               const coordination::v1::Lease* lease, Duration now, Wall wall);

// Sets the conditions that only its kubelet can know to Unknown; true if one was not.
bool mark_silent(core::v1::Node& node, Wall now);

}  // namespace keelson::controllers::node_lifecycle
