// SPDX-License-Identifier: Apache-2.0
// Claims that pods use, and volumes that are bound, stay until they are free: a finalizer holds
// them, which is taken away here. Source: Kubernetes documentation, "Storage Object in Use
// Protection".
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_claim_protection_controller(ControllerContext& context);
std::unique_ptr<Controller> make_volume_protection_controller(ControllerContext& context);

}  // namespace keelson::controllers
