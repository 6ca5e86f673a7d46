// SPDX-License-Identifier: Apache-2.0
// The kube-controller-manager: all controllers over one set of informers.
#pragma once

#include <memory>
#include <set>
#include <string>

#include "base/random.h"
#include "client/client.h"
#include "controllers/node_lifecycle/controller.h"
#include "controllers/pod_gc.h"

namespace keelson::controllers {

struct ManagerOptions {
  std::string cluster_cidr = "10.42.0.0/16";
  int node_cidr_bits = 24;
  bool allocate_node_cidrs = true;
  std::string root_ca_pem;
  std::set<std::string> disabled;  // Names of controllers.
  NodeLifecycleOptions node_lifecycle = {};
  PodGcOptions pod_gc = {};
};

class Manager {
 public:
  // `executor` is serial; all outlive the manager.
  Manager(client::Client& client, Executor& executor, Random& random, ManagerOptions options);
  ~Manager();

  // Until stopped; then every controller has ended. Errors: BadRequest for unusable options.
  Task<Result<void>> run();

 private:
  client::Client& client_;
  Executor& executor_;
  Random& random_;
  const ManagerOptions options_;
};

}  // namespace keelson::controllers
