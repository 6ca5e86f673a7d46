// SPDX-License-Identifier: Apache-2.0
// Wakes a controller for the services that a change of a Service, a Pod or a Node concerns.
#pragma once

#include "api/core/v1.h"
#include "controllers/controller.h"

namespace keelson::controllers {

// A reconcile looks at all pods of a service and writes up to a hundred endpoints at once, while
// pods of a rollout come and go many a second: what comes within this time is one write. The first
// change after it is told at once.
inline constexpr client::QueueDelays kEndpointDelays{.rest = std::chrono::milliseconds(100)};

// Adds handlers that put service keys into `queue`, which must outlive the informers.
void watch_services_and_pods(ControllerContext& context, client::WorkQueue<ObjectKey>& queue);

// Waits for the informers that the handlers need; false when stopped.
Task<bool> wait_services_and_pods(ControllerContext& context);

// The pods that a service selects.
std::vector<std::shared_ptr<const core::v1::Pod>> selected_pods(ControllerContext& context,
                                                                const core::v1::Service& service);

}  // namespace keelson::controllers
