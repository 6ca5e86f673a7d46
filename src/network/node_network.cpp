// SPDX-License-Identifier: Apache-2.0
#include "network/node_network.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/netfilter.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "api/core/v1.h"
#include "api/ip.h"
#include "base/log.h"
#include "nftables/transaction.h"
#include "pki/certificate.h"

namespace keelson::network {
namespace {

constexpr std::string_view kTable = "keelson-network", kNetwork = "keelson";

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

// Answers between pods of one bridge have to pass the translation of their requests, or services
// would lose them. That is br_netfilter's work, the one module here that nothing else asks the
// kernel for: the bridge, nftables' expressions, connection tracking and overlayfs are loaded when
// first used.
Result<void> filter_bridge() {
  const std::string setting = "/proc/sys/net/bridge/bridge-nf-call-iptables";
  if (access(setting.c_str(), F_OK) != 0) {
    // Services are often started without the administrator's folders in their path.
    const int exit_status =
        std::system("PATH=$PATH:/usr/sbin:/sbin; modprobe br_netfilter >/dev/null 2>&1");
    if (access(setting.c_str(), F_OK) != 0) {
      const std::string reason = exit_status != 0 ? "\"modprobe br_netfilter\" failed"
                                                  : "\"modprobe br_netfilter\" changed nothing";
      return fail(Status::unavailable("the kernel module br_netfilter is not loaded: " + reason));
    }
  }
  return write_sysctl(setting, "1");
}

Result<api::IpPrefix> parse_network(const std::string& cidr) {
  const auto prefix = api::IpPrefix::parse(cidr);
  if (!prefix || !prefix->address().is_v4())
    return fail(Status::bad_request("invalid IPv4 CIDR address: " + cidr));
  return *prefix;
}

// Pods' packets leave the cluster under the node's address.
Result<void> write_masquerade(const std::string& pod_cidr, const std::string& cluster_cidr) {
  using namespace nft;
  TRY(const auto pods, parse_network(pod_cidr));
  TRY(const auto cluster, parse_network(cluster_cidr));
  Transaction transaction(NFPROTO_IPV4, std::string(kTable));
  transaction.add_table();
  transaction.delete_table();
  transaction.add_table();
  transaction.add_base_chain("postrouting", {"nat", NF_INET_POST_ROUTING, 100});
  Expressions rule;
  match_network(rule, Side::Source, pods);
  match_network(rule, Side::Destination, cluster, Compare::NotEqual);
  // Multicast stays as it is.
  match_network(rule, Side::Destination, {api::IpAddress::v4(0xe0000000), 4}, Compare::NotEqual);
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
  const std::uint32_t gateway = network.network().v4_value() | 1;
  ifreq request{};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  request.ifr_hwaddr.sa_family = 1;  // ARPHRD_ETHER
  const std::uint32_t gateway_bytes = htonl(gateway);
  std::memcpy(request.ifr_hwaddr.sa_data, "\x0a\x58", 2);
  std::memcpy(request.ifr_hwaddr.sa_data + 2, &gateway_bytes, 4);
  call(SIOCSIFHWADDR, &request, 0);

  request = {};
  name.copy(request.ifr_name, IFNAMSIZ - 1);
  auto* address = reinterpret_cast<sockaddr_in*>(&request.ifr_addr);
  address->sin_family = AF_INET;
  address->sin_addr.s_addr = htonl(gateway);
  call(SIOCSIFADDR, &request, EEXIST);
  const std::uint64_t hosts = (std::uint64_t{1} << (32 - network.length())) - 1;
  address->sin_addr.s_addr = htonl(~static_cast<std::uint32_t>(hosts));
  call(SIOCSIFNETMASK, &request, 0);
  request.ifr_flags = IFF_UP;
  call(SIOCSIFFLAGS, &request, 0);
  close(control);
  if (error)
    return fail(Status::unavailable("cannot make bridge " + name + ": " + std::strerror(error)));
  return {};
}

// A link of this name beside the leases leads to the configuration, which may be in the runtime's.
constexpr char kConfigFile[] = "10-keelson.conflist";

Result<void> note_config(const std::string& ipam_dir, const std::string& config) {
  namespace fs = std::filesystem;
  const fs::path link = fs::path(ipam_dir) / kConfigFile;
  std::error_code error;
  fs::create_directories(ipam_dir, error);
  fs::remove(link, error);
  fs::create_symlink(config, link, error);
  if (error)
    return fail(Status::unavailable("cannot write " + link.string() + ": " + error.message()));
  return {};
}

void remove_config(const std::string& ipam_dir) {
  namespace fs = std::filesystem;
  const fs::path link = fs::path(ipam_dir) / kConfigFile;
  std::error_code error;
  const fs::path config = fs::read_symlink(link, error);
  if (!error && config.filename() == kConfigFile) fs::remove(config, error);
  fs::remove(link, error);
}

// What the runtime's CNI library notes of each pod.
constexpr char kCniResults[] = "/var/lib/cni/results";

// Where a pod's network namespace is mounted; nothing if the note does not tell.
std::optional<std::string> namespace_of(const std::string& note) {
  boost::system::error_code error;
  const auto parsed = boost::json::parse(note, error);
  if (error) return std::nullopt;
  const auto* interfaces = parsed.find_pointer("/result/interfaces", error);
  if (!interfaces || !interfaces->is_array()) return std::nullopt;
  for (const auto& interface : interfaces->get_array()) {
    const auto* sandbox = interface.find_pointer("/sandbox", error);
    if (sandbox && sandbox->is_string() && !sandbox->get_string().empty())
      return std::string(sandbox->get_string());
  }
  return std::nullopt;
}

// Pods whose runtime ended before they were removed leave their namespaces, and these notes.
void forget_pods() {
  namespace fs = std::filesystem;
  const std::string prefix = std::string(kNetwork) + "-";
  std::error_code error;
  std::vector<fs::path> notes;
  for (const auto& entry : fs::directory_iterator(kCniResults, error)) {
    if (entry.path().filename().string().starts_with(prefix)) notes.push_back(entry.path());
  }
  for (const auto& note : notes) {
    if (const auto text = pki::read_file(note)) {
      if (const auto path = namespace_of(*text)) {
        umount2(path->c_str(), MNT_DETACH | UMOUNT_NOFOLLOW);
        fs::remove(*path, error);
      }
    }
    // "keelson-<id>-eth0" and "cni-loopback-<id>-lo".
    std::string id = note.filename().string().substr(prefix.size());
    id.resize(std::min(id.size(), id.find('-')));
    fs::remove(std::string(kCniResults) + "/cni-loopback-" + id + "-lo", error);
    fs::remove(note, error);
  }
}

// The portmap plugin takes its rules away with a pod, but not those of pods that went without being
// removed, and never the frame that all of them hang in. That goes once it is empty.
constexpr char kRemovePortMappings[] = R"sh(
exec >/dev/null 2>&1
nat() { iptables -w -t nat "$@"; }
delete() { eval "nat -D $1"; }
nat -S CNI-HOSTPORT-DNAT || exit 0
nat -S CNI-HOSTPORT-DNAT |
  sed -n 's/^-A \(.*name: \\"keelson\\".* -j \(CNI-DN-[^ ]*\)\)$/\2 \1/p' |
  while read -r chain rule; do
    delete "$rule"
    nat -F "$chain"
    nat -X "$chain"
  done
[ "$(nat -S CNI-HOSTPORT-DNAT | wc -l)" = 1 ] || exit 0
nat -S | sed -n 's/^-A \(.* -j CNI-HOSTPORT-[A-Z]*\)$/\1/p' |
  while read -r rule; do delete "$rule"; done
for chain in DNAT SETMARK MASQ; do
  nat -F CNI-HOSTPORT-$chain
  nat -X CNI-HOSTPORT-$chain
done
)sh";

}  // namespace

std::string cni_config(const NodeNetworkOptions& options, const std::string& pod_cidr) {
  // A list of lists of ranges. Built up, because braces around one array copy it instead of
  // nesting.
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
       {{"type", "host-local"}, {"dataDir", options.ipam_dir}, {"ranges", std::move(ranges)}}}};
  if (options.mtu) bridge["mtu"] = options.mtu;
  return boost::json::serialize(boost::json::object{
      {"cniVersion", "0.4.0"},
      {"name", kNetwork},
      {"plugins",
       boost::json::array{std::move(bridge),
                          {{"type", "portmap"}, {"capabilities", {{"portMappings", true}}}}}}});
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
  CO_TRY_OK(filter_bridge());
  CO_TRY_OK(write_masquerade(pod_cidr, options.cluster_cidr));
  CO_TRY_OK(make_bridge(options.bridge, pod_cidr));
  const std::string config = options.cni_config_dir + "/" + kConfigFile;
  CO_TRY_OK(note_config(options.ipam_dir, config));
  CO_TRY_OK(pki::write_file(config, cni_config(options, pod_cidr), 0600));
  log_info("Pod network is configured",
           {{"podCIDR", pod_cidr}, {"bridge", options.bridge}, {"config", config}});
  co_return Result<void>{};
}

Result<void> clean_up_node_network(const std::string& bridge, const std::string& ipam_dir) {
  remove_config(ipam_dir);
  TRY(const auto tables, nft::list_tables(NFPROTO_IPV4, kTable));
  nft::Transaction transaction(NFPROTO_IPV4, std::string(kTable));
  for (const auto& table : tables) transaction.delete_table(table);
  TRY_OK(transaction.commit());
  // Without iptables there are no such rules either, and nothing to do.
  [[maybe_unused]] const int ended = std::system(kRemovePortMappings);
  forget_pods();
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
