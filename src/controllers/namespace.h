// SPDX-License-Identifier: Apache-2.0
// Empties namespaces that are being deleted, then lets them go.
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_namespace_controller(ControllerContext& context);

}  // namespace keelson::controllers
