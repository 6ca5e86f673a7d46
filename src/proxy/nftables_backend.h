// SPDX-License-Identifier: Apache-2.0
// Service rules in an nftables table of our own. A service is elements of maps and sets; the chains
// are the same for all of them, so that neither a packet nor a change costs more where there are many.
//
//   prerouting, output (nat) -> services: address . protocol . port -> @services
//       @services gives what has to be done, which chain picks an endpoint and from which pool;
//       node ports stand under the address 0
//     -> internal, external, node-port and their -local kin: mark for masquerade where needed
//     -> service-N, node-port-N (one for each number of endpoints that some service has):
//        pool . random number below N -> @endpoints -> DNAT
//        with affinity first: pool . client -> @affinity, if that is still among @members
//   postrouting (nat): masquerade what is marked, and pods that reach themselves (@hairpin)
//   prerouting, output (filter): @firewall -> drop sources that a balancer's address is not for
//   input, forward, output (filter): reject what has @no-endpoint
#pragma once

#include <memory>

#include "proxy/backend.h"

namespace keelson::proxy {

Result<std::unique_ptr<Backend>> make_nftables_backend(BackendOptions options);

}  // namespace keelson::proxy
