// SPDX-License-Identifier: Apache-2.0
// Removes pods that nobody else will: finished ones beyond a limit, those on nodes that are gone or
// declared out of service, those deleted before they were scheduled.
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

struct PodGcOptions {
  std::size_t finished_max = 12'500;  // --terminated-pod-gc-threshold; 0: no limit.
};

std::unique_ptr<Controller> make_pod_gc_controller(ControllerContext& context,
                                                   PodGcOptions options = {});

}  // namespace keelson::controllers
