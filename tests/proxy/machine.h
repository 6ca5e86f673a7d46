// SPDX-License-Identifier: Apache-2.0
// Machines for the tests of rules: network namespaces, joined by cables, with sockets in them. A
// namespace goes with the last socket and machine that holds it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace keelson::proxy {

class Socket {
 public:
  explicit Socket(int descriptor = -1) : descriptor_(descriptor) {}
  ~Socket();
  Socket(Socket&& other) noexcept;
  Socket& operator=(Socket&& other) noexcept;

  int get() const { return descriptor_; }
  // Waits at most a second.
  bool is_readable() const;
  void send(const std::string& bytes) const;
  void send_to(const std::string& ip, const std::string& bytes) const;
  // What comes within a second; nothing if nothing does. Errors of the network are nothing too.
  std::optional<std::string> receive() const;
  // The errno that waits at the socket, within a second; 0: none.
  int error() const;
  // Takes the next connection. `peer`: the address it comes from.
  Socket accept(std::string* peer = nullptr) const;
  // Of UDP: answers the next message with `answer`; returns who sent it, "" if nobody did.
  std::string answer_next(const std::string& answer) const;

 private:
  int descriptor_;
};

// Moves this thread into a new network namespace; ends the program if it cannot.
void enter_empty_network();

class Machine {
 public:
  // Makes it and moves this thread into it; its loopback is up.
  Machine();
  ~Machine();
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;

  // This thread, until it enters another.
  void enter() const;
  // A command of the shell, run in this machine; it has to succeed.
  void run(const std::string& command) const;
  // A cable to `other`: `network` ("10.1.0.0") is /24, this end has .1 and the other one .2 and its
  // default route here.
  void connect(const Machine& other, const std::string& network) const;

  Socket listen(const std::string& ip, std::uint16_t port) const;
  Socket bind_udp(const std::string& ip, std::uint16_t port) const;
  // One that the kernel refuses has an error().
  Socket connect_udp(const std::string& ip, std::uint16_t port) const;
  // Sends and takes whole packets of a protocol; those it takes begin with the IP header.
  Socket open_raw(int protocol) const;
  // 0 or an errno; EINPROGRESS when there is no answer within a second. The connection goes to
  // `socket`, if given.
  int try_connect(const std::string& ip, std::uint16_t port, Socket* socket = nullptr) const;

 private:
  int descriptor_;
};

}  // namespace keelson::proxy
