// SPDX-License-Identifier: Apache-2.0
// Keeps as many pods as a ReplicaSet or a ReplicationController asks for.
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_replica_set_controller(ControllerContext& context);
std::unique_ptr<Controller> make_replication_controller(ControllerContext& context);

}  // namespace keelson::controllers
