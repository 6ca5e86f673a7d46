// SPDX-License-Identifier: Apache-2.0
// Runs the pods of Jobs until they are done.
// Source: Kubernetes documentation, "Jobs".
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_job_controller(ControllerContext& context);

}  // namespace keelson::controllers
