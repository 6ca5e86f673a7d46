// SPDX-License-Identifier: Apache-2.0
// An API server with its store and its socket.
#pragma once

#include <memory>
#include <string>

#include "apiserver/api_server.h"
#include "base/random.h"
#include "cmd/cluster_files.h"
#include "net/http.h"

namespace keelson::cmd {

struct ControlPlaneOptions {
  std::string data_dir;
  std::string datastore_endpoint;  // "": SQLite in the data directory; "sqlite:///path", "memory".
  std::string bind_address = "0.0.0.0";
  std::string advertise_address;
  std::uint16_t port = 6443;
  std::string service_cidr = "10.43.0.0/16";
  std::string cluster_domain = "cluster.local";
};

class ControlPlane {
 public:
  ControlPlane(net::Runtime& runtime, Random& random, ControlPlaneOptions options,
               ClusterFiles files);
  ~ControlPlane();

  // Opens the store, fills the caches, listens. Errors: those of store and network.
  Task<Result<void>> start();
  // Requests under way may finish for `grace`.
  Task<void> stop(Duration grace);

  // In process, as that identity; must not outlive the control plane.
  std::unique_ptr<client::Client> make_client(const std::string& user,
                                              std::vector<std::string> groups);
  const ClusterFiles& files() const { return files_; }
  const ControlPlaneOptions& options() const { return options_; }

 private:
  Result<std::unique_ptr<store::Store>> open_store();

  net::Runtime& runtime_;
  Random& random_;
  const ControlPlaneOptions options_;
  const ClusterFiles files_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<apiserver::ApiServer> server_;
  std::unique_ptr<client::Client> connect_client_;
  std::unique_ptr<net::HttpServer> http_;
};

// Names and addresses that the serving certificate has to hold.
std::vector<std::string> serving_names(const std::string& node_name,
                                       const std::string& cluster_domain);
std::vector<std::string> serving_addresses(const ControlPlaneOptions& options);

}  // namespace keelson::cmd
