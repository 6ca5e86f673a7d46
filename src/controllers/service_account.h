// SPDX-License-Identifier: Apache-2.0
// What every namespace is born with: the service account "default" and the ConfigMap
// "kube-root-ca.crt", by which pods trust the API server.
#pragma once

#include <memory>
#include <string>

#include "controllers/controller.h"

namespace keelson::controllers {

std::unique_ptr<Controller> make_service_account_controller(ControllerContext& context);
std::unique_ptr<Controller> make_root_ca_controller(ControllerContext& context,
                                                    std::string root_ca_pem);

}  // namespace keelson::controllers
