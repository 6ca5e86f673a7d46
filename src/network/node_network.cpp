// SPDX-License-Identifier: Apache-2.0
#include "network/node_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>

#include "api/core/v1.h"
#include "base/log.h"
#include "nftables/transaction.h"
#include "pki/certificate.h"

namespace keelson::network {
namespace {

constexpr std::string_view kTable = "keelson-network";

Result<void> write_sysctl(const std::string& path, std::string_view value) {
  const int file = open(path.c_str(), O_WRONLY | O_CLOEXEC);
  // Written only where it differs: some machines show these read-only, set right already.
  if (file >= 0 && write(file, value.data(), value.size()) == static_cast<ssize_t>(value.size())) {
    close(file);
    return {};
  }
  const int error = errno;
  if (file >= 0) close(file);
  const auto present = pki::read_file(path);
  if (present && present->starts_with(value)) return {};
  return fail(Status::unavailable("cannot set " + path + ": " + std::strerror(error)));
}

struct Network {
  std::string address, mask;
};

Result<Network> parse_network(const std::string& cidr) {
  const auto slash = cidr.find('/');
  std::string address(4, '\0'), mask(4, '\0');
  const int bits = slash == std::string::npos ? -1 : std::atoi(cidr.c_str() + slash + 1);
  if (bits < 0 || bits > 32 ||
      inet_pton(AF_INET, cidr.substr(0, slash).c_str(), address.data()) != 1)
    return fail(Status::bad_request("invalid CIDR address: " + cidr));
  for (int bit = 0; bit < bits; ++bit)
    mask[static_cast<std::size_t>(bit / 8)] |= static_cast<char>(0x80 >> bit % 8);
  for (std::size_t i = 0; i < 4; ++i) address[i] &= mask[i];
  return Network{address, mask};
}

// Pods' packets leave the cluster under the node's address.
Result<void> write_masquerade(const std::string& pod_cidr, const std::string& cluster_cidr) {
  using namespace nft;
  TRY(const auto pods, parse_network(pod_cidr));
  TRY(const auto cluster, parse_network(cluster_cidr));
  const auto within = [](Expressions& rule, std::uint32_t offset, const Network& network,
                         Compare op) {
    rule.push_back(load_payload_network(reg(0), offset, 4));
    rule.push_back(bitwise(reg(0), reg(0), network.mask, std::string(4, '\0')));
    rule.push_back(compare(reg(0), op, network.address));
  };
  Transaction transaction(NFPROTO_IPV4, std::string(kTable));
  transaction.add_table();
  transaction.delete_table();
  transaction.add_table();
  transaction.add_base_chain("postrouting", {"nat", NF_INET_POST_ROUTING, 100});
  Expressions rule;
  within(rule, 12, pods, Compare::Equal);
  within(rule, 16, cluster, Compare::NotEqual);
  // Multicast stays as it is.
  rule.push_back(load_payload_network(reg(0), 16, 4));
  rule.push_back(bitwise(reg(0), reg(0), std::string("\xf0\0\0\0", 4), std::string(4, '\0')));
  rule.push_back(compare(reg(0), Compare::NotEqual, std::string("\xe0\0\0\0", 4)));
  rule.push_back(masquerade());
  transaction.add_rule("postrouting", std::move(rule));
  return transaction.commit();
}

// Makes the bridge beforehand, with its address: the plugin would do it too, but several pods that
// start together get into each other's way.
Result<void> make_bridge(const std::string& name, const std::string& pod_cidr) {
  TRY(const auto network, parse_network(pod_cidr));
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return fail(Status::unavailable(std::strerror(errno)));
  int error = 0;
  const auto call = [&](unsigned long request, const void* argument, int accepted) {
    if (!error && ioctl(control, request, argument) != 0 && errno != accepted) error = errno;
  };
  constexpr unsigned long kAddBridge = 0x89a0;  // SIOCBRADDBR
  call(kAddBridge, name.c_str(), EEXIST);

  // A fixed hardware address; else the bridge would take over that of whichever pod has the lowest.
  std::string gateway = network.address;
  gateway[3] = static_cast<char>(gateway[3] | 1);
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_hwaddr.sa_family = 1;  // ARPHRD_ETHER
  const char hardware[] = {0x0a, 0x58, gateway[0], gateway[1], gateway[2], gateway[3]};
  std::memcpy(request.ifr_hwaddr.sa_data, hardware, sizeof hardware);
  call(SIOCSIFHWADDR, &request, 0);

  request = {};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  std::memcpy(&address->sin_addr, gateway.data(), 4);
  call(SIOCSIFADDR, &request, EEXIST);
  std::memcpy(&address->sin_addr, network.mask.data(), 4);
  call(SIOCSIFNETMASK, &request, 0);
  request.ifr_flags = IFF_UP;
  call(SIOCSIFFLAGS, &request, 0);
  close(control);
  if (error)
    return fail(Status::unavailable("cannot make bridge " + name + ": " + std::strerror(error)));
  return {};
}

}  // namespace

std::string cni_config(const NodeNetworkOptions& options, const std::string& pod_cidr) {
  // A list of lists of ranges. Built up, because braces around one array copy it instead of nesting.
  boost::json::array family, ranges;
  family.push_back(boost::json::object{{"subnet", pod_cidr}});
  ranges.push_back(std::move(family));
  boost::json::object bridge{
      {"type", "bridge"},
      {"bridge", options.bridge},
      {"isGateway", true},
      {"isDefaultGateway", true},
      // A pod may reach itself through its service.
      {"hairpinMode", true},
      {"ipMasq", false},
      {"ipam",
       {{"type", "host-local"},
        {"dataDir", options.ipam_dir},
        {"ranges", std::move(ranges)}}}};
  if (options.mtu) bridge["mtu"] = options.mtu;
  return boost::json::serialize(boost::json::object{
      {"cniVersion", "0.4.0"},
      {"name", "keelson"},
      {"plugins", boost::json::array{std::move(bridge),
                                     {{"type", "portmap"},
                                      {"capabilities", {{"portMappings", true}}}}}}});
}

Task<Result<void>> set_up_node_network(client::Client& client, NodeNetworkOptions options) {
  std::string pod_cidr;
  while (pod_cidr.empty()) {
    const auto node = co_await client.get<core::v1::Node>({"", options.node_name});
    if (node) pod_cidr = (*node)->spec.podCIDR;
    if (!node && node.error().is(Reason::Canceled)) co_return fail(node.error());
    if (pod_cidr.empty()) CO_TRY_OK(co_await sleep_for(std::chrono::milliseconds(50)));
  }
  CO_TRY_OK(write_sysctl("/proc/sys/net/ipv4/ip_forward", "1"));
  // Answers between pods of one bridge have to pass the translation of their requests. Without the
  // module there is no such file, and services would lose them.
  CO_TRY_OK(write_sysctl("/proc/sys/net/bridge/bridge-nf-call-iptables", "1"));
  CO_TRY_OK(write_masquerade(pod_cidr, options.cluster_cidr));
  CO_TRY_OK(make_bridge(options.bridge, pod_cidr));
  CO_TRY_OK(pki::write_file(options.cni_config_dir + "/10-keelson.conflist",
                            cni_config(options, pod_cidr), 0600));
  log_info("Pod network is configured", {{"podCIDR", pod_cidr}, {"bridge", options.bridge}});
  co_return Result<void>{};
}

Result<void> clean_up_node_network(const std::string& bridge) {
  TRY(const auto tables, nft::list_tables(NFPROTO_IPV4, kTable));
  nft::Transaction transaction(NFPROTO_IPV4, std::string(kTable));
  for (const auto& table : tables) transaction.delete_table(table);
  TRY_OK(transaction.commit());
  const int control = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  if (control < 0) return fail(Status::unavailable(std::strerror(errno)));
  ifreq request{};
  bridge.copy(request.ifr_name, IFNAMSIZ - 1);
  // It must be down to be removed; a bridge that does not exist is removed already.
  ioctl(control, SIOCSIFFLAGS, &request);
  constexpr unsigned long kDeleteBridge = 0x89a1;  // SIOCBRDELBR
  const int result = ioctl(control, kDeleteBridge, bridge.c_str());
  const int error = errno;
  close(control);
  if (result < 0 && error != ENXIO && error != ENODEV)
    return fail(Status::unavailable("cannot remove " + bridge + ": " + std::strerror(error)));
  return {};
}

}  // namespace keelson::network
