// SPDX-License-Identifier: Apache-2.0
// Service rules in an nftables table of our own. A service is elements of maps; services that are
// alike share their chains, so that neither a packet nor a change costs more where there are many.
//
//   prerouting, output (nat) -> services:
//     address . protocol . port  -> @services            -> way   (cluster and external IPs)
//     local address: protocol . port -> @node-port-services -> way
//   way, such as external-service-3: mark for masquerade where needed, then
//   service-3, node-port-3 (picks one of 3 endpoints, of whichever service):
//     destination . random number below 3 -> @endpoints -> DNAT
//     with affinity first: destination . client -> @affinity -> DNAT
//   postrouting (nat): masquerade what is marked, and pods that reach themselves (@hairpin)
//   prerouting, output (filter): @firewall: drop sources that a balancer's address is not for
//   input, forward, output (filter): reject what is in @no-endpoint
//
// Each map is looked up by what a packet carries, never by what another map gave: nft 1.0.6 cannot
// show such rules and aborts. It still does where a service has affinity, whose rules store what a
// map gave.
#pragma once

#include <memory>

#include "proxy/backend.h"

namespace keelson::proxy {

Result<std::unique_ptr<Backend>> make_nftables_backend(BackendOptions options);

}  // namespace keelson::proxy
