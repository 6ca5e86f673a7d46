// SPDX-License-Identifier: Apache-2.0
#include "dns/sockets.h"

namespace keelson::dns {
namespace {

// What UDP has free may be somebody's by TCP.
constexpr int kAttempts = 20;

}  // namespace

Result<Sockets> listen(net::Runtime& runtime, const std::string& address, std::uint16_t port) {
  for (int attempt = 1;; ++attempt) {
    Sockets sockets;
    TRY(sockets.udp, net::bind_udp(runtime, address, port));
    auto tcp = net::listen_tcp(runtime, address, sockets.udp->port());
    if (!tcp && port == 0 && attempt < kAttempts) continue;
    TRY(sockets.tcp, std::move(tcp));
    return sockets;
  }
}

}  // namespace keelson::dns
