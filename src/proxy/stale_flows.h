// SPDX-License-Identifier: Apache-2.0
// UDP has no end that the kernel could see: a client that keeps sending keeps its translation, also
// to an endpoint that is no more. Which flows have to be forgotten is worked out here. Pure.
// Source: upstream pkg/proxy/conntrack.
#pragma once

#include <functional>
#include <vector>

#include "nftables/conntrack.h"
#include "proxy/model.h"

namespace keelson::proxy {

// Those of `flows` that were sent to an address of `ports` and are not answered by one of its
// serving endpoints. A port that is gone is given without any. Ports other than UDP's are passed
// over.
std::vector<nft::Flow> stale_flows(
    const std::vector<nft::Flow>& flows, const std::vector<ServicePort>& ports,
    const std::function<bool(const api::IpAddress&)>& has_node_ports);

}  // namespace keelson::proxy
