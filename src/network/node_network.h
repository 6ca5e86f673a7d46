// SPDX-License-Identifier: Apache-2.0
// The network of one node's pods.
#pragma once

#include <string>

#include "client/client.h"

namespace keelson::network {

struct NodeNetworkOptions {
  std::string node_name;
  std::string cni_config_dir;  // Where the container runtime looks for it.
  std::string cluster_cidr;    // Sources and destinations that are never masqueraded between.
  std::string bridge = "keelson0";
  // Where host-local keeps its leases. A link there leads to the configuration, for the clean-up.
  std::string ipam_dir;
  int mtu = 0;  // 0: the kernel's choice.
};

// The network configuration list for a pod CIDR, as CNI's JSON. Pure.
std::string cni_config(const NodeNetworkOptions& options, const std::string& pod_cidr);

// Waits for the node's pod CIDR, then sets everything up. Until done or stopped.
// Errors: Canceled; Unavailable when the kernel or the file system refuses, or a module is missing.
Task<Result<void>> set_up_node_network(client::Client& client, NodeNetworkOptions options);

// Takes away rules, also those that map ports of the machine to pods; bridge; the configuration;
// and the namespaces of pods that nobody removed. For when no pod runs.
Result<void> clean_up_node_network(const std::string& bridge, const std::string& ipam_dir);

}  // namespace keelson::network
