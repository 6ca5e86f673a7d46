// SPDX-License-Identifier: Apache-2.0
// The rules with packets that pass through a node: from a client outside the cluster and from a
// pod.
//
//     outside 10.2.0.2 ── 10.2.0.1 node 10.1.0.1 ── 10.1.0.2 pod
//                                       10.1.9.1 ── 10.1.9.2 second pod
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "machine.h"
#include "nftables/transaction.h"
#include "proxy/nftables_backend.h"

namespace keelson::proxy {
namespace {

constexpr char kClusterIp[] = "10.43.0.10", kNode[] = "10.2.0.1", kOutside[] = "10.2.0.2",
               kPod[] = "10.1.0.2", kSecondPod[] = "10.1.9.2", kPodsGateway[] = "10.1.0.1";

#define ASSERT_OK(...)                                     \
  do {                                                     \
    const auto ok_result = (__VA_ARGS__);                  \
    ASSERT_TRUE(ok_result) << ok_result.error().message(); \
  } while (false)

class Packets : public testing::Test {
 protected:
  Packets() {
    node_.connect(outside_, "10.2.0.0");
    node_.connect(pod_, "10.1.0.0");
    node_.connect(second_pod_, "10.1.9.0");
    // Service addresses are routed before they are translated, or refused.
    node_.run("echo 1 > /proc/sys/net/ipv4/ip_forward && ip route add default via 10.2.0.2");
    backend_ = make_backend();
  }

  std::unique_ptr<Backend> make_backend() const {
    node_.enter();
    auto made = make_nftables_backend({.cluster_cidr = "10.1.0.0/16",
                                       .balancing = Balancing::RoundRobin,
                                       .node_port_addresses = {std::string(kNode) + "/32"}});
    EXPECT_TRUE(made) << made.error().message();
    return std::move(*made);
  }
  Result<void> replace(const std::vector<ServicePort>& ports) {
    node_.enter();
    return backend_->replace(ports);
  }
  Result<void> set(const ServicePort& port) {
    node_.enter();
    return backend_->apply({.set = {port}, .removed = {}});
  }
  static ServicePort make_port(std::vector<Endpoint> endpoints, std::string protocol = "TCP") {
    ServicePort port;
    port.name = {"default", "web", "http", std::move(protocol)};
    port.port = 80;
    port.cluster_ip = kClusterIp;
    port.node_port = 30080;
    port.endpoints = std::move(endpoints);
    if (port.name.protocol == "UDP") port.serving = port.endpoints;
    return port;
  }
  // Who `server` sees when `client` connects; the error's text if it cannot.
  static std::string seen_by(const Socket& server, const Machine& client, const char* ip,
                             std::uint16_t port) {
    if (const int error = client.try_connect(ip, port)) return std::strerror(error);
    std::string peer = "nobody";
    server.accept(&peer);
    return peer;
  }

  const Machine outside_, pod_, second_pod_, node_;
  std::unique_ptr<Backend> backend_;
};

TEST_F(Packets, AreMasqueradedWhereTheAnswerWouldGoAnotherWay) {
  const Socket server = pod_.listen(kPod, 8080);
  auto port = make_port({{kPod, 8080}});
  port.external_ips = {"192.0.2.7"};
  ASSERT_OK(replace({port}));

  EXPECT_EQ(seen_by(server, second_pod_, kClusterIp, 80), kSecondPod) << "pods keep their address";
  EXPECT_EQ(seen_by(server, outside_, kClusterIp, 80), kPodsGateway) << "off the cluster";
  EXPECT_EQ(seen_by(server, outside_, kNode, 30080), kPodsGateway) << "node port";
  EXPECT_EQ(seen_by(server, outside_, "192.0.2.7", 80), kPodsGateway) << "external IP";
  EXPECT_EQ(seen_by(server, pod_, kClusterIp, 80), kPodsGateway) << "a pod that reaches itself";
  EXPECT_EQ(seen_by(server, node_, kClusterIp, 80), kPodsGateway) << "the node itself";
}

TEST_F(Packets, ReachNodePortsAtTheNodesOwnAddressOnly) {
  const Socket server = pod_.listen(kPod, 8080);
  ASSERT_OK(replace({make_port({{kPod, 8080}})}));

  EXPECT_EQ(outside_.try_connect(kNode, 30080), 0);
  EXPECT_EQ(node_.try_connect(kNode, 30080), 0);
  EXPECT_EQ(second_pod_.try_connect(kNode, 30080), 0);
  EXPECT_EQ(outside_.try_connect("10.1.9.1", 30080), ECONNREFUSED);
  EXPECT_EQ(node_.try_connect("127.0.0.1", 30080), ECONNREFUSED);

  // Where there is no endpoint, only there too.
  ASSERT_OK(set(make_port({})));
  EXPECT_EQ(outside_.try_connect(kNode, 30080), ECONNREFUSED);
  const Socket other = node_.listen("10.1.9.1", 30080);
  EXPECT_EQ(outside_.try_connect("10.1.9.1", 30080), 0);
}

TEST_F(Packets, ToNodesWithLocalPolicyKeepTheirSource) {
  const Socket server = pod_.listen(kPod, 8080), far = second_pod_.listen(kSecondPod, 8080);
  auto port = make_port({{kPod, 8080}, {kSecondPod, 8080}});
  port.external_local = true;
  port.local_endpoints = {{kPod, 8080}};
  ASSERT_OK(replace({port}));
  for (int i = 0; i < 4; ++i) EXPECT_EQ(seen_by(server, outside_, kNode, 30080), kOutside);

  port.local_endpoints.clear();
  ASSERT_OK(set(port));
  EXPECT_EQ(outside_.try_connect(kNode, 30080), EINPROGRESS) << "dropped, not passed on";
  EXPECT_EQ(node_.try_connect(kNode, 30080), 0) << "the cluster's own go anywhere";
  EXPECT_EQ(second_pod_.try_connect(kNode, 30080), 0);
  EXPECT_EQ(outside_.try_connect(kClusterIp, 80), 0) << "not the policy of cluster IPs";
}

TEST_F(Packets, ToABalancersAddressComeFromItsSourceRangesOnly) {
  const Socket server = pod_.listen(kPod, 8080);
  auto port = make_port({{kPod, 8080}});
  port.external_ips = {"192.0.2.7"};
  port.balancer_ips = {"192.0.2.8"};
  port.source_ranges = {"10.1.0.0/16"};
  ASSERT_OK(replace({port}));
  EXPECT_EQ(second_pod_.try_connect("192.0.2.8", 80), 0);
  EXPECT_EQ(outside_.try_connect("192.0.2.8", 80), EINPROGRESS);
  EXPECT_EQ(outside_.try_connect("192.0.2.7", 80), 0) << "no range holds for external IPs";
  EXPECT_EQ(outside_.try_connect(kNode, 30080), 0) << "nor for node ports";

  port.source_ranges.push_back("10.2.0.2/32");
  ASSERT_OK(set(port));
  EXPECT_EQ(outside_.try_connect("192.0.2.8", 80), 0);
}

TEST_F(Packets, OfUdpAreRefusedWithoutEndpoints) {
  ASSERT_OK(replace({make_port({}, "UDP")}));
  for (const auto& [machine, ip, port] : {std::tuple{&outside_, kNode, 30080},
                                          {&outside_, kClusterIp, 80},
                                          {&pod_, kClusterIp, 80},
                                          {&node_, kClusterIp, 80}}) {
    const Socket client = machine->connect_udp(ip, static_cast<std::uint16_t>(port));
    client.send("hello");
    EXPECT_EQ(client.error(), ECONNREFUSED) << ip;
  }
}

// The first packet of an SCTP association. Source: RFC 9260; the checksum is CRC-32C.
std::string sctp_init(std::uint16_t from, std::uint16_t to) {
  const auto put = [](std::string& out, std::uint64_t value, int bytes) {
    while (bytes-- > 0) out += static_cast<char>(value >> (8 * bytes) & 0xff);
  };
  std::string packet;
  put(packet, from, 2);
  put(packet, to, 2);
  put(packet, 0, 8);           // Tag, checksum.
  put(packet, 0x01000014, 4);  // INIT, 20 bytes.
  put(packet, 1, 4);
  put(packet, 65'536, 4);
  put(packet, 0x00010001, 4);
  put(packet, 1, 4);
  std::uint32_t crc = ~std::uint32_t{0};
  for (const char c : packet) {
    crc ^= static_cast<unsigned char>(c);
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78U : 0);
  }
  for (int i = 0; i < 4; ++i)
    packet[static_cast<std::size_t>(8 + i)] = static_cast<char>(~crc >> (8 * i) & 0xff);
  return packet;
}

TEST_F(Packets, OfSctpAreTranslatedToo) {
  const Socket pod = pod_.open_raw(IPPROTO_SCTP);
  ASSERT_OK(replace({make_port({{kPod, 8080}}, "SCTP")}));

  outside_.open_raw(IPPROTO_SCTP).send_to(kNode, sctp_init(4000, 30080));

  const auto packet = pod.receive();
  ASSERT_TRUE(packet);
  const std::size_t header = static_cast<std::size_t>((*packet)[0] & 15) * 4;
  EXPECT_EQ(packet->substr(header + 2, 2), "\x1f\x90") << "port 8080";
}

TEST_F(Packets, OfAUdpFlowReachTheEndpointThatReplacesAnother) {
  const Socket one = pod_.bind_udp(kPod, 5353), two = second_pod_.bind_udp(kSecondPod, 5353);
  for (const auto& [ip, number] : {std::pair{kClusterIp, 80}, {kNode, 30080}}) {
    SCOPED_TRACE(ip);
    ASSERT_OK(replace({make_port({{kPod, 5353}}, "UDP")}));
    const Socket client = outside_.connect_udp(ip, static_cast<std::uint16_t>(number));
    client.send("a");
    EXPECT_EQ(one.answer_next("one"), kPodsGateway);
    EXPECT_EQ(client.receive(), "one");

    ASSERT_OK(set(make_port({{kSecondPod, 5353}}, "UDP")));
    client.send("b");

    EXPECT_NE(two.answer_next("two"), "");
    EXPECT_EQ(client.receive(), "two");
    // And what still serves keeps its flows, though new ones go elsewhere.
    auto draining = make_port({{kPod, 5353}}, "UDP");
    draining.serving = {{kPod, 5353}, {kSecondPod, 5353}};
    ASSERT_OK(set(draining));
    client.send("c");
    EXPECT_NE(two.answer_next("two"), "");
  }
}

TEST_F(Packets, OfAUdpFlowWithoutEndpointReachTheFirstOne) {
  ASSERT_OK(replace({}));
  // Before there was a service the kernel has noted that this flow is not translated.
  const Socket client = outside_.connect_udp(kNode, 30080);
  client.send("a");
  EXPECT_EQ(client.error(), ECONNREFUSED);
  const Socket server = pod_.bind_udp(kPod, 5353);

  ASSERT_OK(set(make_port({{kPod, 5353}}, "UDP")));
  client.send("b");
  EXPECT_NE(server.answer_next("hello"), "");
  EXPECT_EQ(client.receive(), "hello");

  // A service that goes takes its flows with it.
  node_.enter();
  ASSERT_OK(backend_->apply({.set = {}, .removed = {make_port({}, "UDP").name}}));
  client.send("c");
  EXPECT_EQ(server.answer_next("hello"), "");
}

TEST_F(Packets, OfConnectionsPassWhileTheRulesAreMadeAnew) {
  const Socket server = pod_.listen(kPod, 8080);
  ASSERT_OK(replace({make_port({{kPod, 8080}})}));
  Socket client;
  ASSERT_EQ(outside_.try_connect(kNode, 30080, &client), 0);
  const Socket serving = server.accept();

  backend_ = make_backend();
  ASSERT_OK(replace({make_port({{kPod, 8080}})}));

  client.send("still there?");
  EXPECT_EQ(serving.receive(), "still there?");
  serving.send("yes");
  EXPECT_EQ(client.receive(), "yes");
  EXPECT_EQ(nft::list_tables(AF_UNSPEC, "")->size(), 1u) << "no table but our own";
}

TEST_F(Packets, OfAClientForgetItsEndpointAfterTheAffinitysTime) {
  const Socket one = pod_.listen(kPod, 8080), two = second_pod_.listen(kSecondPod, 8080);
  auto port = make_port({{kPod, 8080}, {kSecondPod, 8080}});
  port.affinity_seconds = 1;
  ASSERT_OK(replace({port}));
  ASSERT_EQ(outside_.try_connect(kClusterIp, 80), 0);
  const bool at_one = one.is_readable();
  const Socket &kept = at_one ? one : two, &other = at_one ? two : one;
  kept.accept();
  EXPECT_NE(seen_by(kept, outside_, kClusterIp, 80), "nobody");

  // Time itself is what is waited for, in the kernel.
  EXPECT_FALSE(other.is_readable()) << "within this second nothing comes";
  EXPECT_FALSE(other.is_readable());

  // Forgotten, it is balanced again, and the other one's turn has come.
  EXPECT_NE(seen_by(other, outside_, kClusterIp, 80), "nobody");
}

// Of every kind that a service may be; its endpoints are at `prefix`.
std::vector<ServicePort> every_kind(const std::string& prefix, const std::string& all_sources) {
  std::vector<ServicePort> ports;
  for (int bits = 0; bits < 32; ++bits) {
    ServicePort port;
    port.name = {"default", "web-" + std::to_string(bits), "", bits % 3 ? "TCP" : "UDP"};
    port.port = static_cast<std::uint16_t>(1000 + bits);
    port.cluster_ip = prefix + "10";
    port.external_ips = {prefix + "20"};
    port.balancer_ips = {prefix + "30"};
    port.node_port = static_cast<std::uint16_t>(30'000 + bits);
    if (bits & 1) port.affinity_seconds = 60;
    if (bits & 2) port.internal_local = port.external_local = true;
    if (bits & 4) port.source_ranges = {all_sources};
    if (bits & 8) port.endpoints = {{prefix + "1", 80}, {prefix + "2", 80}};
    if ((bits & 16) && (bits & 8)) port.local_endpoints = {{prefix + "1", 80}};
    ports.push_back(std::move(port));
  }
  return ports;
}

TEST_F(Packets, MeetRulesThatTheKernelTakesAndNftCanShow) {
  node_.enter();
  for (const IpFamily family : {IpFamily::V4, IpFamily::V6}) {
    const bool six = family == IpFamily::V6;
    auto ports = six ? every_kind("fd00::", "fd01::/16") : every_kind("10.9.0.", "10.0.0.0/8");
    for (const Balancing balancing : {Balancing::Random, Balancing::RoundRobin}) {
      const auto backend =
          *make_nftables_backend({.family = family,
                                  .cluster_cidr = six ? "fd02::/16" : "10.1.0.0/16",
                                  .balancing = balancing});
      auto plain = ports;
      std::erase_if(plain, [](const ServicePort& port) { return port.affinity_seconds != 0; });
      ASSERT_OK(backend->replace(plain));
      node_.run("nft list ruleset >/dev/null");
      ASSERT_OK(backend->replace(ports));
      // Each turns into the kind of the one before it, then all go.
      auto turned = ports;
      for (std::size_t i = 0; i < ports.size(); ++i)
        turned[i].name = ports[(i + 1) % ports.size()].name;
      ASSERT_OK(backend->apply({.set = turned, .removed = {}}));
      std::vector<ServicePortName> names;
      for (const auto& port : ports) names.push_back(port.name);
      ASSERT_OK(backend->apply({.set = {}, .removed = names}));
      node_.run("nft list ruleset > /dev/null && ! nft list ruleset | grep -q 'service-[0-9]'");
      ASSERT_OK(backend->clean_up());
    }
  }
}

TEST_F(Packets, ReachTheFirstOfTwoServicesThatWantOneAddress) {
  const Socket server = pod_.listen(kPod, 8080), other = second_pod_.listen(kSecondPod, 8080);
  auto first = make_port({{kPod, 8080}}), second = make_port({{kSecondPod, 8080}});
  first.name.name = "a";
  second.name.name = "b";
  second.cluster_ip = "10.43.0.11";
  second.node_port = 0;
  first.external_ips = second.external_ips = {"192.0.2.7"};
  ASSERT_OK(replace({second, first}));
  EXPECT_EQ(seen_by(server, outside_, "192.0.2.7", 80), kPodsGateway);

  node_.enter();
  ASSERT_OK(backend_->apply({.set = {}, .removed = {first.name}}));
  EXPECT_NE(seen_by(other, outside_, "192.0.2.7", 80), "nobody") << "now it is the other one's";
}

}  // namespace
}  // namespace keelson::proxy
