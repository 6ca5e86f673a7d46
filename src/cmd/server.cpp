// SPDX-License-Identifier: Apache-2.0
// keelson server: a whole cluster in one process.
#include "dns/server.h"

#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <filesystem>
#include <set>

#include "apiserver/bootstrap.h"
#include "base/log.h"
#include "client/kubeconfig.h"
#include "cmd/control_plane.h"
#include "cmd/host_address.h"
#include "cmd/node.h"
#include "cmd/program.h"
#include "cmd/programs.h"
#include "controllers/manager.h"
#include "scheduler/scheduler.h"

namespace keelson::cmd {
namespace {

// An address by which others can reach the server. Source: upstream, which advertises the host's
// address where it listens on all, or only on the loopback interface.
bool names_one_address(const std::string& bind_address) {
  return bind_address != "0.0.0.0" && bind_address != "::" && bind_address != "::1" &&
         !bind_address.starts_with("127.");
}

struct Flags {
  LogFlags log;
  ControlPlaneOptions control_plane;
  NodeOptions node;
  std::string data_dir = "/var/lib/keelson";
  std::string write_kubeconfig = "/etc/keelson/keelson.yaml";
  std::string cluster_cidr = "10.42.0.0/16";
  std::string cluster_dns;
  std::string cluster_domain = "cluster.local";
  std::string node_name = host_name();
  std::string node_ip;
  bool disable_agent = false;
  std::vector<std::string> disable;
};

void add_flags(CLI::App& app, Flags& flags) {
  add_log_flags(app, flags.log);
  app.add_option("-d,--data-dir", flags.data_dir, "Folder that holds all state")
      ->capture_default_str();
  app.add_option("--https-listen-port", flags.control_plane.port, "HTTPS listen port")
      ->capture_default_str();
  app.add_option("--bind-address", flags.control_plane.bind_address, "HTTPS listen address")
      ->capture_default_str();
  app.add_option("--advertise-address", flags.control_plane.advertise_address,
                 "IPv4 address that members of the cluster reach the server by");
  app.add_option("--write-kubeconfig", flags.write_kubeconfig,
                 "Write the administrator's kubeconfig to this file")
      ->capture_default_str();
  app.add_flag("--disable-agent", flags.disable_agent, "Run the control plane only");
  app.add_option("--datastore-endpoint", flags.control_plane.datastore_endpoint,
                 "Where the state is kept: sqlite:///PATH or memory; empty: SQLite in the data "
                 "folder");
  app.add_option("--cluster-cidr", flags.cluster_cidr, "IPv4 network for pods")
      ->capture_default_str();
  app.add_option("--service-cidr", flags.control_plane.service_cidr, "IPv4 network for services")
      ->capture_default_str();
  app.add_option("--cluster-dns", flags.cluster_dns,
                 "Address of the cluster's DNS service; empty: the tenth of the service network");
  app.add_option("--cluster-domain", flags.cluster_domain, "Domain of the cluster")
      ->capture_default_str();
  app.add_option("--node-name", flags.node_name, "Name of this node")->capture_default_str();
  app.add_option("--node-ip", flags.node_ip, "IPv4 address of this node");
  app.add_option("--container-runtime-endpoint", flags.node.runtime_endpoint,
                 "CRI socket of the container runtime")
      ->capture_default_str();
  app.add_option("--pause-image", flags.node.pause_image, "Image of the pod sandbox")
      ->capture_default_str();
  app.add_option("--disable", flags.disable,
                 "Components not to run: scheduler, controller-manager, kube-proxy, network, dns")
      ->check(CLI::IsMember({"scheduler", "controller-manager", "kube-proxy", "network", "dns"}));
}

class Server {
 public:
  Server(net::Runtime& runtime, Flags flags)
      : runtime_(runtime),
        flags_(std::move(flags)),
        random_(make_system_random()),
        scheduler_executor_(make_serial(runtime)),
        controllers_executor_(make_serial(runtime)),
        dns_executor_(make_serial(runtime)),
        scheduler_tasks_(*scheduler_executor_),
        controllers_tasks_(*controllers_executor_),
        dns_tasks_(*dns_executor_) {}

  Task<Result<void>> run() {
    auto started = co_await start();
    if (started) co_await wait_for_stop();
    co_await stop();
    co_return started;
  }

 private:
  bool runs(std::string_view component) const {
    return std::ranges::find(flags_.disable, component) == flags_.disable.end();
  }

  Task<Result<void>> start() {
    if (flags_.node_ip.empty()) flags_.node_ip = host_address();
    auto& plane = flags_.control_plane;
    if (plane.advertise_address.empty())
      plane.advertise_address =
          names_one_address(plane.bind_address) ? plane.bind_address : flags_.node_ip;
    plane.data_dir = flags_.data_dir;
    plane.cluster_domain = flags_.cluster_domain;
    if (flags_.cluster_dns.empty()) {
      flags_.cluster_dns = apiserver::first_address(plane.service_cidr);
      const auto dot = flags_.cluster_dns.rfind('.');
      if (dot != std::string::npos) flags_.cluster_dns.replace(dot + 1, std::string::npos, "10");
    }
    std::error_code error;
    std::filesystem::create_directories(flags_.data_dir, error);
    if (error)
      co_return fail(
          Status::unavailable("cannot make " + flags_.data_dir + ": " + error.message()));

    CO_TRY(auto files, ensure_cluster_files(flags_.data_dir,
                                            serving_names(flags_.node_name, flags_.cluster_domain),
                                            serving_addresses(plane), runtime_.now()));
    plane_ = std::make_unique<ControlPlane>(runtime_, *random_, plane, std::move(files));
    CO_TRY_OK(co_await plane_->start());
    CO_TRY_OK(write_admin_kubeconfig());
    if (runs("scheduler")) start_scheduler();
    if (runs("controller-manager")) start_controllers();
    if (!flags_.disable_agent) CO_TRY_OK(start_node());
    if (runs("dns") && !flags_.disable_agent) start_dns();
    co_return Result<void>{};
  }

  Result<void> write_admin_kubeconfig() {
    if (flags_.write_kubeconfig.empty()) return {};
    TRY(const auto admin,
        issue_client(plane_->files().ca, "kubernetes-admin", {"system:masters"}, runtime_.now()));
    client::Connection connection;
    const std::string host = flags_.control_plane.bind_address == "0.0.0.0"
                                 ? "127.0.0.1"
                                 : flags_.control_plane.bind_address;
    connection.server = "https://" + host + ":" + std::to_string(flags_.control_plane.port);
    connection.ca_pem = plane_->files().ca.certificate_pem;
    connection.certificate_pem = admin.certificate_pem;
    connection.key_pem = admin.key_pem;
    return client::write_kubeconfig(flags_.write_kubeconfig, connection, "keelson",
                                    "kubernetes-admin");
  }

  void start_scheduler() {
    scheduler_client_ = plane_->make_client("system:kube-scheduler", {});
    scheduler_ =
        std::make_unique<scheduler::Scheduler>(*scheduler_client_, *scheduler_executor_, *random_);
    scheduler_tasks_.start(scheduler_->run());
  }

  void start_controllers() {
    controllers_client_ = plane_->make_client("system:kube-controller-manager", {});
    controllers_ = std::make_unique<controllers::Manager>(
        *controllers_client_, *controllers_executor_, *random_,
        controllers::ManagerOptions{.cluster_cidr = flags_.cluster_cidr,
                                    .root_ca_pem = plane_->files().ca.certificate_pem,
                                    .disabled = {}});
    controllers_tasks_.start(run_controllers(controllers_.get()));
  }

  static Task<void> run_controllers(controllers::Manager* manager) {
    const auto done = co_await manager->run();
    if (!done && !done.error().is(Reason::Canceled))
      log_error("The controllers ended", {{"err", done.error().message()}});
  }

  Result<void> start_node() {
    NodeOptions options = flags_.node;
    options.data_dir = flags_.data_dir;
    options.node_name = flags_.node_name;
    options.node_ip = flags_.node_ip;
    options.cluster_cidr = flags_.cluster_cidr;
    options.cluster_dns = flags_.cluster_dns;
    options.cluster_domain = flags_.cluster_domain;
    options.run_proxy = runs("kube-proxy");
    options.run_network = runs("network");
    TRY(auto serving, ensure_kubelet_serving(flags_.data_dir, plane_->files().ca, flags_.node_name,
                                             {flags_.node_ip, "127.0.0.1"}, runtime_.now()));
    node_ = std::make_unique<Node>(
        runtime_, *random_, std::move(options),
        NodeClients{
            .kubelet = plane_->make_client("system:node:" + flags_.node_name, {"system:nodes"}),
            .proxy = plane_->make_client("system:kube-proxy", {})},
        plane_->files().ca.certificate_pem, std::move(serving));
    return node_->start();
  }

  void start_dns() {
    dns_client_ = plane_->make_client("system:keelson:dns", {});
    dns_ = std::make_unique<dns::Server>(*dns_client_, runtime_, *dns_executor_,
                                         dns::ServerOptions{.cluster_domain = flags_.cluster_domain,
                                                            .cluster_ip = flags_.cluster_dns,
                                                            .listen_address = flags_.node_ip,
                                                            .node_name = flags_.node_name});
    dns_tasks_.start(dns_->run());
  }

  // In the reverse order of the start.
  Task<void> stop() {
    // The stop that brought us here must not cut the stopping short.
    co_await run_in(TaskContext{&runtime_, {}}, [](Server* self) -> Task<bool> {
      co_await self->dns_tasks_.stop();
      if (self->node_) co_await self->node_->stop();
      co_await self->controllers_tasks_.stop();
      co_await self->scheduler_tasks_.stop();
      if (self->plane_) co_await self->plane_->stop(std::chrono::seconds(2));
      co_return true;
    }(this));
  }

  net::Runtime& runtime_;
  Flags flags_;
  const std::unique_ptr<Random> random_;
  const std::unique_ptr<Executor> scheduler_executor_, controllers_executor_, dns_executor_;
  std::unique_ptr<ControlPlane> plane_;
  std::unique_ptr<client::Client> scheduler_client_, controllers_client_, dns_client_;
  std::unique_ptr<scheduler::Scheduler> scheduler_;
  std::unique_ptr<controllers::Manager> controllers_;
  std::unique_ptr<dns::Server> dns_;
  std::unique_ptr<Node> node_;
  TaskGroup scheduler_tasks_, controllers_tasks_, dns_tasks_;
};

}  // namespace

int run_server(const Arguments& arguments) {
  CLI::App app("A whole Kubernetes cluster in one process", "keelson server");
  Flags flags;
  add_flags(app, flags);
  if (const auto exit_code = parse_flags(app, arguments, flags.log)) return *exit_code;
  // Nothing that is written here is for others to read, unless it says so itself.
  umask(0077);
  return run_program([&flags](net::Runtime& runtime) -> Task<Result<void>> {
    Server server(runtime, flags);
    co_return co_await server.run();
  });
}

}  // namespace keelson::cmd
