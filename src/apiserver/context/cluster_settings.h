// SPDX-License-Identifier: Apache-2.0
// What the server has to know of the cluster and of itself.
#pragma once

#include <cstdint>
#include <string>

namespace keelson::apiserver {

struct ClusterSettings {
  std::string service_cidr = "10.43.0.0/16";
  std::string cluster_domain = "cluster.local";
  // Where clients reach this server; also the endpoint of Service default/kubernetes. Empty: none
  // is made.
  std::string advertise_address;
  std::uint16_t port = 6443;
  std::uint16_t node_port_first = 30000, node_port_last = 32767;
  std::string service_account_issuer = "https://kubernetes.default.svc.cluster.local";
  std::string version = "v1.36.2+keelson";  // As /version tells it.
  std::string git_commit, build_date;
};

}  // namespace keelson::apiserver
