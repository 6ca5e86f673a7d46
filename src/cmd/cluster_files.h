// SPDX-License-Identifier: Apache-2.0
// Keys and certificates of a cluster below its data directory, in kubeadm's layout and names.
//
//   DATA/server/pki/ca.{crt,key}                      signs everything below
//                   apiserver.{crt,key}               serving
//                   apiserver-kubelet-client.{crt,key}
//                   sa.{key,pub}                      service account tokens
//   DATA/agent/pki/kubelet.{crt,key}                  the node's serving certificate
#pragma once

#include <string>
#include <vector>

#include "pki/certificate.h"

namespace keelson::cmd {

struct ClusterFiles {
  pki::KeyPair ca;
  pki::KeyPair serving;
  pki::KeyPair kubelet_client;
  std::string service_account_key;
};

// Reads what is there and makes what is missing, expired, or (for the serving certificate) not made
// for all of `names` and `addresses`. Errors: those of the file system, or BadRequest for a damaged
// file.
Result<ClusterFiles> ensure_cluster_files(const std::string& data_dir,
                                          const std::vector<std::string>& names,
                                          const std::vector<std::string>& addresses, Wall now);

// A certificate for one client of the cluster, in memory only.
Result<pki::KeyPair> issue_client(const pki::KeyPair& ca, const std::string& common_name,
                                  const std::vector<std::string>& organizations, Wall now);
// The kubelet's serving certificate.
Result<pki::KeyPair> ensure_kubelet_serving(const std::string& data_dir, const pki::KeyPair& ca,
                                            const std::string& node_name,
                                            const std::vector<std::string>& addresses, Wall now);

}  // namespace keelson::cmd
