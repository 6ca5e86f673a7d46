// SPDX-License-Identifier: Apache-2.0
#include "cmd/control_plane.h"

#include <filesystem>

#include "apiserver/bootstrap.h"
#include "apiserver/connect/kubelet_connect.h"
#include "apiserver/standard.h"
#include "base/log.h"
#include "cmd/version.h"
#include "net/tls.h"
#include "store/memory/memory_store.h"
#include "store/sqlite/sqlite_store.h"

namespace keelson::cmd {

ControlPlane::ControlPlane(net::Runtime& runtime, Random& random, ControlPlaneOptions options,
                           ClusterFiles files)
    : runtime_(runtime), random_(random), options_(std::move(options)), files_(std::move(files)) {}

ControlPlane::~ControlPlane() = default;

Result<std::unique_ptr<store::Store>> ControlPlane::open_store() {
  const std::string& endpoint = options_.datastore_endpoint;
  if (endpoint == "memory") return store::make_memory_store(runtime_);
  std::string path = options_.data_dir + "/server/db/state.db";
  if (endpoint.starts_with("sqlite://")) {
    path = endpoint.substr(9);
  } else if (!endpoint.empty()) {
    return fail(Status::bad_request("unsupported datastore endpoint \"" + endpoint +
                                    "\": this version knows sqlite:// and memory"));
  }
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  if (error)
    return fail(Status::unavailable("cannot make the folder of " + path + ": " + error.message()));
  store::SqliteOptions sqlite;
  sqlite.path = std::move(path);
  return store::open_sqlite_store(runtime_, sqlite);
}

Task<Result<void>> ControlPlane::start() {
  CO_TRY(store_, open_store());
  apiserver::ApiServerOptions options;
  options.store = store_.get();
  options.executor = &runtime_;
  options.random = &random_;
  options.settings.service_cidr = options_.service_cidr;
  options.settings.cluster_domain = options_.cluster_domain;
  options.settings.advertise_address = options_.advertise_address;
  options.settings.port = options_.port;
  options.settings.service_account_issuer =
      "https://kubernetes.default.svc." + options_.cluster_domain;
  options.settings.version = version();
  options.settings.git_commit = git_commit();
  CO_TRY_OK(apiserver::use_standard_stages(
      options, {.service_account_key_pem = files_.service_account_key}));
  server_ = std::make_unique<apiserver::ApiServer>(std::move(options));

  CO_TRY(auto kubelet_tls,
         net::make_tls_client({.ca_pem = files_.ca.certificate_pem,
                               .certificate_pem = files_.kubelet_client.certificate_pem,
                               .key_pem = files_.kubelet_client.key_pem,
                               .alpn = {"http/1.1"}}));
  connect_client_ = make_client("system:apiserver", {"system:masters"});
  apiserver::add_kubelet_connect(server_->routes(), *connect_client_,
                                 [&runtime = runtime_](net::Origin origin) {
                                   return net::make_http_client(runtime, std::move(origin));
                                 },
                                 random_, {.tls = std::move(kubelet_tls)});
  CO_TRY_OK(co_await server_->start());

  CO_TRY(auto tls, net::make_tls_server({.certificate_pem = files_.serving.certificate_pem,
                                         .key_pem = files_.serving.key_pem,
                                         .client_ca_pem = files_.ca.certificate_pem}));
  CO_TRY(auto listener, net::listen_tcp(runtime_, options_.bind_address, options_.port));
  CO_TRY(http_, net::serve_http(runtime_, std::move(listener), std::move(tls),
                                [server = server_.get()](net::HttpExchange& exchange) {
                                  return server->handle(exchange);
                                }));
  log_info("Serving the API", {{"address", options_.bind_address}, {"port", http_->port()}});
  co_return Result<void>{};
}

Task<void> ControlPlane::stop(Duration grace) {
  if (server_) co_await server_->stop();
  if (http_) co_await http_->stop(grace);
  http_.reset();
  connect_client_.reset();
  server_.reset();
  if (store_) co_await store_->stop();
  store_.reset();
}

std::unique_ptr<client::Client> ControlPlane::make_client(const std::string& user,
                                                          std::vector<std::string> groups) {
  groups.push_back("system:authenticated");
  return server_->make_client({.name = user, .uid = {}, .groups = std::move(groups), .extra = {}});
}

std::vector<std::string> serving_names(const std::string& node_name,
                                       const std::string& cluster_domain) {
  return {"localhost",
          node_name,
          "kubernetes",
          "kubernetes.default",
          "kubernetes.default.svc",
          "kubernetes.default.svc." + cluster_domain};
}

std::vector<std::string> serving_addresses(const ControlPlaneOptions& options) {
  std::vector<std::string> addresses = {"127.0.0.1", "::1"};
  for (const auto& address :
       {options.advertise_address, apiserver::first_address(options.service_cidr)}) {
    if (!address.empty() && std::ranges::find(addresses, address) == addresses.end())
      addresses.push_back(address);
  }
  return addresses;
}

}  // namespace keelson::cmd
