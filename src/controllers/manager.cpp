// SPDX-License-Identifier: Apache-2.0
#include "controllers/manager.h"

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
#include "controllers/node_lifecycle.h"
#include "controllers/pod_gc.h"
#include "controllers/replica_set.h"
#include "controllers/service_account.h"
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
  client::EventRecorder events(client_, executor_, "controllermanager", "");
  ControllerContext context{client_, informers, events, executor_, random_};

  std::vector<std::unique_ptr<Controller>> controllers;
  const auto add = [&](std::unique_ptr<Controller> controller) {
    if (!options_.disabled.contains(std::string(controller->name())))
      controllers.push_back(std::move(controller));
  };
  add(make_namespace_controller(context));
  add(make_service_account_controller(context));
  add(make_root_ca_controller(context, options_.root_ca_pem));
  add(make_cluster_role_aggregation_controller(context));
  add(make_deployment_controller(context));
  add(make_replica_set_controller(context));
  add(make_replication_controller(context));
  add(make_job_controller(context));
  add(make_ttl_after_finished_controller(context));
  add(make_endpoint_slice_controller(context));
  add(make_endpoints_controller(context));
  add(make_garbage_collector(context));
  NodeLifecycleOptions nodes;
  nodes.grace_period = options_.node_monitor_grace_period;
  add(make_node_lifecycle_controller(context, nodes));
  add(make_taint_eviction_controller(context));
  add(make_pod_gc_controller(context));
  add(make_claim_protection_controller(context));
  add(make_volume_protection_controller(context));
  if (blocks) add(make_node_ipam_controller(context, std::move(*blocks)));

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
  co_await events.stop();
  // Handlers in the informers refer to the controllers: informers go first.
  co_return Result<void>{};
}

}  // namespace keelson::controllers
