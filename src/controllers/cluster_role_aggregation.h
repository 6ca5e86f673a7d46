// SPDX-License-Identifier: Apache-2.0
// Writes into aggregated ClusterRoles the rules of the roles that their selectors choose, so that
// everybody can read what they allow. Source: Kubernetes documentation, "Aggregated ClusterRoles".
#pragma once

#include <memory>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_cluster_role_aggregation_controller(ControllerContext& context);

}  // namespace keelson::controllers
