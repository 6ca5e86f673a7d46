// SPDX-License-Identifier: Apache-2.0
// Rolls pod templates out through ReplicaSets.
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_deployment_controller(ControllerContext& context);

}  // namespace keelson::controllers
