// SPDX-License-Identifier: Apache-2.0
// UDP sockets. One reader and one writer at a time.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/task.h"
#include "net/runtime.h"

namespace keelson::net {

struct DatagramAddress {
  std::string raw;  // A sockaddr, as the kernel has it.
};

struct Datagram {
  DatagramAddress peer;
  std::string bytes;
};

class DatagramSocket {
 public:
  virtual ~DatagramSocket() = default;
  // Waits for at least one and takes what is there, up to a few dozen in one system call.
  virtual Task<Result<std::vector<Datagram>>> receive() = 0;
  // Sends what the kernel takes; datagrams that it refuses are lost, as datagrams may be.
  virtual void send(const std::vector<Datagram>& datagrams) = 0;
  virtual std::uint16_t port() const = 0;
  virtual void close() = 0;
};

// Errors: Unavailable ("listen udp 10.0.0.1:53: address already in use").
Result<std::unique_ptr<DatagramSocket>> bind_udp(Runtime& runtime, const std::string& address,
                                                 std::uint16_t port);
// A socket that talks to one peer only; send() ignores the datagrams' address.
Result<std::unique_ptr<DatagramSocket>> connect_udp(Runtime& runtime, const std::string& address,
                                                    std::uint16_t port);

}  // namespace keelson::net
