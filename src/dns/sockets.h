// SPDX-License-Identifier: Apache-2.0
// A name server listens by both transports on one port.
#pragma once

#include <memory>
#include <string>

#include "net/datagram.h"
#include "net/stream.h"

namespace keelson::dns {

struct Sockets {
  std::unique_ptr<net::DatagramSocket> udp;
  std::unique_ptr<net::Listener> tcp;
};

// Port 0: any that is free for both. Errors: Unavailable.
Result<Sockets> listen(net::Runtime& runtime, const std::string& address, std::uint16_t port);

}  // namespace keelson::dns
