// SPDX-License-Identifier: Apache-2.0
// Removes objects whose owners are gone, and carries out foreground and orphaning deletion.
// Source: Kubernetes documentation, "Garbage Collection".
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_garbage_collector(ControllerContext& context);

}  // namespace keelson::controllers
