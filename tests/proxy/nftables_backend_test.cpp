// SPDX-License-Identifier: Apache-2.0
// The rules against the kernel: each test in a network namespace of its own, with real connections.
#include "proxy/nftables_backend.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <net/if.h>
#include <net/route.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <set>
#include <thread>

#include "machine.h"
#include "nftables/transaction.h"

namespace keelson::proxy {
namespace {

// Enters an empty namespace for this thread alone; addresses of 10.1.0.0/24 are put on loopback.
class Namespace {
 public:
  Namespace() {
    enter_empty_network();
    const int control = socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, "lo");
    request.ifr_flags = IFF_UP | IFF_LOOPBACK | IFF_RUNNING;
    EXPECT_EQ(ioctl(control, SIOCSIFFLAGS, &request), 0);
    for (int i = 1; i <= 4; ++i) add_address(control, i);
    // Packets to service addresses need some route before they can be translated.
    rtentry route{};
    for (auto* address : {&route.rt_dst, &route.rt_genmask}) address->sa_family = AF_INET;
    char device[] = "lo";
    route.rt_dev = device;
    route.rt_flags = RTF_UP;
    EXPECT_EQ(ioctl(control, SIOCADDRT, &route), 0);
    close(control);
  }

 private:
  static void add_address(int control, int number) {
    ifreq request{};
    std::snprintf(request.ifr_name, sizeof request.ifr_name, "lo:%d", number);
    auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(0x0a010000U + static_cast<std::uint32_t>(number));
    EXPECT_EQ(ioctl(control, SIOCSIFADDR, &request), 0);
    address->sin_addr.s_addr = 0xffffffffU;
    EXPECT_EQ(ioctl(control, SIOCSIFNETMASK, &request), 0);
  }
};

sockaddr_in address_of(const std::string& ip, std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  inet_pton(AF_INET, ip.c_str(), &address.sin_addr);
  return address;
}

// Listens, so that the kernel completes connections; nobody needs to accept them.
class Server {
 public:
  Server(const std::string& ip, std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    const int on = 1;
    setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = address_of(ip, port);
    EXPECT_EQ(bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(socket_, 128), 0);
  }
  ~Server() { close(socket_); }

  // Connections waiting; takes them off.
  int accepted() {
    int count = 0;
    while (true) {
      timeval soon{0, 1000};
      fd_set ready;
      FD_ZERO(&ready);
      FD_SET(socket_, &ready);
      if (select(socket_ + 1, &ready, nullptr, nullptr, &soon) <= 0) return count;
      close(accept4(socket_, nullptr, nullptr, SOCK_CLOEXEC));
      ++count;
    }
  }

 private:
  int socket_;
};

// 0, or the error.
int try_connect(const std::string& ip, std::uint16_t port) {
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  timeval limit{1, 0};
  setsockopt(client, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  const auto address = address_of(ip, port);
  const int result =
      connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 ? 0 : errno;
  close(client);
  return result;
}

ServicePort make_port(std::vector<Endpoint> endpoints) {
  ServicePort port;
  port.name = {"default", "web", "http", "TCP"};
  port.port = 80;
  port.cluster_ip = "10.43.0.10";
  port.endpoints = std::move(endpoints);
  return port;
}

std::unique_ptr<Backend> make_backend(Balancing balancing = Balancing::RoundRobin) {
  auto backend = make_nftables_backend({.cluster_cidr = "10.1.0.0/16", .balancing = balancing});
  EXPECT_TRUE(backend) << backend.error().message();
  return std::move(*backend);
}

#define ASSERT_OK(...)                                     \
  do {                                                     \
    const auto ok_result = (__VA_ARGS__);                  \
    ASSERT_TRUE(ok_result) << ok_result.error().message(); \
  } while (false)

TEST(NftablesBackend, SpreadsConnectionsOverTheEndpoints) {
  const Namespace here;
  Server one("10.1.0.1", 8080), two("10.1.0.2", 8080), three("10.1.0.3", 8080);
  const auto backend = make_backend();
  ASSERT_OK(
      backend->replace({make_port({{"10.1.0.1", 8080}, {"10.1.0.2", 8080}, {"10.1.0.3", 8080}})}));

  for (int i = 0; i < 30; ++i) ASSERT_EQ(try_connect("10.43.0.10", 80), 0);

  EXPECT_EQ(one.accepted(), 10);
  EXPECT_EQ(two.accepted(), 10);
  EXPECT_EQ(three.accepted(), 10);
}

TEST(NftablesBackend, RandomBalancingReachesEveryEndpoint) {
  const Namespace here;
  Server one("10.1.0.1", 8080), two("10.1.0.2", 8080);
  const auto backend = make_backend(Balancing::Random);
  ASSERT_OK(backend->replace({make_port({{"10.1.0.1", 8080}, {"10.1.0.2", 8080}})}));

  for (int i = 0; i < 40; ++i) ASSERT_EQ(try_connect("10.43.0.10", 80), 0);

  const int first = one.accepted();
  EXPECT_GT(first, 0);
  EXPECT_GT(two.accepted(), 0);
  EXPECT_LT(first, 40);
}

TEST(NftablesBackend, FollowsChangesOfEndpoints) {
  const Namespace here;
  Server one("10.1.0.1", 8080), two("10.1.0.2", 8080);
  const auto backend = make_backend();
  ASSERT_OK(backend->replace({make_port({{"10.1.0.1", 8080}})}));
  ASSERT_EQ(try_connect("10.43.0.10", 80), 0);
  EXPECT_EQ(one.accepted(), 1);

  ASSERT_OK(backend->apply({.set = {make_port({{"10.1.0.2", 8080}})}, .removed = {}}));

  ASSERT_EQ(try_connect("10.43.0.10", 80), 0);
  EXPECT_EQ(one.accepted(), 0);
  EXPECT_EQ(two.accepted(), 1);
}

TEST(NftablesBackend, RefusesWhereThereIsNoEndpoint) {
  const Namespace here;
  Server one("10.1.0.1", 8080);
  const auto backend = make_backend();
  auto port = make_port({});
  port.node_port = 30080;
  ASSERT_OK(backend->replace({port}));
  EXPECT_EQ(try_connect("10.43.0.10", 80), ECONNREFUSED);

  port.endpoints = {{"10.1.0.1", 8080}};
  ASSERT_OK(backend->apply({.set = {port}, .removed = {}}));
  EXPECT_EQ(try_connect("10.43.0.10", 80), 0);

  port.endpoints.clear();
  ASSERT_OK(backend->apply({.set = {port}, .removed = {}}));
  EXPECT_EQ(try_connect("10.43.0.10", 80), ECONNREFUSED);
}

TEST(NftablesBackend, ServesNodePortsAndExternalAddresses) {
  const Namespace here;
  Server one("10.1.0.1", 8080);
  const auto backend = make_backend();
  auto port = make_port({{"10.1.0.1", 8080}});
  port.node_port = 30080;
  port.external_ips = {"192.0.2.7"};
  ASSERT_OK(backend->replace({port}));

  EXPECT_EQ(try_connect("10.1.0.4", 30080), 0) << "a local address";
  EXPECT_EQ(try_connect("192.0.2.7", 80), 0);
  EXPECT_EQ(one.accepted(), 2);
  EXPECT_EQ(try_connect("127.0.0.1", 30080), ECONNREFUSED) << "not on loopback";
}

TEST(NftablesBackend, AffinityKeepsAClientUntilItsEndpointGoes) {
  const Namespace here;
  Server one("10.1.0.1", 8080), two("10.1.0.2", 8080), three("10.1.0.3", 8080);
  const auto backend = make_backend();
  auto port = make_port({{"10.1.0.1", 8080}, {"10.1.0.2", 8080}});
  port.affinity_seconds = 600;
  ASSERT_OK(backend->replace({port}));

  for (int i = 0; i < 10; ++i) ASSERT_EQ(try_connect("10.43.0.10", 80), 0);
  const int first = one.accepted(), second = two.accepted();
  EXPECT_EQ(first + second, 10);
  EXPECT_TRUE(first == 10 || second == 10) << first << " and " << second;

  // The one it stuck to goes; it sticks to another.
  port.endpoints = {{first ? "10.1.0.2" : "10.1.0.1", 8080}, {"10.1.0.3", 8080}};
  ASSERT_OK(backend->apply({.set = {port}, .removed = {}}));
  for (int i = 0; i < 10; ++i) ASSERT_EQ(try_connect("10.43.0.10", 80), 0);
  const std::array counts = {one.accepted(), two.accepted(), three.accepted()};
  EXPECT_EQ(std::ranges::count(counts, 10), 1) << counts[0] << counts[1] << counts[2];
}

TEST(NftablesBackend, AffinityOutlastsRulesMadeAnew) {
  const Namespace here;
  Server one("10.1.0.1", 8080), two("10.1.0.2", 8080);
  auto port = make_port({{"10.1.0.1", 8080}, {"10.1.0.2", 8080}});
  port.affinity_seconds = 600;
  // By chance alone a client would be at the same endpoint each time in one of 2^19 runs.
  for (int i = 0; i < 20; ++i) {
    const auto backend = make_backend(Balancing::Random);  // As after a restart.
    ASSERT_OK(backend->replace({port}));
    ASSERT_EQ(try_connect("10.43.0.10", 80), 0);
  }
  const int first = one.accepted(), second = two.accepted();
  EXPECT_TRUE(first == 20 || second == 20) << first << " and " << second;

  // Where its endpoint has gone, a client is balanced anew.
  port.endpoints = {{first ? "10.1.0.2" : "10.1.0.1", 8080}};
  ASSERT_OK(make_backend()->replace({port}));
  ASSERT_EQ(try_connect("10.43.0.10", 80), 0);
  EXPECT_EQ(one.accepted() + two.accepted(), 1);
}

TEST(NftablesBackend, LocalPolicyWithoutLocalEndpointDrops) {
  const Namespace here;
  Server one("10.1.0.1", 8080);
  const auto backend = make_backend();
  auto port = make_port({{"10.1.0.1", 8080}});
  port.internal_local = true;
  ASSERT_OK(backend->replace({port}));
  EXPECT_EQ(try_connect("10.43.0.10", 80), EINPROGRESS) << "no answer at all";

  port.local_endpoints = port.endpoints;
  ASSERT_OK(backend->apply({.set = {port}, .removed = {}}));
  EXPECT_EQ(try_connect("10.43.0.10", 80), 0);
}

TEST(NftablesBackend, ReplacesWhatAnEarlierProcessLeftAndCleansUp) {
  const Namespace here;
  Server one("10.1.0.1", 8080);
  ASSERT_OK(make_backend()->replace({make_port({})}));

  const auto next = make_backend();
  ASSERT_OK(next->replace({make_port({{"10.1.0.1", 8080}})}));
  EXPECT_EQ(nft::list_tables(2, "keelson-proxy")->size(), 1u);
  EXPECT_EQ(try_connect("10.43.0.10", 80), 0);

  auto removed = make_port({}).name;
  ASSERT_OK(next->apply({.set = {}, .removed = {removed}}));
  EXPECT_NE(try_connect("10.43.0.10", 80), 0);

  ASSERT_OK(next->clean_up());
  EXPECT_TRUE(nft::list_tables(2, "keelson-proxy")->empty());
}

TEST(NftablesBackend, TakesThousandsOfServices) {
  const Namespace here;
  std::vector<ServicePort> ports;
  for (int i = 0; i < 2000; ++i) {
    auto port = make_port({});
    port.name.name = "web-" + std::to_string(i);
    port.cluster_ip = "10.43." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
    for (int e = 1; e <= 10; ++e) port.endpoints.push_back({"10.1.0." + std::to_string(e), 8080});
    ports.push_back(std::move(port));
  }
  const auto backend = make_backend();
  ASSERT_OK(backend->replace(ports));

  Server one("10.1.0.1", 8080);
  ports[700].endpoints = {{"10.1.0.1", 8080}};
  ASSERT_OK(backend->apply({.set = {ports[700]}, .removed = {}}));

  EXPECT_EQ(try_connect(ports[700].cluster_ip, 80), 0);
  EXPECT_EQ(one.accepted(), 1);
}

}  // namespace
}  // namespace keelson::proxy
