// SPDX-License-Identifier: Apache-2.0
// kube-apiserver: the API server alone.
#include <sys/stat.h>

#include <CLI/CLI.hpp>

#include "cmd/component.h"
#include "cmd/control_plane.h"
#include "cmd/host_address.h"
#include "cmd/programs.h"

namespace keelson::cmd {
namespace {

struct ApiServerFlags {
  LogFlags log;
  ControlPlaneOptions options;
  std::string tls_certificate, tls_key, client_ca, service_account_key;
  std::string kubelet_certificate, kubelet_key;
};

Result<ClusterFiles> load_files(const ApiServerFlags& flags) {
  ClusterFiles files;
  TRY(files.ca.certificate_pem, pki::read_file(flags.client_ca));
  TRY(files.serving, pki::load_pair(flags.tls_certificate, flags.tls_key));
  TRY(files.kubelet_client, pki::load_pair(flags.kubelet_certificate, flags.kubelet_key));
  TRY(files.service_account_key, pki::read_file(flags.service_account_key));
  return files;
}

}  // namespace

int run_apiserver(const Arguments& arguments) {
  CLI::App app("The Kubernetes API server", "kube-apiserver");
  ApiServerFlags flags;
  add_component_flags(app, flags.log);
  auto& options = flags.options;
  app.add_option("--secure-port", options.port, "HTTPS port")->capture_default_str();
  app.add_option("--bind-address", options.bind_address, "Address to listen on")
      ->capture_default_str();
  app.add_option("--advertise-address", options.advertise_address,
                 "Address that members of the cluster reach the server by");
  app.add_option("--etcd-servers", options.datastore_endpoint,
                 "Where the state is kept: sqlite:///PATH or memory")
      ->required();
  app.add_option("--service-cluster-ip-range", options.service_cidr, "IPv4 network for services")
      ->capture_default_str();
  app.add_option("--tls-cert-file", flags.tls_certificate, "Serving certificate")->required();
  app.add_option("--tls-private-key-file", flags.tls_key, "Its key")->required();
  app.add_option("--client-ca-file", flags.client_ca, "Authorities of client certificates")
      ->required();
  app.add_option("--service-account-signing-key-file", flags.service_account_key,
                 "Key that signs service account tokens")
      ->required();
  app.add_option("--kubelet-client-certificate", flags.kubelet_certificate,
                 "Client certificate towards kubelets")
      ->required();
  app.add_option("--kubelet-client-key", flags.kubelet_key, "Its key")->required();
  if (const auto exit_code = parse_flags(app, arguments, flags.log)) return *exit_code;
  umask(0077);
  return run_program([&flags](net::Runtime& runtime) -> Task<Result<void>> {
    CO_TRY(auto files, load_files(flags));
    if (flags.options.advertise_address.empty()) flags.options.advertise_address = host_address();
    const auto random = make_system_random();
    ControlPlane plane(runtime, *random, flags.options, std::move(files));
    auto started = co_await plane.start();
    if (started) co_await wait_for_stop();
    co_await run_in(TaskContext{&runtime, {}}, [](ControlPlane* server) -> Task<bool> {
      co_await server->stop(std::chrono::seconds(2));
      co_return true;
    }(&plane));
    co_return started;
  });
}

}  // namespace keelson::cmd
