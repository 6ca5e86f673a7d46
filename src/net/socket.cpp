// SPDX-License-Identifier: Apache-2.0
// TCP and unix sockets.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <boost/asio/ip/tcp.hpp>
#include <system_error>

#include "net/descriptor.h"
#include "net/stream.h"

namespace keelson::net {
namespace {

using namespace std::chrono_literals;

// As Go's defaults: the first probe after 15 s of silence, given up after 9 more.
constexpr int kKeepAliveSeconds = 15;
constexpr std::size_t kPiecesMax = 64;

std::string error_text(int error) {
  // The words of the standard library's table are the system's, capitalised.
  std::string text = std::generic_category().message(error);
  if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z') text[0] = static_cast<char>(text[0] + 32);
  return text;
}

Status socket_error(std::string_view operation, int error) {
  return Status::unavailable(std::string(operation) + ": " + error_text(error));
}

std::string host_port(const std::string& host, std::uint16_t port) {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

struct Address {
  sockaddr_storage storage{};
  socklen_t size = sizeof(storage);

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
  int family() const { return storage.ss_family; }
};

std::optional<Address> parse_address(const std::string& host, std::uint16_t port) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  if (inet_pton(AF_INET, host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(port);
    address.size = sizeof(sockaddr_in);
    return address;
  }
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (inet_pton(AF_INET6, host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(port);
    address.size = sizeof(sockaddr_in6);
    return address;
  }
  return std::nullopt;
}

Result<Address> unix_address(const std::string& path) {
  Address address;
  auto* un = reinterpret_cast<sockaddr_un*>(&address.storage);
  if (path.empty() || path.size() >= sizeof(un->sun_path))
    return fail(Status::unavailable("unix " + path + ": invalid socket path"));
  un->sun_family = AF_UNIX;
  std::memcpy(un->sun_path, path.data(), path.size());
  address.size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size() + 1);
  return address;
}

Peer peer_of(const Address& address) {
  Peer peer;
  char text[INET6_ADDRSTRLEN] = {};
  if (address.family() == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    inet_ntop(AF_INET, &v4->sin_addr, text, sizeof(text));
    peer.port = ntohs(v4->sin_port);
  } else if (address.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    inet_ntop(AF_INET6, &v6->sin6_addr, text, sizeof(text));
    peer.port = ntohs(v6->sin6_port);
  }
  peer.address = text;
  if (peer.address.starts_with("::ffff:") && peer.address.find('.') != std::string::npos)
    peer.address.erase(0, 7);
  return peer;
}

void tune_tcp(int fd) {
  const auto set = [fd](int level, int option, int value) {
    ::setsockopt(fd, level, option, &value, sizeof(value));
  };
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveSeconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveSeconds);
  set(IPPROTO_TCP, TCP_KEEPCNT, 9);
}

class SocketStream final : public Stream {
 public:
  SocketStream(Runtime& runtime, int fd, Peer peer)
      : descriptor_(runtime, fd), peer_(std::move(peer)) {}

  Task<Result<std::size_t>> read(std::span<char> into) override {
    while (!descriptor_.is_shut_down()) {
      const ssize_t size = ::recv(descriptor_.fd(), into.data(), into.size(), 0);
      if (size >= 0) co_return static_cast<std::size_t>(size);
      if (errno == EINTR) continue;
      if (errno != EAGAIN) co_return fail(socket_error("read", errno));
      CO_TRY_OK(co_await descriptor_.wait(Descriptor::Direction::Read));
    }
    co_return fail(Status::unavailable("read: use of closed network connection"));
  }

  Task<Result<void>> readable() override {
    co_return co_await descriptor_.wait(Descriptor::Direction::Read);
  }

  Task<Result<void>> write(std::string_view bytes) override {
    while (!descriptor_.is_shut_down()) {
      const ssize_t size = ::send(descriptor_.fd(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (size >= 0) {
        bytes.remove_prefix(static_cast<std::size_t>(size));
        if (bytes.empty()) co_return Result<void>{};
        continue;
      }
      CO_TRY_OK(co_await after_failed_send(errno));
    }
    co_return fail(Status::unavailable("write: use of closed network connection"));
  }

  Task<Result<void>> write_all(std::span<const std::string_view> pieces) override {
    std::size_t skip = 0;  // Bytes of pieces.front() already sent.
    while (!descriptor_.is_shut_down()) {
      std::array<iovec, kPiecesMax> vectors;
      std::size_t count = 0;
      for (; count < std::min(pieces.size(), kPiecesMax); ++count) {
        const std::string_view piece = pieces[count].substr(count == 0 ? skip : 0);
        vectors[count] = {const_cast<char*>(piece.data()), piece.size()};
      }
      if (count == 0) co_return Result<void>{};
      msghdr message{};
      message.msg_iov = vectors.data();
      message.msg_iovlen = count;
      const ssize_t sent = ::sendmsg(descriptor_.fd(), &message, MSG_NOSIGNAL);
      if (sent < 0) {
        CO_TRY_OK(co_await after_failed_send(errno));
        continue;
      }
      skip += static_cast<std::size_t>(sent);
      while (!pieces.empty() && skip >= pieces.front().size()) {
        skip -= pieces.front().size();
        pieces = pieces.subspan(1);
      }
    }
    co_return fail(Status::unavailable("write: use of closed network connection"));
  }

  Task<Result<void>> shutdown_write() override {
    if (::shutdown(descriptor_.fd(), SHUT_WR) != 0) co_return fail(socket_error("close", errno));
    co_return Result<void>{};
  }

  auto writable() { return descriptor_.wait(Descriptor::Direction::Write); }
  void close() override { descriptor_.shut_down(); }
  const Peer& peer() const override { return peer_; }

 private:
  Task<Result<void>> after_failed_send(int error) {
    if (error == EINTR) co_return Result<void>{};
    if (error != EAGAIN) co_return fail(socket_error("write", error));
    co_return co_await descriptor_.wait(Descriptor::Direction::Write);
  }

  Descriptor descriptor_;
  const Peer peer_;
};

class SocketListener final : public Listener {
 public:
  SocketListener(Runtime& runtime, int fd, std::uint16_t port, std::string unix_path)
      : runtime_(runtime), descriptor_(runtime, fd), port_(port), path_(std::move(unix_path)) {}
  ~SocketListener() override { close(); }

  Task<Result<std::unique_ptr<Stream>>> accept() override {
    while (!descriptor_.is_shut_down()) {
      Address address;
      const int fd =
          ::accept4(descriptor_.fd(), address.get(), &address.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
      if (fd >= 0) {
        if (address.family() != AF_UNIX) tune_tcp(fd);
        co_return std::make_unique<SocketStream>(runtime_, fd, peer_of(address));
      }
      if (errno == EAGAIN) {
        CO_TRY_OK(co_await descriptor_.wait(Descriptor::Direction::Read));
      } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
        // Nothing to be had until others close theirs.
        CO_TRY_OK(co_await sleep_for(50ms));
      } else if (errno == EBADF || errno == EINVAL || errno == ENOTSOCK) {
        break;
      }
      // Anything else is about the one connection that went before it was taken.
    }
    co_return fail(Status::unavailable("accept: use of closed network connection"));
  }

  std::uint16_t port() const override { return port_; }

  void close() override {
    if (descriptor_.is_shut_down()) return;
    descriptor_.shut_down();
    if (!path_.empty()) ::unlink(path_.c_str());
  }

 private:
  Runtime& runtime_;
  Descriptor descriptor_;
  const std::uint16_t port_;
  const std::string path_;
};

Result<std::unique_ptr<Listener>> listen_on(Runtime& runtime, Address address,
                                            const std::string& what, const std::string& path) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return fail(socket_error(what + ": socket", errno));
  const auto refuse = [fd, &what](const char* step) {
    const int error = errno;
    ::close(fd);
    return fail(socket_error(what + ": " + step, error));
  };
  const int yes = 1, no = 0;
  if (address.family() != AF_UNIX) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes));
  if (address.family() == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    // "::" takes IPv4 too.
    const bool any = IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, any ? &no : &yes, sizeof(int));
  }
  if (::bind(fd, address.get(), address.size) != 0) return refuse("bind");
  // Only the owner may talk to what is local; nobody can connect before listen().
  if (!path.empty() && ::chmod(path.c_str(), 0600) != 0) return refuse("chmod");
  if (::listen(fd, SOMAXCONN) != 0) return refuse("listen");
  Address bound;
  if (::getsockname(fd, bound.get(), &bound.size) != 0) return refuse("getsockname");
  return std::make_unique<SocketListener>(runtime, fd, peer_of(bound).port, path);
}

// Closes the descriptor unless it was released.
class FdGuard {
 public:
  explicit FdGuard(int fd) : fd_(fd) {}
  ~FdGuard() {
    if (fd_ >= 0) ::close(fd_);
  }
  FdGuard(const FdGuard&) = delete;
  FdGuard& operator=(const FdGuard&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

// There are machines without IPv6, and some where it is switched off.
bool binds_ipv6() {
  const FdGuard probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_in6 any{.sin6_family = AF_INET6};
  return probe.get() >= 0 &&
         ::bind(probe.get(), reinterpret_cast<const sockaddr*>(&any), sizeof(any)) == 0;
}

Task<Result<std::unique_ptr<Stream>>> connect_to(Runtime& runtime, Address address,
                                                 std::string what) {
  const int fd = ::socket(address.family(), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) co_return fail(socket_error(what + ": socket", errno));
  if (address.family() != AF_UNIX) tune_tcp(fd);
  int error = ::connect(fd, address.get(), address.size) == 0 ? 0 : errno;
  auto stream = std::make_unique<SocketStream>(runtime, fd, peer_of(address));
  if (error == EINPROGRESS) {
    CO_TRY_OK(co_await stream->writable());
    socklen_t size = sizeof(error);
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
  }
  if (error != 0) co_return fail(socket_error(what + ": connect", error));
  co_return stream;
}

Task<Result<std::vector<Address>>> resolve(Runtime& runtime, std::string host, std::uint16_t port) {
  using Resolver = boost::asio::ip::tcp::resolver;
  using Found = Result<std::vector<Address>>;
  if (const auto address = parse_address(host, port)) co_return std::vector{*address};
  // Shared, so that it outlives a wait that is given up.
  auto resolver = std::make_shared<Resolver>(io_context_of(runtime));
  co_return co_await suspended<Found>(fail(Status::canceled()), [&](const Completion<Found>& done) {
    resolver->async_resolve(
        host, std::to_string(port), Resolver::numeric_service | Resolver::address_configured,
        [done, resolver, host](boost::system::error_code error,
                               const Resolver::results_type& results) {
          if (error) {
            done.complete(fail(Status::unavailable("lookup " + host + ": no such host")));
            return;
          }
          std::vector<Address> addresses;
          for (const auto& entry : results) {
            const auto endpoint = entry.endpoint();
            Address address;
            std::memcpy(&address.storage, endpoint.data(), endpoint.size());
            address.size = static_cast<socklen_t>(endpoint.size());
            addresses.push_back(address);
          }
          done.complete(std::move(addresses));
        });
  });
}

// The addresses of a name in turn, until one answers.
Task<Result<std::unique_ptr<Stream>>> connect_any(Runtime& runtime, std::string host,
                                                  std::uint16_t port, std::string what) {
  auto addresses = co_await resolve(runtime, host, port);
  if (!addresses) co_return fail(std::move(addresses).error().with_context(what));
  Status last = Status::unavailable(what + ": no such host");
  for (const Address& address : *addresses) {
    auto stream = co_await connect_to(runtime, address, what);
    if (stream || stream.error().is(Reason::Canceled)) co_return stream;
    last = std::move(stream).error();
  }
  co_return fail(std::move(last));
}

}  // namespace

Result<std::unique_ptr<Listener>> listen_tcp(Runtime& runtime, const std::string& address,
                                             std::uint16_t port) {
  const bool any = address.empty() || address == "::";
  const std::string host = !any ? address : binds_ipv6() ? "::" : "0.0.0.0";
  const std::string what = "listen tcp " + host_port(host, port);
  const auto parsed = parse_address(host, port);
  if (!parsed) return fail(Status::unavailable(what + ": invalid IP address"));
  return listen_on(runtime, *parsed, what, "");
}

Result<std::unique_ptr<Listener>> listen_unix(Runtime& runtime, const std::string& path) {
  const std::string what = "listen unix " + path;
  TRY(Address address, unix_address(path));
  // A socket that nobody listens on is what a process that ended left behind.
  const FdGuard probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (probe.get() >= 0 && ::connect(probe.get(), address.get(), address.size) != 0 &&
      errno == ECONNREFUSED)
    ::unlink(path.c_str());
  return listen_on(runtime, address, what, path);
}

Task<Result<std::unique_ptr<Stream>>> connect_tcp(Runtime& runtime, std::string host,
                                                  std::uint16_t port, Duration timeout) {
  const std::string what = "dial tcp " + host_port(host, port);
  auto stream = co_await with_timeout(timeout, connect_any(runtime, host, port, what));
  if (!stream && stream.error().is(Reason::Timeout))
    co_return fail(Reason::Timeout, what + ": i/o timeout");
  co_return stream;
}

Task<Result<std::unique_ptr<Stream>>> connect_unix(Runtime& runtime, std::string path) {
  CO_TRY(Address address, unix_address(path));
  co_return co_await connect_to(runtime, address, "dial unix " + path);
}

}  // namespace keelson::net
