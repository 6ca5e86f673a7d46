// SPDX-License-Identifier: Apache-2.0
#include "machine.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace keelson::proxy {
namespace {

constexpr int kPatienceMilliseconds = 1000;

sockaddr_in address_of(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  EXPECT_EQ(inet_pton(AF_INET, ip.c_str(), &address.sin_addr), 1) << ip;
  return address;
}

std::string text_of(const sockaddr_in& address) {
  char text[INET_ADDRSTRLEN];
  return inet_ntop(AF_INET, &address.sin_addr, text, sizeof text);
}

Socket make(int type) {
  Socket made(socket(AF_INET, type | SOCK_CLOEXEC, 0));
  const int on = 1;
  setsockopt(made.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return made;
}

void bind_to(const Socket& socket, const std::string& ip, std::uint16_t port) {
  const auto address = address_of(ip, port);
  EXPECT_EQ(bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0)
      << ip;
}

// What follows would change the network of the machine that the test runs on.
[[noreturn]] void abort_outside() {
  perror("cannot enter a network namespace (needs root)");
  abort();
}

}  // namespace

void enter_empty_network() {
  if (unshare(CLONE_NEWNET) != 0) abort_outside();
}

Socket::~Socket() {
  if (descriptor_ >= 0) close(descriptor_);
}
Socket::Socket(Socket&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
Socket& Socket::operator=(Socket&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

bool Socket::is_readable() const {
  pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
  return poll(&waiting, 1, kPatienceMilliseconds) > 0;
}

void Socket::send(const std::string& bytes) const {
  // What the kernel refuses shows in error(), or in what does not arrive.
  [[maybe_unused]] const auto sent = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
}

void Socket::send_to(const std::string& ip, const std::string& bytes) const {
  const auto address = address_of(ip, 0);
  EXPECT_EQ(sendto(descriptor_, bytes.data(), bytes.size(), 0,
                   reinterpret_cast<const sockaddr*>(&address), sizeof address),
            static_cast<ssize_t>(bytes.size()));
}

std::optional<std::string> Socket::receive() const {
  if (!is_readable()) return std::nullopt;
  char buffer[2048];
  const ssize_t count = recv(descriptor_, buffer, sizeof buffer, MSG_DONTWAIT);
  if (count < 0) return std::nullopt;
  return std::string(buffer, static_cast<std::size_t>(count));
}

int Socket::error() const {
  pollfd waiting{.fd = descriptor_, .events = POLLIN, .revents = 0};
  poll(&waiting, 1, kPatienceMilliseconds);
  int error = 0;
  socklen_t size = sizeof error;
  getsockopt(descriptor_, SOL_SOCKET, SO_ERROR, &error, &size);
  return error;
}

Socket Socket::accept(std::string* peer) const {
  if (!is_readable()) return Socket();
  sockaddr_in address{};
  socklen_t size = sizeof address;
  Socket taken(accept4(descriptor_, reinterpret_cast<sockaddr*>(&address), &size, SOCK_CLOEXEC));
  if (peer) *peer = text_of(address);
  return taken;
}

std::string Socket::answer_next(const std::string& answer) const {
  if (!is_readable()) return {};
  char buffer[2048];
  sockaddr_in address{};
  socklen_t size = sizeof address;
  if (recvfrom(descriptor_, buffer, sizeof buffer, MSG_DONTWAIT,
               reinterpret_cast<sockaddr*>(&address), &size) < 0)
    return {};
  sendto(descriptor_, answer.data(), answer.size(), 0, reinterpret_cast<const sockaddr*>(&address),
         size);
  return text_of(address);
}

Machine::Machine() {
  enter_empty_network();
  descriptor_ = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
  run("ip link set lo up");
}

Machine::~Machine() { close(descriptor_); }

void Machine::enter() const {
  if (setns(descriptor_, CLONE_NEWNET) != 0) abort_outside();
}

void Machine::run(const std::string& command) const {
  enter();
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

void Machine::connect(const Machine& other, const std::string& network) const {
  static std::atomic<int> cables = 0;
  const std::string number = std::to_string(cables++), near = "near" + number, far = "far" + number;
  const std::string prefix = network.substr(0, network.rfind('.') + 1);
  run("ip link add " + near + " type veth peer name " + far + " netns /proc/" +
      std::to_string(getpid()) + "/fd/" + std::to_string(other.descriptor_));
  run("ip address add " + prefix + "1/24 dev " + near + " && ip link set " + near + " up");
  other.run("ip address add " + prefix + "2/24 dev " + far + " && ip link set " + far +
            " up && ip route add default via " + prefix + "1");
}

Socket Machine::listen(const std::string& ip, std::uint16_t port) const {
  enter();
  Socket made = make(SOCK_STREAM);
  bind_to(made, ip, port);
  EXPECT_EQ(::listen(made.get(), 128), 0);
  return made;
}

Socket Machine::bind_udp(const std::string& ip, std::uint16_t port) const {
  enter();
  Socket made = make(SOCK_DGRAM);
  bind_to(made, ip, port);
  return made;
}

Socket Machine::connect_udp(const std::string& ip, std::uint16_t port) const {
  enter();
  Socket made = make(SOCK_DGRAM);
  const auto address = address_of(ip, port);
  EXPECT_EQ(::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  return made;
}

Socket Machine::open_raw(int protocol) const {
  enter();
  return Socket(socket(AF_INET, SOCK_RAW | SOCK_CLOEXEC, protocol));
}

int Machine::try_connect(const std::string& ip, std::uint16_t port, Socket* socket) const {
  enter();
  Socket made = make(SOCK_STREAM);
  const timeval limit{kPatienceMilliseconds / 1000, 0};
  setsockopt(made.get(), SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const auto address = address_of(ip, port);
  if (::connect(made.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return errno;
  if (socket) *socket = std::move(made);
  return 0;
}

}  // namespace keelson::proxy
