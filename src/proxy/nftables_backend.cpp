// SPDX-License-Identifier: Apache-2.0
#include "proxy/nftables_backend.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <array>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>

#include "base/log.h"
#include "nftables/conntrack.h"
#include "nftables/transaction.h"
#include "proxy/stale_flows.h"

namespace keelson::proxy {
namespace {

using namespace nft;

// Two names in turn: the new table is complete before the old one goes.
constexpr std::string_view kTablePrefix = "keelson-proxy";
// Bounds one transaction of a full replacement.
constexpr std::size_t kChangesPerTransaction = 20'000;
// Clients that are remembered for affinity, of all services together; others are balanced anew.
constexpr std::uint32_t kAffinityMax = 100'000;

// nft's type numbers; a mark is a number of 32 bits.
constexpr std::uint32_t kIp4 = 7, kIp6 = 8, kProtocol = 12, kPort = 13, kMark = 19;
constexpr std::uint32_t concatenated(std::uint32_t a, std::uint32_t b) { return a << 6 | b; }

constexpr std::string_view kServices = "services", kMarkChain = "mark-for-masquerade",
                           kRejectChain = "reject-chain", kDropChain = "drop-chain";

// What is done with a packet before an endpoint is picked.
enum class Action : std::uint8_t { Internal, InternalLocal, External, ExternalLocal };

// Chains that pick one of so many endpoints of whichever service a packet is for.
struct Picker {
  bool node_port = false, local = false;
  std::uint32_t count = 0;
  int affinity_seconds = 0;
  std::uint32_t owner = 0;  // Round robin takes turns within one service, so each has its own.

  auto operator<=>(const Picker&) const = default;
  std::string chain() const {
    std::string name = std::string(node_port ? "node-port" : "service") +
                       (local ? "-local-" : "-") + std::to_string(count);
    if (affinity_seconds) name += "-affinity-" + std::to_string(affinity_seconds);
    if (owner) name += "-of-" + std::to_string(owner);
    return name;
  }
};

// Chains that act and go on to a picker. Those of services that are alike are the same.
struct Way {
  Action action = Action::Internal;
  std::optional<Picker> all, local;  // Those that the action needs; none: no endpoint is there.

  auto operator<=>(const Way&) const = default;
  std::string chain() const {
    static constexpr std::string_view kNames[] = {"internal", "internal-local", "external",
                                                  "external-local"};
    std::string name(kNames[static_cast<std::size_t>(action)]);
    for (const auto& picker : {all, local}) {
      if (picker) name += "-" + picker->chain();
    }
    return name;
  }
};

// Endpoints as the maps have them: address and port. A place is a number that is drawn.
using Places = std::vector<std::string>;

std::uint8_t protocol_number(std::string_view name) {
  if (name == "UDP") return IPPROTO_UDP;
  if (name == "SCTP") return IPPROTO_SCTP;
  return IPPROTO_TCP;
}

std::string port_bytes(std::uint16_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff), 0, 0};
}

template <class T>
std::string raw_bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}

// The addresses of this network namespace.
std::set<api::IpAddress> local_addresses() {
  std::set<api::IpAddress> out;
  ifaddrs* first = nullptr;
  if (getifaddrs(&first) != 0) return out;
  for (const ifaddrs* at = first; at; at = at->ifa_next) {
    if (!at->ifa_addr) continue;
    if (at->ifa_addr->sa_family == AF_INET) {
      const auto* address = reinterpret_cast<const sockaddr_in*>(at->ifa_addr);
      out.insert(api::IpAddress::v4(ntohl(address->sin_addr.s_addr)));
    } else if (at->ifa_addr->sa_family == AF_INET6) {
      std::array<std::uint8_t, 16> bytes{};
      std::memcpy(bytes.data(), &reinterpret_cast<const sockaddr_in6*>(at->ifa_addr)->sin6_addr,
                  bytes.size());
      out.insert(api::IpAddress::v6(bytes));
    }
  }
  freeifaddrs(first);
  return out;
}

std::string chain_hash(const ServicePortName& name) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : name.text()) hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuv";
  std::string text;
  for (int i = 0; i < 12; ++i, hash >>= 5) text += kDigits[hash & 31];
  // The name helps whoever reads the rules; chain names have at most 255 bytes.
  std::string readable = name.namespace_ + "/" + name.name + "/" + name.port;
  return text + "-" + readable.substr(0, 200);
}

// What stands under an address.
struct Entry {
  std::string chain;                         // Empty: refused.
  std::shared_ptr<const Places> all, local;  // Those that the chain needs.

  bool operator==(const Entry&) const = default;
};
using Entries = std::map<std::string, Entry>;  // By the key of the maps.

// Who wants what under which address. Several may want the same: the first by name has it.
class Claims {
 public:
  // `owner` wants `now` instead of `before`.
  void change(const ServicePortName& owner, const Entries& before, const Entries& now) {
    for (const auto& [key, entry] : before) {
      if (now.contains(key)) continue;
      touch(key);
      const auto claims = by_key_.find(key);
      claims->second.erase(owner);
      if (claims->second.empty()) by_key_.erase(claims);
    }
    for (const auto& [key, entry] : now) {
      if (const auto last = before.find(key); last != before.end() && last->second == entry)
        continue;
      touch(key);
      by_key_[key].insert_or_assign(owner, entry);
    }
  }
  // What has changed since the last call: `take(key, before, now)`, null where there is nothing.
  template <class Take>
  void settle(Take take) {
    for (const auto& [key, before] : std::exchange(touched_, {})) {
      const auto found = by_key_.find(key);
      const Entry* now = found == by_key_.end() ? nullptr : &found->second.begin()->second;
      const Entry* last = before ? &*before : nullptr;
      if (!last || !now || !(*last == *now)) take(key, last, now);
    }
  }
  void clear() { *this = {}; }

 private:
  void touch(const std::string& key) {
    if (touched_.contains(key)) return;
    const auto found = by_key_.find(key);
    touched_.emplace(
        key, found == by_key_.end() ? std::nullopt : std::optional(found->second.begin()->second));
  }

  std::unordered_map<std::string, std::map<ServicePortName, Entry>> by_key_;
  std::map<std::string, std::optional<Entry>> touched_;
};

// The maps and sets that a packet's destination is looked up in: an address of a service, or a port
// of the node's own addresses.
struct Maps {
  Set services;  // To the chain of its way.
  Set no_endpoint;
  Set endpoints, local_endpoints;  // With a place: to the endpoint there.
  Set affinity;                    // With a client's address: to the endpoint it went to.

  void define(const std::string& prefix, SetType key, SetType ip, SetType endpoint) {
    services = {.name = prefix + "services", .key = key, .to_verdicts = true};
    no_endpoint = {.name = prefix + "no-endpoint", .key = key};
    const SetType place{concatenated(key.number, kMark), key.size + 4};
    endpoints = {.name = prefix + "endpoints", .key = place, .data = endpoint};
    local_endpoints = {.name = prefix + "local-endpoints", .key = place, .data = endpoint};
    affinity = {.name = prefix + "affinity",
                .key = {concatenated(key.number, ip.number), key.size + ip.size},
                .data = endpoint,
                .dynamic = true,
                .size_max = kAffinityMax};
  }
};

class NftablesBackend final : public Backend {
 public:
  explicit NftablesBackend(BackendOptions options)
      : options_(std::move(options)),
        six_(options_.family == IpFamily::V6),
        family_(six_ ? NFPROTO_IPV6 : NFPROTO_IPV4),
        address_size_(six_ ? 16 : 4),
        words_(address_size_ / 4),
        source_offset_(six_ ? 8 : 12),
        destination_offset_(six_ ? 24 : 16) {
    const std::uint32_t ip = six_ ? kIp6 : kIp4;
    endpoint_type_ = {concatenated(ip, kPort), address_size_ + 4};
    const SetType service{concatenated(concatenated(ip, kProtocol), kPort), address_size_ + 8};
    at_services_.define("", service, {ip, address_size_}, endpoint_type_);
    at_node_ports_.define("node-port-", {concatenated(kProtocol, kPort), 8}, {ip, address_size_},
                          endpoint_type_);
    hairpin_ = {.name = "hairpin", .key = {concatenated(ip, ip), 2 * address_size_}};
    firewall_ = {.name = "firewall", .key = service, .to_verdicts = true};
  }

  Result<void> replace(const std::vector<ServicePort>& ports) override {
    TRY(const auto old_tables, list_tables(family_, kTablePrefix));
    table_ = std::string(kTablePrefix) + "-0";
    if (std::ranges::find(old_tables, table_) != old_tables.end())
      table_ = std::string(kTablePrefix) + "-1";
    forget_all();

    Transaction transaction(family_, table_);
    // Adding first makes the deletion succeed whether or not a broken attempt left the table.
    transaction.add_table();
    transaction.delete_table();
    transaction.add_table();
    add_frame(transaction);
    for (const auto& port : ports) {
      change(transaction, port.name, &port);
      if (changes_ < kChangesPerTransaction) continue;
      write_changes(transaction);
      TRY_OK(transaction.commit());
    }
    write_changes(transaction);
    // Only now do packets come this way, and no longer the old one.
    add_hooks(transaction);
    for (const auto& old : old_tables) {
      if (old != table_) transaction.delete_table(old);
    }
    TRY_OK(transaction.commit());
    forget_stale_flows(ports);
    return {};
  }

  Result<void> apply(const Changes& changes) override {
    Transaction transaction(family_, table_);
    std::vector<ServicePort> touched;
    const auto take = [&](const ServicePortName& name, const ServicePort* now) {
      if (const auto known = applied_.find(name); known != applied_.end() && known->second.udp)
        touched.push_back(*known->second.udp);
      if (now) touched.push_back(*now);
      change(transaction, name, now);
    };
    for (const auto& name : changes.removed) take(name, nullptr);
    for (const auto& port : changes.set) take(port.name, &port);
    write_changes(transaction);
    TRY_OK(transaction.commit());
    forget_stale_flows(touched);
    forget_stale_clients();
    return {};
  }

  Result<void> clean_up() override {
    TRY(const auto tables, list_tables(family_, kTablePrefix));
    Transaction transaction(family_, table_);
    for (const auto& table : tables) transaction.delete_table(table);
    forget_all();
    return transaction.commit();
  }

  Result<void> prepare() {
    if (!options_.cluster_cidr.empty()) {
      TRY(cluster_network_, parse_network(options_.cluster_cidr));
    }
    for (const auto& cidr : options_.node_port_addresses) {
      TRY(const auto network, parse_network(cidr));
      if (network.address().is_v6() == six_) node_port_networks_.push_back(network);
    }
    return {};
  }

 private:
  // --- Bytes ------------------------------------------------------------------------------------

  std::string address_bytes(const std::string& ip) const {
    std::string bytes(address_size_, '\0');
    // The API server has validated it; a bad one matches nothing.
    inet_pton(six_ ? AF_INET6 : AF_INET, ip.c_str(), bytes.data());
    return bytes;
  }

  static Result<api::IpPrefix> parse_network(const std::string& cidr) {
    const auto network = api::IpPrefix::parse(cidr);
    if (!network) return fail(Status::bad_request("invalid CIDR address: " + cidr));
    return *network;
  }

  std::string service_key(const ServicePort& port, const std::string& ip) const {
    return address_bytes(ip) + protocol_bytes(port) + port_bytes(port.port);
  }
  // Node ports are open at several addresses.
  static std::string node_port_key(const ServicePort& port) {
    return protocol_bytes(port) + port_bytes(port.node_port);
  }
  static std::string protocol_bytes(const ServicePort& port) {
    return {static_cast<char>(protocol_number(port.name.protocol)), 0, 0, 0};
  }

  // --- Flows ------------------------------------------------------------------------------------

  // The rules stand without it; what fails here ends by the flows' own time-out.
  void forget_stale_flows(const std::vector<ServicePort>& ports) const {
    if (std::ranges::none_of(ports, [](const auto& port) { return port.name.protocol == "UDP"; }))
      return;
    const auto flows = list_udp_flows(family_);
    if (!flows) {
      log_warning("Stale UDP flows stay", {{"err", flows.error().message()}});
      return;
    }
    const auto local = local_addresses();
    const auto stale = stale_flows(*flows, ports, [&](const api::IpAddress& ip) {
      return local.contains(ip) &&
             (node_port_networks_.empty() ||
              std::ranges::any_of(node_port_networks_,
                                  [&](const auto& network) { return network.contains(ip); }));
    });
    if (stale.empty()) return;
    if (const auto done = delete_udp_flows(family_, stale); !done)
      log_warning("Stale UDP flows stay", {{"err", done.error().message()}});
  }

  // --- Affinity ---------------------------------------------------------------------------------

  // Clients that stick to an endpoint which has gone are to be balanced anew.
  void forget_stale_clients() {
    for (const auto& name : std::exchange(with_stale_clients_, {})) {
      const auto found = applied_.find(name);
      if (found == applied_.end()) continue;
      forget_stale_clients(at_services_, found->second.services);
      forget_stale_clients(at_node_ports_, found->second.node_port);
    }
  }

  void forget_stale_clients(const Maps& maps, const Entries& entries) const {
    if (entries.empty()) return;
    const auto clients = list_elements(family_, table_, maps.affinity.name);
    if (!clients) {
      log_warning("Clients may stick to what has gone", {{"err", clients.error().message()}});
      return;
    }
    for (const auto& client : *clients) {
      const auto entry = entries.find(client.key.substr(0, maps.services.key.size));
      if (entry == entries.end()) continue;
      const auto& places = entry->second.local ? entry->second.local : entry->second.all;
      if (places && std::ranges::find(*places, client.data) != places->end()) continue;
      // One by one: an element whose time has come meanwhile fails, and is as gone as it should be.
      Transaction transaction(family_, table_);
      transaction.delete_elements(maps.affinity, {{client.key, {}, {}}});
      [[maybe_unused]] const auto done = transaction.commit();
    }
  }

  // --- The frame: what does not depend on services -----------------------------------------------

  void add_frame(Transaction& t) {
    for (const Maps* maps : {&at_services_, &at_node_ports_}) {
      for (const Set* set : {&maps->services, &maps->no_endpoint, &maps->endpoints,
                             &maps->local_endpoints, &maps->affinity})
        t.add_set(*set);
    }
    t.add_set(hairpin_);
    t.add_set(firewall_);
    for (const std::string_view chain : {kServices, kMarkChain, kRejectChain, kDropChain})
      t.add_chain(std::string(chain));

    const std::uint32_t mark = options_.masquerade_mark;
    Expressions set_mark;
    set_mark.push_back(load_mark(reg(0)));
    set_mark.push_back(bitwise(reg(0), reg(0), raw_bytes(~mark), raw_bytes(mark)));
    set_mark.push_back(store_mark(reg(0)));
    t.add_rule(std::string(kMarkChain), std::move(set_mark));

    // A reset reaches the client even where ICMP is filtered.
    Expressions reset;
    reset.push_back(load_l4_protocol(reg(0)));
    reset.push_back(compare(reg(0), Compare::Equal, std::string(1, IPPROTO_TCP)));
    reset.push_back(reject_reset());
    t.add_rule(std::string(kRejectChain), std::move(reset));
    add_simple(t, kRejectChain, reject_unreachable(family_));
    add_simple(t, kDropChain, drop());

    Expressions service;
    load_key(service, at_services_);
    service.push_back(lookup_verdict(reg(0), at_services_.services.name));
    t.add_rule(std::string(kServices), std::move(service));
    for (auto& rule : at_node_ports()) {
      load_key(rule, at_node_ports_);
      rule.push_back(lookup_verdict(reg(0), at_node_ports_.services.name));
      t.add_rule(std::string(kServices), std::move(rule));
    }
  }

  void add_hooks(Transaction& t) {
    // Of filter chains those before DNAT see the service's own address.
    t.add_base_chain("nat-prerouting", {"nat", NF_INET_PRE_ROUTING, -100});
    t.add_base_chain("nat-output", {"nat", NF_INET_LOCAL_OUT, -100});
    t.add_base_chain("nat-postrouting", {"nat", NF_INET_POST_ROUTING, 100});
    t.add_base_chain("filter-prerouting", {"filter", NF_INET_PRE_ROUTING, -110});
    t.add_base_chain("filter-input", {"filter", NF_INET_LOCAL_IN, -110});
    t.add_base_chain("filter-forward", {"filter", NF_INET_FORWARD, -110});
    t.add_base_chain("filter-output", {"filter", NF_INET_LOCAL_OUT, -110});
    for (const std::string_view chain : {"nat-prerouting", "nat-output"})
      add_simple(t, chain, jump(std::string(kServices)));
    add_postrouting(t);
    for (const std::string_view chain : {"filter-prerouting", "filter-output"}) {
      Expressions rule = of_new_connection({});
      load_key(rule, at_services_);
      rule.push_back(lookup_verdict(reg(0), firewall_.name));
      t.add_rule(std::string(chain), std::move(rule));
    }
    for (const std::string_view chain : {"filter-input", "filter-forward", "filter-output"})
      t.add_rule(std::string(chain), refuse(of_new_connection({}), at_services_));
    for (auto& rule : at_node_ports())
      t.add_rule("filter-input", refuse(of_new_connection(std::move(rule)), at_node_ports_));
  }

  void add_postrouting(Transaction& t) {
    const std::string chain = "nat-postrouting";
    const std::uint32_t mark = options_.masquerade_mark;
    Expressions marked;
    marked.push_back(load_mark(reg(0)));
    marked.push_back(bitwise(reg(0), reg(1), raw_bytes(mark), raw_bytes(std::uint32_t{0})));
    marked.push_back(compare(reg(1), Compare::NotEqual, std::uint32_t{0}));
    // Taken off, so that an encapsulated packet is not masqueraded a second time.
    marked.push_back(bitwise(reg(0), reg(0), raw_bytes(~mark), raw_bytes(std::uint32_t{0})));
    marked.push_back(store_mark(reg(0)));
    marked.push_back(masquerade());
    t.add_rule(chain, std::move(marked));

    // A pod whose service chose that pod itself must see an answer from elsewhere.
    Expressions own;
    own.push_back(load_ct_status(reg(0)));
    const std::uint32_t translated = IPS_DST_NAT;
    own.push_back(bitwise(reg(0), reg(0), raw_bytes(translated), raw_bytes(std::uint32_t{0})));
    own.push_back(compare(reg(0), Compare::NotEqual, std::uint32_t{0}));
    own.push_back(load_source(0));
    own.push_back(load_payload_network(reg(words_), destination_offset_, address_size_));
    own.push_back(lookup_set(reg(0), hairpin_.name));
    own.push_back(masquerade());
    t.add_rule(chain, std::move(own));
  }

  // --- Pieces of rules --------------------------------------------------------------------------

  Expression load_source(unsigned to) const {
    return load_payload_network(reg(to), source_offset_, address_size_);
  }
  // What a packet is for, in the first registers.
  void load_key(Expressions& rule, const Maps& maps) const {
    unsigned next = 0;
    if (&maps == &at_services_) {
      rule.push_back(load_payload_network(reg(0), destination_offset_, address_size_));
      next = words_;
    }
    rule.push_back(load_l4_protocol(reg(next)));
    rule.push_back(load_destination_port(reg(next + 1)));
  }

  // Beginnings of rules for packets to addresses that node ports are open at.
  std::vector<Expressions> at_node_ports() const {
    // Not on loopback: its answers could not be routed back. As upstream's nftables mode.
    const auto loopback = *api::IpPrefix::parse(six_ ? "::1/128" : "127.0.0.0/8");
    const std::vector everywhere = {*api::IpPrefix::parse(six_ ? "::/0" : "0.0.0.0/0")};
    std::vector<Expressions> rules;
    for (const auto& network : node_port_networks_.empty() ? everywhere : node_port_networks_) {
      Expressions rule;
      if (network.length() > 0) match_network(rule, Side::Destination, network);
      match_network(rule, Side::Destination, loopback, Compare::NotEqual);
      rule.push_back(load_destination_type(reg(0)));
      rule.push_back(compare(reg(0), Compare::Equal, std::uint32_t{RTN_LOCAL}));
      rules.push_back(std::move(rule));
    }
    return rules;
  }

  static Expressions of_new_connection(Expressions rule) {
    const std::uint32_t fresh = 1U << (IP_CT_NEW + 1);
    rule.push_back(load_ct_state(reg(0)));
    rule.push_back(bitwise(reg(0), reg(0), raw_bytes(fresh), raw_bytes(std::uint32_t{0})));
    rule.push_back(compare(reg(0), Compare::NotEqual, std::uint32_t{0}));
    return rule;
  }

  Expressions refuse(Expressions rule, const Maps& maps) const {
    load_key(rule, maps);
    rule.push_back(lookup_set(reg(0), maps.no_endpoint.name));
    rule.push_back(go_to(std::string(kRejectChain)));
    return rule;
  }

  static void add_simple(Transaction& t, std::string_view chain, Expression expression) {
    Expressions rule;
    rule.push_back(std::move(expression));
    t.add_rule(std::string(chain), std::move(rule));
  }

  // --- Ways and pickers: made when the first service needs them, removed with the last one
  // --------

  void use(Transaction& t, const Picker& picker) {
    if (pickers_[picker]++ == 0) add_picker(t, picker);
  }
  void use(Transaction& t, const Way& way) {
    if (ways_[way]++ > 0 || idle_ways_.erase(way)) return;
    if (way.all) use(t, *way.all);
    if (way.local) use(t, *way.local);
    add_way(t, way);
  }
  // They stay until the changes are written, since somebody else may need them then.
  void release(const Way& way) {
    if (--ways_[way] == 0) idle_ways_.insert(way);
  }
  void remove_idle(Transaction& t) {
    for (const auto& way : std::exchange(idle_ways_, {})) {
      ways_.erase(way);
      remove_chain(t, way.chain());
      for (const auto& picker : {way.all, way.local}) {
        if (!picker || --pickers_[*picker] > 0) continue;
        pickers_.erase(*picker);
        remove_chain(t, picker->chain());
      }
    }
    for (const auto& chain : std::exchange(idle_gates_, {})) remove_chain(t, chain);
  }

  void add_way(Transaction& t, const Way& way) {
    const std::string chain = way.chain();
    t.add_chain(chain);
    const auto go_on = [&](Expressions rule, const std::optional<Picker>& picker) {
      rule.push_back(go_to(picker ? picker->chain() : std::string(kDropChain)));
      t.add_rule(chain, std::move(rule));
    };
    const auto mark = [&](Expressions rule) {
      rule.push_back(jump(std::string(kMarkChain)));
      t.add_rule(chain, std::move(rule));
    };
    const auto from = [&](Compare inside) {
      Expressions rule;
      match_network(rule, Side::Source, *cluster_network_, inside);
      return rule;
    };
    const auto from_here = [] {
      Expressions rule;
      rule.push_back(load_source_type(reg(0)));
      rule.push_back(compare(reg(0), Compare::Equal, std::uint32_t{RTN_LOCAL}));
      return rule;
    };
    switch (way.action) {
      case Action::Internal:
      case Action::InternalLocal:
        if (options_.masquerade_all) {
          mark({});
        } else if (cluster_network_) {
          mark(from(Compare::NotEqual));
        }
        return go_on({}, way.action == Action::Internal ? way.all : way.local);
      case Action::External:
        // The answer has to come back through this node, which alone knows the translation.
        mark({});
        return go_on({}, way.all);
      case Action::ExternalLocal:
        // From inside the cluster the policy does not hold: any endpoint will do.
        if (cluster_network_) go_on(from(Compare::Equal), way.all);
        mark(from_here());
        go_on(from_here(), way.all);
        return go_on({}, way.local);
    }
  }

  void add_picker(Transaction& t, const Picker& picker) {
    const std::string chain = picker.chain();
    t.add_chain(chain);
    const Maps& maps = picker.node_port ? at_node_ports_ : at_services_;
    // Behind the key stands what it is looked up together with; the endpoint lies behind all that.
    const unsigned behind = maps.services.key.size / 4, chosen = 2 * words_ + 2;
    const auto choose = [&] {
      Expressions rule;
      load_key(rule, maps);
      rule.push_back(options_.balancing == Balancing::Random
                         ? random_number(reg(behind), picker.count)
                         : next_number(reg(behind), picker.count));
      const Set& endpoints = picker.local ? maps.local_endpoints : maps.endpoints;
      rule.push_back(lookup_map(reg(0), endpoints.name, reg(chosen)));
      return rule;
    };
    const auto translate = [&](Expressions rule) {
      rule.push_back(destination_nat(family_, reg(chosen), reg(chosen + words_)));
      t.add_rule(chain, std::move(rule));
    };
    if (picker.affinity_seconds) {
      const auto timeout = static_cast<std::uint64_t>(picker.affinity_seconds) * 1000;
      // Who was here before goes where he went.
      Expressions again;
      load_key(again, maps);
      again.push_back(load_source(behind));
      again.push_back(lookup_map(reg(0), maps.affinity.name, reg(chosen)));
      again.push_back(refresh_element(maps.affinity.name, reg(0), reg(chosen), timeout));
      translate(std::move(again));
      Expressions remember = choose();
      remember.push_back(load_source(behind));
      remember.push_back(add_element(maps.affinity.name, reg(0), reg(chosen), timeout));
      translate(std::move(remember));
    }
    translate(choose());
    // While a change takes effect a packet may meet a new number of endpoints and the old ones.
    // Lost, it comes again; passed on, it would never be translated any more.
    add_simple(t, chain, drop());
  }

  // --- Service ports ----------------------------------------------------------------------------

  struct Applied {
    Entries services, node_port;
    std::vector<Way> ways;
    std::shared_ptr<const Places> all, local;
    std::uint32_t number = 0;
    bool sticks = false;
    std::vector<std::string> gates;  // Keys of the firewall.
    std::vector<std::string> source_ranges;
    std::optional<ServicePort> udp;  // Without endpoints, for the day it changes or goes.
  };

  // Null: it goes.
  void change(Transaction& t, const ServicePortName& name, const ServicePort* now) {
    auto known = applied_.find(name);
    if (!now && known == applied_.end()) return;
    if (known == applied_.end()) known = applied_.emplace(name, Applied()).first;
    Applied& applied = known->second;
    if (!applied.number) applied.number = ++last_number_;

    const auto endpoints = now ? now->endpoints : std::vector<Endpoint>();
    const auto last = std::exchange(applied.all, arrange(applied.all, endpoints));
    applied.local = arrange(applied.local, now ? now->local_endpoints : endpoints);
    count_hairpins(last, applied.all);
    changes_ += endpoints.size() + 1;

    const auto ways = std::exchange(applied.ways, {});
    Entries services, node_port;
    if (now) plan(t, *now, applied, services, node_port);
    for (const auto& way : ways) release(way);
    service_claims_.change(name, applied.services, services);
    node_port_claims_.change(name, applied.node_port, node_port);
    if (applied.sticks && (services != applied.services || node_port != applied.node_port))
      with_stale_clients_.insert(name);
    applied.services = std::move(services);
    applied.node_port = std::move(node_port);
    change_firewall(t, name, now, applied);
    if (!now) {
      applied_.erase(known);
      return;
    }
    applied.sticks = now->affinity_seconds != 0;
    if (now->name.protocol != "UDP") return;
    applied.udp = *now;
    applied.udp->endpoints.clear();
    applied.udp->local_endpoints.clear();
    applied.udp->serving.clear();
  }

  // What stands under the port's addresses.
  void plan(Transaction& t, const ServicePort& port, Applied& applied, Entries& services,
            Entries& node_port) {
    const auto entry_of = [&](Action action, bool at_node_port) {
      Entry entry;
      if (!applied.all) return entry;
      const auto picker_of = [&](const Places& places, bool local) {
        return Picker{.node_port = at_node_port,
                      .local = local,
                      .count = static_cast<std::uint32_t>(places.size()),
                      .affinity_seconds = port.affinity_seconds,
                      .owner = options_.balancing == Balancing::RoundRobin ? applied.number : 0};
      };
      Way way{.action = action, .all = {}, .local = {}};
      if (action != Action::InternalLocal) {
        entry.all = applied.all;
        way.all = picker_of(*entry.all, false);
      }
      if ((action == Action::InternalLocal || action == Action::ExternalLocal) && applied.local) {
        entry.local = applied.local;
        way.local = picker_of(*entry.local, true);
      }
      entry.chain = way.chain();
      use(t, way);
      applied.ways.push_back(std::move(way));
      return entry;
    };
    const Action external = port.external_local ? Action::ExternalLocal : Action::External;
    // A cluster IP that is also claimed as an external one stays a cluster IP.
    services.emplace(
        service_key(port, port.cluster_ip),
        entry_of(port.internal_local ? Action::InternalLocal : Action::Internal, false));
    for (const auto* ips : {&port.external_ips, &port.balancer_ips}) {
      for (const auto& ip : *ips)
        services.emplace(service_key(port, ip), entry_of(external, false));
    }
    if (port.node_port) node_port.emplace(node_port_key(port), entry_of(external, true));
  }

  // Places for these endpoints. Those that stay keep theirs, so that a change costs what it
  // changes. Null for none; the same as before if nothing has changed.
  std::shared_ptr<const Places> arrange(const std::shared_ptr<const Places>& before,
                                        const std::vector<Endpoint>& endpoints) const {
    if (endpoints.empty()) return nullptr;
    std::set<std::string> fresh;
    for (const auto& endpoint : endpoints)
      fresh.insert(address_bytes(endpoint.ip) + port_bytes(endpoint.port));
    Places places = before ? *before : Places();
    std::vector<std::size_t> holes;
    for (std::size_t i = 0; i < places.size(); ++i) {
      if (fresh.erase(places[i]) == 0) holes.push_back(i);
    }
    if (before && fresh.empty() && holes.empty()) return before;
    auto hole = holes.begin();
    for (const auto& endpoint : fresh) {
      if (hole == holes.end()) {
        places.push_back(endpoint);
      } else {
        places[*hole++] = endpoint;
      }
    }
    // From behind, so that the last one is never a hole that is still to be filled.
    for (auto at = holes.end(); at != hole;) {
      places[*--at] = places.back();
      places.pop_back();
    }
    return std::make_shared<const Places>(std::move(places));
  }

  void count_hairpins(const std::shared_ptr<const Places>& before,
                      const std::shared_ptr<const Places>& now) {
    if (before == now) return;
    const auto count = [this](const auto& places, int difference) {
      if (!places) return;
      for (const auto& endpoint : *places)
        hairpin_changes_[endpoint.substr(0, address_size_)] += difference;
    };
    count(before, -1);
    count(now, 1);
  }

  // Sources outside the ranges are dropped at the balancer's addresses; all else stays open.
  void change_firewall(Transaction& t, const ServicePortName& name, const ServicePort* now,
                       Applied& applied) {
    std::vector<std::string> gates;
    if (now && !now->source_ranges.empty()) {
      for (const auto& ip : now->balancer_ips) gates.push_back(service_key(*now, ip));
    }
    const auto ranges = gates.empty() ? std::vector<std::string>() : now->source_ranges;
    if (gates == applied.gates && ranges == applied.source_ranges) return;
    const std::string chain = "firewall-" + chain_hash(name);
    if (gates.empty()) {
      idle_gates_.insert(chain);
    } else {
      idle_gates_.erase(chain);
      t.add_chain(chain);
      t.flush_chain(chain);
      std::vector<std::string> allowed = ranges;
      // A node that holds the balancer's address itself speaks from there.
      for (const auto& ip : now->balancer_ips) allowed.push_back(ip + (six_ ? "/128" : "/32"));
      for (const auto& range : allowed) {
        const auto network = parse_network(range);
        if (!network) continue;
        Expressions pass;
        match_network(pass, Side::Source, *network);
        pass.push_back(return_());
        t.add_rule(chain, std::move(pass));
      }
      add_simple(t, chain, drop());
    }
    Entries before, after;
    for (const auto& key : applied.gates) before[key].chain = chain;
    for (const auto& key : gates) after[key].chain = chain;
    firewall_claims_.change(name, before, after);
    applied.gates = std::move(gates);
    applied.source_ranges = ranges;
  }

  // --- Changes of elements, written together
  // ------------------------------------------------------

  struct Elements {
    std::vector<Element> services, no_endpoint, endpoints, local_endpoints;
  };
  struct MapChanges {
    Elements gone, made;
  };

  static void add_difference(const std::string& key, const std::shared_ptr<const Places>& before,
                             const std::shared_ptr<const Places>& now, std::vector<Element>& gone,
                             std::vector<Element>& made) {
    if (before == now) return;
    const std::size_t last = before ? before->size() : 0, next = now ? now->size() : 0;
    for (std::size_t i = 0; i < std::max(last, next); ++i) {
      const std::string* was = i < last ? &(*before)[i] : nullptr;
      const std::string* is = i < next ? &(*now)[i] : nullptr;
      if (was && is && *was == *is) continue;
      const std::string place = key + raw_bytes(static_cast<std::uint32_t>(i));
      if (was) gone.push_back({place, {}, {}});
      if (is) made.push_back({place, *is, {}});
    }
  }

  static MapChanges settle(Claims& claims) {
    MapChanges changes;
    claims.settle([&](const std::string& key, const Entry* before, const Entry* now) {
      static const Entry kNothing;
      const Entry &last = before ? *before : kNothing, &next = now ? *now : kNothing;
      if (!before || !now || last.chain != next.chain) {
        const auto put = [&](Elements& to, const std::string& chain) {
          (chain.empty() ? to.no_endpoint : to.services).push_back({key, {}, chain});
        };
        if (before) put(changes.gone, last.chain);
        if (now) put(changes.made, next.chain);
      }
      add_difference(key, last.all, next.all, changes.gone.endpoints, changes.made.endpoints);
      add_difference(key, last.local, next.local, changes.gone.local_endpoints,
                     changes.made.local_endpoints);
    });
    return changes;
  }

  // What goes comes first: an address may pass from one port to another.
  static void write(Transaction& t, const Maps& maps, const MapChanges& changes) {
    t.delete_elements(maps.services, changes.gone.services);
    t.delete_elements(maps.no_endpoint, changes.gone.no_endpoint);
    t.delete_elements(maps.endpoints, changes.gone.endpoints);
    t.delete_elements(maps.local_endpoints, changes.gone.local_endpoints);
    t.add_elements(maps.endpoints, changes.made.endpoints);
    t.add_elements(maps.local_endpoints, changes.made.local_endpoints);
    t.add_elements(maps.services, changes.made.services);
    t.add_elements(maps.no_endpoint, changes.made.no_endpoint);
  }

  void write_changes(Transaction& t) {
    write(t, at_services_, settle(service_claims_));
    write(t, at_node_ports_, settle(node_port_claims_));
    const MapChanges firewall = settle(firewall_claims_);
    t.delete_elements(firewall_, firewall.gone.services);
    t.add_elements(firewall_, firewall.made.services);

    std::vector<Element> gone, made;
    for (const auto& [ip, difference] : std::exchange(hairpin_changes_, {})) {
      if (!difference) continue;
      // Many services may share a pod, so they are counted.
      const auto users = hairpin_users_.try_emplace(ip, 0).first;
      if (users->second == 0) made.push_back({ip + ip, {}, {}});
      users->second += difference;
      if (users->second > 0) continue;
      gone.push_back({ip + ip, {}, {}});
      hairpin_users_.erase(users);
    }
    t.delete_elements(hairpin_, gone);
    t.add_elements(hairpin_, made);
    remove_idle(t);
    changes_ = 0;
  }

  static void remove_chain(Transaction& t, const std::string& chain) {
    t.flush_chain(chain);
    t.delete_chain(chain);
  }

  void forget_all() {
    applied_.clear();
    service_claims_.clear();
    node_port_claims_.clear();
    firewall_claims_.clear();
    pickers_.clear();
    ways_.clear();
    hairpin_users_.clear();
    changes_ = 0;
    hairpin_changes_.clear();
    idle_ways_.clear();
    idle_gates_.clear();
    with_stale_clients_.clear();
  }

  const BackendOptions options_;
  const bool six_;
  const std::uint8_t family_;
  const std::uint32_t address_size_, words_, source_offset_, destination_offset_;
  std::optional<api::IpPrefix> cluster_network_;
  std::vector<api::IpPrefix> node_port_networks_;
  SetType endpoint_type_{};
  Maps at_services_, at_node_ports_;
  Set hairpin_, firewall_;
  std::string table_ = std::string(kTablePrefix) + "-0";

  // What the table holds.
  std::map<ServicePortName, Applied> applied_;
  Claims service_claims_, node_port_claims_, firewall_claims_;
  std::map<Picker, int> pickers_;  // How many ways lead there.
  std::map<Way, int> ways_;        // How many addresses do.
  std::unordered_map<std::string, int> hairpin_users_;
  std::uint32_t last_number_ = 0;

  // What is to be written, and done after that.
  std::size_t changes_ = 0;
  std::map<std::string, int> hairpin_changes_;
  std::set<Way> idle_ways_;
  std::set<std::string> idle_gates_;
  std::set<ServicePortName> with_stale_clients_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_nftables_backend(BackendOptions options) {
  auto backend = std::make_unique<NftablesBackend>(std::move(options));
  TRY_OK(backend->prepare());
  return backend;
}

}  // namespace keelson::proxy
