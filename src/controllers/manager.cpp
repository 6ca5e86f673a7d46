// SPDX-License-Identifier: Apache-2.0
#include "controllers/manager.h"

#include <deque>
#include <optional>
#include <vector>

#include "base/log.h"
#include "controllers/cluster_role_aggregation.h"
#include "controllers/deployment/controller.h"
#include "controllers/endpoints/controllers.h"
#include "controllers/garbage_collector/controller.h"
#include "controllers/job/controller.h"
#include "controllers/namespace.h"
#include "controllers/node_ipam.h"
#include "controllers/node_lifecycle/controller.h"
#include "controllers/pod_gc.h"
#include "controllers/replica_set.h"
#include "controllers/service_account.h"
#include "controllers/taint_eviction.h"
#include "controllers/ttl_after_finished.h"
#include "controllers/volume_protection.h"

namespace keelson::controllers {

Manager::Manager(client::Client& client, Executor& executor, Random& random, ManagerOptions options)
    : client_(client), executor_(executor), random_(random), options_(std::move(options)) {}

Manager::~Manager() = default;

Task<Result<void>> Manager::run() {
  std::optional<CidrBlocks> blocks;
  if (options_.allocate_node_cidrs) {
    CO_TRY(blocks, CidrBlocks::make(options_.cluster_cidr, options_.node_cidr_bits));
  }
  client::InformerSet informers(client_, executor_);
  // Each controller reports events under its own name, which is what users see as their source.
  struct Identity {
    Identity(client::Client& client, client::InformerSet& shared, Executor& executor,
             Random& random, std::string component)
        : events(client, executor, std::move(component), ""),
          context{client, shared, events, executor, random} {}
    client::EventRecorder events;
    ControllerContext context;
  };
  std::deque<Identity> identities;
  const auto as = [&](std::string component) -> ControllerContext& {
    return identities.emplace_back(client_, informers, executor_, random_, std::move(component))
        .context;
  };
  ControllerContext& silent = as("controllermanager");

  std::vector<std::unique_ptr<Controller>> controllers;
  const auto add = [&](std::unique_ptr<Controller> controller) {
    if (!options_.disabled.contains(std::string(controller->name())))
      controllers.push_back(std::move(controller));
  };
  add(make_namespace_controller(silent));
  add(make_service_account_controller(silent));
  add(make_root_ca_controller(silent, options_.root_ca_pem));
  add(make_cluster_role_aggregation_controller(silent));
  add(make_deployment_controller(as("deployment-controller")));
  add(make_replica_set_controller(as("replicaset-controller")));
  add(make_replication_controller(as("replication-controller")));
  add(make_job_controller(as("job-controller")));
  add(make_ttl_after_finished_controller(silent));
  add(make_endpoint_slice_controller(as("endpoint-slice-controller")));
  add(make_endpoints_controller(as("endpoint-controller")));
  add(make_garbage_collector(as("garbage-collector-controller")));
  add(make_node_lifecycle_controller(as("node-controller"), options_.node_lifecycle));
  add(make_taint_eviction_controller(as("taint-eviction-controller")));
  add(make_pod_gc_controller(silent, options_.pod_gc));
  add(make_claim_protection_controller(silent));
  add(make_volume_protection_controller(silent));
  if (blocks) add(make_node_ipam_controller(as("cidrAllocator"), std::move(*blocks)));

  informers.start();
  {
    const TaskContext& here = co_await this_context();
    TaskGroup group(executor_);
    std::stop_callback forward(here.stop, [&group] { group.request_stop(); });
    for (const auto& controller : controllers) {
      log_verbose(1, "Starting controller", {{"controller", controller->name()}});
      group.start(controller->run());
    }
    co_await group.join();
  }
  co_await informers.stop();
  for (auto& identity : identities) co_await identity.events.stop();
  // Handlers in the informers refer to the controllers: informers go first.
  co_return Result<void>{};
}

}  // namespace keelson::controllers
