// SPDX-License-Identifier: Apache-2.0
#include "cluster.h"

#include "apiserver/admission/plugins/plugins.h"
#include "apiserver/authz/node_authorizer.h"
#include "store/memory/memory_store.h"

namespace keelson::sim {
namespace {

using namespace std::chrono_literals;

kubelet::KubeletOptions kubelet_options(int number) {
  kubelet::KubeletOptions options;
  options.node_name = Cluster::node_name(number);
  options.node_ips = {"10.0." + std::to_string(number / 250) + "." +
                      std::to_string(number % 250 + 1)};
  options.version = "v1.36.0";
  options.use_cgroups = false;
  // There are no volumes to refresh and no files to tidy: looking less often changes nothing.
  options.resync_period = 10min;
  options.housekeeping_period = 20s;
  options.image_gc.high_threshold_percent = 101;
  return options;
}

kubelet::MachineInfo machine(int number) {
  return {.cpus = 16,
          .memory_bytes = 64LL << 30,
          .disk_bytes = 100LL << 30,
          .host_name = Cluster::node_name(number),
          .architecture = "amd64"};
}

// Kubelets have no more rights than in a real cluster; all others have all.
void restrict_nodes(apiserver::ApiServerOptions& options) {
  options.authorizer = [](const apiserver::ServerContext& context) {
    return apiserver::make_node_authorizer(context.caches);
  };
  options.admission = [](const apiserver::ServerContext& context) {
    std::vector<std::unique_ptr<apiserver::AdmissionPlugin>> plugins;
    plugins.push_back(apiserver::make_node_restriction(context.caches));
    return plugins;
  };
}

apiserver::User node_user(const std::string& name) {
  apiserver::User user;
  user.name = "system:node:" + name;
  user.groups = {"system:nodes", "system:authenticated"};
  return user;
}

}  // namespace

struct Cluster::Node {
  Node(Executor& executor, Random& random, std::unique_ptr<Link> to, int number)
      : link(std::move(to)),
        runtime(executor, {.sandbox_time = 200ms, .start_time = 100ms}),
        host(machine(number)),
        kubelet(kubelet_options(number), {.client = *link,
                                          .executor = executor,
                                          .runtime = runtime,
                                          .host = host,
                                          .random = random}) {}

  std::unique_ptr<Link> link;
  cri::FakeRuntime runtime;
  kubelet::HollowHost host;
  kubelet::Kubelet kubelet;
};

Cluster::Cluster(ClusterOptions options)
    : server_random_(make_seeded_random(options.seed)),
      component_random_(make_seeded_random(options.seed + 1)),
      fault_random_(make_seeded_random(options.seed + 2)),
      store_(store::make_memory_store(executor_)) {
  apiserver::ApiServerOptions server_options;
  server_options.store = store_.get();
  server_options.executor = &executor_;
  server_options.random = server_random_.get();
  restrict_nodes(server_options);
  server_ = std::make_unique<apiserver::ApiServer>(std::move(server_options));
  CHECK(run(server_->start()).has_value());
  user_ = server_->make_client(apiserver::User::system_masters("user"));
  manager_link_ =
      make_link("manager", apiserver::User::system_masters("system:kube-controller-manager"));
  scheduler_link_ =
      make_link("scheduler", apiserver::User::system_masters("system:kube-scheduler"));
  manager_ = std::make_unique<controllers::Manager>(*manager_link_, executor_, *component_random_,
                                                    controllers::ManagerOptions{
                                                        .cluster_cidr = "10.64.0.0/14",
                                                        .root_ca_pem = "certificate",
                                                        .disabled = {},
                                                    });
  scheduler_ =
      std::make_unique<scheduler::Scheduler>(*scheduler_link_, executor_, *component_random_);
  tasks_ = std::make_unique<TaskGroup>(executor_);
  tasks_->start([](controllers::Manager* manager) -> Task<void> {
    CHECK((co_await manager->run()).has_value());
  }(manager_.get()));
  tasks_->start(scheduler_->run());
  for (int number = 0; number < options.nodes; ++number) add_node(number);
}

Cluster::~Cluster() {
  faults = {};
  bool stopped = false;
  spawn(executor_, [](Cluster* cluster, bool* done) -> Task<void> {
    for (const auto& node : cluster->nodes_) node->link->restore();
    std::vector<Task<bool>> kubelets;
    for (const auto& node : cluster->nodes_) {
      kubelets.push_back([](kubelet::Kubelet* it) -> Task<bool> {
        co_await it->stop();
        co_return true;
      }(&node->kubelet));
    }
    co_await when_all(std::move(kubelets));
    co_await cluster->tasks_->stop();
    co_await cluster->server_->stop();
    co_await cluster->store_->stop();
    *done = true;
  }(this, &stopped));
  CHECK(executor_.run_until([&] { return stopped; }, 10min));
  executor_.run_ready();
}

std::unique_ptr<Link> Cluster::make_link(std::string name, apiserver::User user) {
  return std::make_unique<Link>(LinkParts{.server = server_->make_client(std::move(user)),
                                          .name = std::move(name),
                                          .executor = executor_,
                                          .random = *fault_random_,
                                          .faults = faults,
                                          .record = record_});
}

void Cluster::add_node(int number) {
  const std::string name = node_name(number);
  nodes_.push_back(std::make_unique<Node>(executor_, *component_random_,
                                          make_link(name, node_user(name)), number));
  nodes_.back()->kubelet.start();
}

void Cluster::cut_node(int number) { nodes_[static_cast<std::size_t>(number)]->link->cut(); }
void Cluster::restore_node(int number) {
  nodes_[static_cast<std::size_t>(number)]->link->restore();
}

bool Cluster::until(const std::function<bool()>& done, Duration limit) {
  const Duration end = executor_.monotonic() + limit;
  while (!done()) {
    if (executor_.monotonic() >= end) return false;
    executor_.advance(1s);
  }
  return true;
}

int Cluster::ready_nodes() {
  int count = 0;
  for (const auto& node : all<core::v1::Node>()) {
    for (const auto& condition : node->status.conditions) {
      if (condition.type == "Ready" && condition.status == "True") ++count;
    }
  }
  return count;
}

std::vector<std::string> Cluster::running_on(int node) const {
  return nodes_[static_cast<std::size_t>(node)]->runtime.running();
}

}  // namespace keelson::sim
