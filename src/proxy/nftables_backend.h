// SPDX-License-Identifier: Apache-2.0
// Service rules in an nftables table of our own.
//
//   prerouting, output (nat)  -> services
//   services: address . protocol . port -> @service-ips  -> goto int-H     (cluster IPs)
//                                          @external-ips -> goto ext-H
//             local address: protocol . port -> @node-ports -> goto ext-H
//   int-H, ext-H: mark for masquerade where needed, then goto all-H or loc-H
//   all-H, loc-H: pick an endpoint, DNAT
//   postrouting (nat): masquerade what is marked, and pods that reach themselves
//   input, forward, output (filter): reject what has no endpoint
//
// H is a hash of the service port's name; the chain's own rules say the rest.
#pragma once

#include <memory>

#include "proxy/backend.h"

namespace keelson::proxy {

Result<std::unique_ptr<Backend>> make_nftables_backend(BackendOptions options);

}  // namespace keelson::proxy
