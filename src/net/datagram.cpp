// SPDX-License-Identifier: Apache-2.0
#include "net/datagram.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>

#include "net/descriptor.h"

namespace keelson::net {
namespace {

constexpr std::size_t kBatch = 32;
constexpr std::size_t kDatagramMax = 4096;  // Longer ones are cut; no DNS message over UDP is.

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
};

std::optional<Address> parse_address(const std::string& text, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, text.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, text.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
    return address;
  }
  return std::nullopt;
}

class UdpSocket final : public DatagramSocket {
 public:
  UdpSocket(Runtime& runtime, int fd, bool connected)
      : descriptor_(runtime, fd),
        connected_(connected),
        // One that asks a single peer expects little, and there may be a thousand of them.
        batch_(connected ? 1 : kBatch),
        buffers_(batch_ * kDatagramMax) {}

  Task<Result<std::vector<Datagram>>> receive() override {
    while (true) {
      auto taken = take();
      if (!taken.empty()) co_return taken;
      CO_TRY_OK(co_await descriptor_.wait(Descriptor::Direction::Read));
      if (descriptor_.is_shut_down()) co_return fail(Status::unavailable("socket is closed"));
    }
  }

  void send(const std::vector<Datagram>& datagrams) override {
    for (std::size_t first = 0; first < datagrams.size(); first += kBatch) {
      std::array<mmsghdr, kBatch> headers{};
      std::array<iovec, kBatch> pieces{};
      const std::size_t count = std::min(kBatch, datagrams.size() - first);
      for (std::size_t i = 0; i < count; ++i) {
        const Datagram& datagram = datagrams[first + i];
        pieces[i] = {const_cast<char*>(datagram.bytes.data()), datagram.bytes.size()};
        headers[i].msg_hdr.msg_iov = &pieces[i];
        headers[i].msg_hdr.msg_iovlen = 1;
        if (!connected_) {
          headers[i].msg_hdr.msg_name = const_cast<char*>(datagram.peer.raw.data());
          headers[i].msg_hdr.msg_namelen = static_cast<socklen_t>(datagram.peer.raw.size());
        }
      }
      for (std::size_t sent = 0; sent < count;) {
        const int done = sendmmsg(descriptor_.fd(), headers.data() + sent,
                                  static_cast<unsigned>(count - sent), MSG_DONTWAIT);
        // One that cannot be sent must not hold back the others.
        sent += done > 0 ? static_cast<std::size_t>(done) : 1;
      }
    }
  }

  std::uint16_t port() const override { return port_; }
  void set_port(std::uint16_t port) { port_ = port; }
  void close() override { descriptor_.shut_down(); }

 private:
  std::vector<Datagram> take() {
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> pieces{};
    std::array<sockaddr_storage, kBatch> peers{};
    for (std::size_t i = 0; i < batch_; ++i) {
      pieces[i] = {buffers_.data() + i * kDatagramMax, kDatagramMax};
      headers[i].msg_hdr.msg_iov = &pieces[i];
      headers[i].msg_hdr.msg_iovlen = 1;
      headers[i].msg_hdr.msg_name = &peers[i];
      headers[i].msg_hdr.msg_namelen = sizeof peers[i];
    }
    // An error (a peer's port unreachable) belongs to an earlier datagram: nothing to do about it.
    const int count = recvmmsg(descriptor_.fd(), headers.data(), static_cast<unsigned>(batch_),
                               MSG_DONTWAIT, nullptr);
    std::vector<Datagram> datagrams;
    for (int i = 0; i < count; ++i) {
      const auto at = static_cast<std::size_t>(i);
      datagrams.push_back({{std::string(reinterpret_cast<const char*>(&peers[at]),
                                        headers[at].msg_hdr.msg_namelen)},
                           std::string(buffers_.data() + at * kDatagramMax, headers[at].msg_len)});
    }
    return datagrams;
  }

  Descriptor descriptor_;
  const bool connected_;
  const std::size_t batch_;
  std::uint16_t port_ = 0;
  std::vector<char> buffers_;
};

Result<std::unique_ptr<DatagramSocket>> open_udp(Runtime& runtime, const std::string& address,
                                                 std::uint16_t port, bool connected) {
  const std::string operation = std::string(connected ? "dial" : "listen") + " udp " + address +
                                ":" + std::to_string(port) + ": ";
  const auto parsed = parse_address(address, port);
  if (!parsed) return fail(Status::unavailable(operation + "invalid address"));
  const int fd = socket(parsed->storage.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(Status::unavailable(operation + std::strerror(errno)));
  auto result = std::make_unique<UdpSocket>(runtime, fd, connected);
  const auto* where = reinterpret_cast<const sockaddr*>(&parsed->storage);
  const int done = connected ? connect(fd, where, parsed->size) : bind(fd, where, parsed->size);
  if (done != 0) return fail(Status::unavailable(operation + std::strerror(errno)));
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  if (getsockname(fd, reinterpret_cast<sockaddr*>(&own), &size) == 0) {
    // The port stands at the same place in both families.
    result->set_port(ntohs(reinterpret_cast<const sockaddr_in*>(&own)->sin_port));
  }
  return result;
}

}  // namespace

Result<std::unique_ptr<DatagramSocket>> bind_udp(Runtime& runtime, const std::string& address,
                                                 std::uint16_t port) {
  return open_udp(runtime, address, port, false);
}

Result<std::unique_ptr<DatagramSocket>> connect_udp(Runtime& runtime, const std::string& address,
                                                    std::uint16_t port) {
  return open_udp(runtime, address, port, true);
}

}  // namespace keelson::net
