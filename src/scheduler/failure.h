// SPDX-License-Identifier: Apache-2.0
// How a pod that could not be scheduled shows it: texts and the PodScheduled condition.
// Source: upstream's scheduler, handleSchedulingFailure.
#pragma once

#include <optional>
#include <string>

#include "base/executor.h"
#include "scheduler/pod_info.h"

namespace keelson::scheduler {

struct Failure {
  bool unschedulable = true;  // Fits nowhere; otherwise something is broken.
  std::string message;
  std::string nominated_node;  // Room is being made for it there.
};

// The strategic merge patch of the pod's status that says so; nothing if the status does already.
std::optional<std::string> status_patch(const Pod& pod, const Failure& failure, Wall now);

// The message, cut to what an event can hold.
std::string event_text(const std::string& message);

// The patch that marks a pod that has to leave for a more important one.
std::string disruption_patch(const Pod& victim, const std::string& scheduler_name, Wall now);

}  // namespace keelson::scheduler
