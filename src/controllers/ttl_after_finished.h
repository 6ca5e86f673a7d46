// SPDX-License-Identifier: Apache-2.0
// Removes finished Jobs once spec.ttlSecondsAfterFinished has passed. Source: KEP-592.
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_ttl_after_finished_controller(ControllerContext& context);

}  // namespace keelson::controllers
