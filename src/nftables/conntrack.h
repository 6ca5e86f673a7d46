// SPDX-License-Identifier: Apache-2.0
// The kernel's table of connections, in which a translation that was once chosen stays.
// Source: linux/netfilter/nfnetlink_conntrack.h.
#pragma once

#include <compare>
#include <cstdint>
#include <vector>

#include "api/ip.h"
#include "base/result.h"

namespace keelson::nft {

struct Flow {
  struct End {
    api::IpAddress ip;
    std::uint16_t port = 0;

    auto operator<=>(const End&) const = default;
  };
  End source, destination;  // Of the first packet, as its sender made it.
  End answerer;             // Where answers come from: `destination`, or what it was translated to.
  std::uint32_t id = 0;     // The kernel's, so that no younger flow is taken for this one.

  bool operator==(const Flow&) const = default;
};

// All UDP flows of a family (NFPROTO_IPV4 or NFPROTO_IPV6) in this network namespace.
// Errors: Unavailable with the kernel's reason.
Result<std::vector<Flow>> list_udp_flows(std::uint8_t family);

// The next packet of each is treated as a first one. Those that have ended meanwhile are no error.
// Errors: Unavailable; the others are removed all the same.
Result<void> delete_udp_flows(std::uint8_t family, const std::vector<Flow>& flows);

}  // namespace keelson::nft
