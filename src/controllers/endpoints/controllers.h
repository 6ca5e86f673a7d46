// SPDX-License-Identifier: Apache-2.0
// EndpointSlices, and for old clients Endpoints, of every Service with a selector.
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_endpoint_slice_controller(ControllerContext& context);
std::unique_ptr<Controller> make_endpoints_controller(ControllerContext& context);

}  // namespace keelson::controllers
