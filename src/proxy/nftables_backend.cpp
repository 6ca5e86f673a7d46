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

// What a value of the map "services" consists of, in registers from kValue on.
constexpr unsigned kValue = 6;
enum Field : std::uint8_t { kAction, kAllPicker, kLocalPicker, kAllPool, kLocalPool, kFields };

enum class Action : std::uint32_t {
  Internal = 1,
  InternalLocal,
  External,
  ExternalLocal,
  NodePort,
  NodePortLocal,
};

// A chain that picks one of so many endpoints of whichever service a packet is for.
struct Picker {
  bool node_port = false, local = false;
  std::uint32_t count = 0;
  int affinity_seconds = 0;
  std::uint32_t own_pool = 0;  // Round robin takes turns within one service, so each has its own.

  auto operator<=>(const Picker&) const = default;
  std::string chain() const {
    std::string name = std::string(node_port ? "node-port" : "service") +
                       (local ? "-local-" : "-") + std::to_string(count);
    if (affinity_seconds) name += "-affinity-" + std::to_string(affinity_seconds);
    if (own_pool) name += "-pool-" + std::to_string(own_pool);
    return name;
  }
};

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

// Who wants what at the keys of a map. Several may want one key: the first by name has it.
class Claims {
 public:
  using Values = std::map<std::string, std::string>;  // By key.

  // `owner` wants `now` instead of `before`.
  void change(const ServicePortName& owner, const Values& before, const Values& now) {
    for (const auto& [key, value] : before) {
      if (const auto next = now.find(key); next != now.end() && next->second == value) continue;
      touch(key);
      auto& claims = by_key_[key];
      claims.erase(owner);
      if (claims.empty()) by_key_.erase(key);
    }
    for (const auto& [key, value] : now) {
      if (const auto last = before.find(key); last != before.end() && last->second == value)
        continue;
      touch(key);
      by_key_[key][owner] = value;
    }
  }
  // What has changed since the last call: `take(key, before, now)`, nothing where there is no
  // value.
  template <class Take>
  void settle(Take take) {
    for (const auto& [key, before] : std::exchange(touched_, {})) {
      const auto now = find(key);
      if (before != now) take(key, before, now);
    }
  }
  std::size_t touched() const { return touched_.size(); }
  void clear() { *this = {}; }

 private:
  std::optional<std::string> find(const std::string& key) const {
    const auto found = by_key_.find(key);
    if (found == by_key_.end()) return std::nullopt;
    return found->second.begin()->second;
  }
  void touch(const std::string& key) {
    if (!touched_.contains(key)) touched_.emplace(key, find(key));
  }

  std::unordered_map<std::string, std::map<ServicePortName, std::string>> by_key_;
  std::map<std::string, std::optional<std::string>> touched_;
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
    const std::uint32_t endpoint = concatenated(ip, kPort);
    endpoint_type_ = {endpoint, address_size_ + 4};
    const SetType service{concatenated(concatenated(ip, kProtocol), kPort), address_size_ + 8};
    std::uint32_t numbers = kMark;
    for (int i = 1; i < kFields; ++i) numbers = concatenated(numbers, kMark);
    services_ = {.name = "services", .key = service, .data = SetType{numbers, 4 * kFields}};
    endpoints_ = {
        .name = "endpoints", .key = {concatenated(kMark, kMark), 8}, .data = endpoint_type_};
    members_ = {.name = "members", .key = {concatenated(endpoint, kMark), address_size_ + 8}};
    affinity_ = {.name = "affinity",
                 .key = {concatenated(kMark, ip), 4 + address_size_},
                 .data = endpoint_type_,
                 .dynamic = true,
                 .size_max = kAffinityMax};
    no_endpoint_ = {.name = "no-endpoint", .key = service};
    hairpin_ = {.name = "hairpin", .key = {concatenated(ip, ip), 2 * address_size_}};
    firewall_ = {.name = "firewall", .key = service, .to_verdicts = true};
    actions_ = {.name = "actions", .key = {kMark, 4}, .to_verdicts = true};
    pickers_map_ = {.name = "pickers", .key = {kMark, 4}, .to_verdicts = true};
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
      if (changes() < kChangesPerTransaction) continue;
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
  // Node ports stand under no address, since they are open at several.
  std::string node_port_key(const ServicePort& port) const {
    return std::string(address_size_, '\0') + protocol_bytes(port) + port_bytes(port.node_port);
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

  // --- The frame: what does not depend on services -----------------------------------------------

  void add_frame(Transaction& t) {
    for (const Set* set : {&services_, &endpoints_, &members_, &affinity_, &no_endpoint_, &hairpin_,
                           &firewall_, &actions_, &pickers_map_})
      t.add_set(*set);
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
    // A policy of local endpoints where there are none.
    t.add_elements(pickers_map_, {{raw_bytes(std::uint32_t{0}), {}, std::string(kDropChain)}});

    add_internal(t, Action::Internal, kAllPicker);
    add_internal(t, Action::InternalLocal, kLocalPicker);
    add_external(t, Action::External, false);
    add_external(t, Action::NodePort, true);
    add_external_local(t, Action::ExternalLocal, false);
    add_external_local(t, Action::NodePortLocal, true);

    Expressions service;
    load_value(service, false);
    service.push_back(lookup_verdict(value(kAction), actions_.name));
    t.add_rule(std::string(kServices), std::move(service));
    for (auto& rule : at_node_ports()) {
      load_value(rule, true);
      rule.push_back(lookup_verdict(value(kAction), actions_.name));
      t.add_rule(std::string(kServices), std::move(rule));
    }
  }

  void add_internal(Transaction& t, Action action, Field picker) {
    const std::string chain =
        begin_action(t, action, picker == kAllPicker ? "internal" : "internal-local");
    if (options_.masquerade_all) {
      add_simple(t, chain, jump(std::string(kMarkChain)));
    } else if (cluster_network_) {
      Expressions outside;
      match_network(outside, Side::Source, *cluster_network_, Compare::NotEqual);
      outside.push_back(jump(std::string(kMarkChain)));
      t.add_rule(chain, std::move(outside));
    }
    add_pick(t, chain, {}, false, picker);
  }

  void add_external(Transaction& t, Action action, bool node_port) {
    const std::string chain = begin_action(t, action, node_port ? "node-port" : "external");
    // The answer has to come back through this node, which alone knows the translation.
    add_simple(t, chain, jump(std::string(kMarkChain)));
    add_pick(t, chain, {}, node_port, kAllPicker);
  }

  void add_external_local(Transaction& t, Action action, bool node_port) {
    const std::string chain =
        begin_action(t, action, node_port ? "node-port-local" : "external-local");
    // From inside the cluster the policy does not hold: any endpoint will do.
    if (cluster_network_) {
      Expressions inside;
      match_network(inside, Side::Source, *cluster_network_);
      add_pick(t, chain, std::move(inside), node_port, kAllPicker);
    }
    const auto from_here = [] {
      Expressions rule;
      rule.push_back(load_source_type(reg(0)));
      rule.push_back(compare(reg(0), Compare::Equal, std::uint32_t{RTN_LOCAL}));
      return rule;
    };
    Expressions marked = from_here();
    marked.push_back(jump(std::string(kMarkChain)));
    t.add_rule(chain, std::move(marked));
    add_pick(t, chain, from_here(), node_port, kAllPicker);
    add_pick(t, chain, {}, node_port, kLocalPicker);
  }

  std::string begin_action(Transaction& t, Action action, std::string chain) {
    t.add_chain(chain);
    t.add_elements(actions_, {{raw_bytes(action), {}, chain}});
    return chain;
  }

  void add_pick(Transaction& t, const std::string& chain, Expressions rule, bool node_port,
                Field picker) {
    load_value(rule, node_port);
    rule.push_back(lookup_verdict(value(picker), pickers_map_.name));
    t.add_rule(chain, std::move(rule));
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
      load_key(rule, false);
      rule.push_back(lookup_verdict(reg(0), firewall_.name));
      t.add_rule(std::string(chain), std::move(rule));
    }
    for (const std::string_view chain : {"filter-input", "filter-forward", "filter-output"})
      t.add_rule(std::string(chain), refuse(of_new_connection({}), false));
    for (auto& rule : at_node_ports())
      t.add_rule("filter-input", refuse(of_new_connection(std::move(rule)), true));
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
    load_source(own, 0);
    own.push_back(load_payload_network(reg(words_), destination_offset_, address_size_));
    own.push_back(lookup_set(reg(0), hairpin_.name));
    own.push_back(masquerade());
    t.add_rule(chain, std::move(own));
  }

  // --- Pieces of rules --------------------------------------------------------------------------

  static Register value(Field field) { return reg(kValue + field); }

  void load_source(Expressions& rule, unsigned to) const {
    rule.push_back(load_payload_network(reg(to), source_offset_, address_size_));
  }
  // What a packet is for, in the first registers.
  void load_key(Expressions& rule, bool node_port) const {
    rule.push_back(node_port ? immediate(reg(0), std::string(address_size_, '\0'))
                             : load_payload_network(reg(0), destination_offset_, address_size_));
    rule.push_back(load_l4_protocol(reg(words_)));
    rule.push_back(load_destination_port(reg(words_ + 1)));
  }
  // Registers do not outlive a rule, so each looks the service up for itself.
  void load_value(Expressions& rule, bool node_port) const {
    load_key(rule, node_port);
    rule.push_back(lookup_map(reg(0), services_.name, reg(kValue)));
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

  Expressions refuse(Expressions rule, bool node_port) const {
    load_key(rule, node_port);
    rule.push_back(lookup_set(reg(0), no_endpoint_.name));
    rule.push_back(go_to(std::string(kRejectChain)));
    return rule;
  }

  static void add_simple(Transaction& t, std::string_view chain, Expression expression) {
    Expressions rule;
    rule.push_back(std::move(expression));
    t.add_rule(std::string(chain), std::move(rule));
  }

  // --- Pickers ----------------------------------------------------------------------------------

  // The number of the picker, which is made if there is none yet.
  std::uint32_t use_picker(Transaction& t, const Picker& picker) {
    auto& entry = pickers_[picker];
    if (!entry.code) {
      entry.code = ++last_picker_;
      add_picker(t, picker);
      t.add_elements(pickers_map_, {{raw_bytes(entry.code), {}, picker.chain()}});
    }
    ++entry.users;
    return entry.code;
  }

  void add_picker(Transaction& t, const Picker& picker) {
    const std::string chain = picker.chain();
    t.add_chain(chain);
    // The pool's number, and behind it what it is looked up together with.
    const unsigned pool = kValue + (picker.local ? kLocalPool : kAllPool);
    const auto begin = [&] {
      Expressions rule;
      load_value(rule, picker.node_port);
      return rule;
    };
    const auto choose = [&](Expressions& rule) {
      if (picker.count == 1) {
        rule.push_back(immediate(reg(pool + 1), raw_bytes(std::uint32_t{0})));
      } else {
        rule.push_back(options_.balancing == Balancing::Random
                           ? random_number(reg(pool + 1), picker.count)
                           : next_number(reg(pool + 1), picker.count));
      }
      rule.push_back(lookup_map(reg(pool), endpoints_.name, reg(0)));
    };
    const auto translate = [&](Expressions& rule) {
      rule.push_back(destination_nat(family_, reg(0), reg(words_)));
      t.add_rule(chain, std::move(rule));
    };
    if (picker.affinity_seconds) {
      const auto timeout = static_cast<std::uint64_t>(picker.affinity_seconds) * 1000;
      // Who was here before goes where he went, if that is still an endpoint.
      Expressions again = begin();
      load_source(again, pool + 1);
      again.push_back(lookup_map(reg(pool), affinity_.name, reg(0)));
      again.push_back(bitwise(reg(pool), reg(words_ + 1), raw_bytes(~std::uint32_t{0}),
                              raw_bytes(std::uint32_t{0})));
      again.push_back(lookup_set(reg(0), members_.name));
      again.push_back(refresh_element(affinity_.name, reg(pool), reg(0), timeout));
      translate(again);
      Expressions forget = begin();
      load_source(forget, pool + 1);
      forget.push_back(immediate(reg(0), std::string(endpoint_type_.size, '\0')));
      forget.push_back(delete_element(affinity_.name, reg(pool), reg(0)));
      t.add_rule(chain, std::move(forget));
      Expressions remember = begin();
      choose(remember);
      load_source(remember, pool + 1);
      remember.push_back(add_element(affinity_.name, reg(pool), reg(0), timeout));
      translate(remember);
    }
    Expressions pick = begin();
    choose(pick);
    translate(pick);
    // While a change takes effect a packet may meet a new number of endpoints and the old ones.
    // Lost, it comes again; passed on, it would never be translated any more.
    add_simple(t, chain, drop());
  }

  void release_picker(const Picker& picker) {
    if (--pickers_[picker].users == 0) idle_pickers_.insert(picker);
  }

  // --- Service ports ----------------------------------------------------------------------------

  struct Pool {
    std::uint32_t number = 0;
    std::vector<std::string> slots;  // Address and port, as the map has them.
    bool has_members = false;
  };
  struct Applied {
    Claims::Values services;  // Empty values: refused.
    Claims::Values gates;     // Of the firewall.
    std::vector<std::string> source_ranges;
    Pool all, local;
    std::vector<Picker> pickers;
    std::optional<ServicePort> udp;  // Without endpoints, for the day it changes or goes.
  };

  // Null: it goes.
  void change(Transaction& t, const ServicePortName& name, const ServicePort* now) {
    auto known = applied_.find(name);
    if (!now && known == applied_.end()) return;
    if (known == applied_.end()) known = applied_.emplace(name, Applied()).first;
    Applied& applied = known->second;

    const auto pickers = std::exchange(applied.pickers, {});
    Claims::Values services;
    if (now) services = plan_services(t, *now, applied);
    for (const auto& picker : pickers) release_picker(picker);
    if (!now || now->endpoints.empty()) {
      fill(applied.all, {}, false, true);
      fill(applied.local, {}, false, false);
    }
    change_firewall(t, name, now, applied);
    services_claims_.change(name, applied.services, services);
    applied.services = std::move(services);
    if (!now) {
      applied_.erase(known);
    } else if (now->name.protocol == "UDP") {
      applied.udp = *now;
      applied.udp->endpoints.clear();
      applied.udp->local_endpoints.clear();
      applied.udp->serving.clear();
    }
  }

  Claims::Values plan_services(Transaction& t, const ServicePort& port, Applied& applied) {
    Claims::Values out;
    const auto claim_all = [&](const auto& value_of) {
      // A cluster IP that is also claimed as an external one stays a cluster IP.
      out.emplace(service_key(port, port.cluster_ip),
                  value_of(port.internal_local ? Action::InternalLocal : Action::Internal));
      const Action external = port.external_local ? Action::ExternalLocal : Action::External;
      for (const auto& ip : port.external_ips)
        out.emplace(service_key(port, ip), value_of(external));
      for (const auto& ip : port.balancer_ips)
        out.emplace(service_key(port, ip), value_of(external));
      if (port.node_port)
        out.emplace(node_port_key(port),
                    value_of(port.external_local ? Action::NodePortLocal : Action::NodePort));
    };
    if (port.endpoints.empty()) {
      claim_all([](Action) { return std::string(); });
      return out;
    }

    const bool sticks = port.affinity_seconds != 0;
    const bool has_policy = port.internal_local || port.external_local;
    fill(applied.all, port.endpoints, sticks, true);
    fill(applied.local, has_policy ? port.local_endpoints : std::vector<Endpoint>(), sticks, false);
    const auto picker_of = [&](const Pool& pool, bool node_port) {
      if (pool.slots.empty()) return std::uint32_t{0};
      const Picker picker{
          .node_port = node_port,
          .local = &pool == &applied.local,
          .count = static_cast<std::uint32_t>(pool.slots.size()),
          .affinity_seconds = port.affinity_seconds,
          .own_pool = options_.balancing == Balancing::RoundRobin ? pool.number : 0};
      applied.pickers.push_back(picker);
      return use_picker(t, picker);
    };
    const auto pickers_for = [&](bool node_port) {
      return std::pair(picker_of(applied.all, node_port), picker_of(applied.local, node_port));
    };
    const auto at_services = pickers_for(false);
    const auto at_node_port =
        port.node_port ? pickers_for(true) : std::pair<std::uint32_t, std::uint32_t>();
    claim_all([&](Action action) {
      const bool node_port = action == Action::NodePort || action == Action::NodePortLocal;
      const auto& [all, local] = node_port ? at_node_port : at_services;
      std::uint32_t fields[kFields] = {};
      fields[kAction] = static_cast<std::uint32_t>(action);
      fields[kAllPicker] = all;
      fields[kLocalPicker] = local;
      fields[kAllPool] = applied.all.number;
      fields[kLocalPool] = applied.local.number;
      return raw_bytes(fields);
    });
    return out;
  }

  // Makes the pool hold these endpoints. Those that stay keep their places, so that a change costs
  // what it changes.
  void fill(Pool& pool, const std::vector<Endpoint>& endpoints, bool with_members, bool is_all) {
    std::set<std::string> fresh;
    for (const auto& endpoint : endpoints)
      fresh.insert(address_bytes(endpoint.ip) + port_bytes(endpoint.port));
    std::vector<std::size_t> holes;
    for (std::size_t i = 0; i < pool.slots.size(); ++i) {
      if (fresh.erase(pool.slots[i]) == 0) holes.push_back(i);
    }
    if (!pool.number && !fresh.empty()) pool.number = ++last_pool_;
    const auto before = pool.slots;
    auto hole = holes.begin();
    for (const auto& endpoint : fresh) {
      if (hole == holes.end()) {
        pool.slots.push_back(endpoint);
      } else {
        pool.slots[*hole++] = endpoint;
      }
    }
    // From behind, so that the last one is never a hole that is still to be filled.
    for (auto at = holes.end(); at != hole;) {
      pool.slots[*--at] = pool.slots.back();
      pool.slots.pop_back();
    }

    const std::string number = raw_bytes(pool.number);
    for (std::size_t i = 0; i < std::max(before.size(), pool.slots.size()); ++i) {
      const std::string* was = i < before.size() ? &before[i] : nullptr;
      const std::string* is = i < pool.slots.size() ? &pool.slots[i] : nullptr;
      if (was && is && *was == *is) continue;
      const std::string key = number + raw_bytes(static_cast<std::uint32_t>(i));
      if (was) gone_.endpoints.push_back({key, {}, {}});
      if (is) made_.endpoints.push_back({key, *is, {}});
      if (was && is_all) --hairpin_changes_[was->substr(0, address_size_)];
      if (is && is_all) ++hairpin_changes_[is->substr(0, address_size_)];
    }
    // Which places they have is nothing to members.
    const std::set<std::string> last(before.begin(), before.end()),
        next(pool.slots.begin(), pool.slots.end());
    if (pool.has_members) {
      for (const auto& endpoint : last) {
        if (!with_members || !next.contains(endpoint))
          gone_.members.push_back({endpoint + number, {}, {}});
      }
    }
    if (with_members) {
      for (const auto& endpoint : next) {
        if (!pool.has_members || !last.contains(endpoint))
          made_.members.push_back({endpoint + number, {}, {}});
      }
    }
    pool.has_members = with_members;
  }

  // Sources outside the ranges are dropped at the balancer's addresses; all else stays open.
  void change_firewall(Transaction& t, const ServicePortName& name, const ServicePort* now,
                       Applied& applied) {
    Claims::Values gates;
    if (now && !now->source_ranges.empty()) {
      for (const auto& ip : now->balancer_ips)
        gates[service_key(*now, ip)] = "firewall-" + chain_hash(name);
    }
    const auto ranges = gates.empty() ? std::vector<std::string>() : now->source_ranges;
    if (gates == applied.gates && ranges == applied.source_ranges) return;
    if (!gates.empty()) {
      const std::string chain = gates.begin()->second;
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
      idle_gates_.erase(chain);
    } else {
      idle_gates_.insert(applied.gates.begin()->second);
    }
    firewall_claims_.change(name, applied.gates, gates);
    applied.gates = std::move(gates);
    applied.source_ranges = ranges;
  }

  // --- Changes of elements, written together
  // ------------------------------------------------------

  struct Elements {
    std::vector<Element> services, no_endpoint, endpoints, members, hairpin, firewall;
  };

  std::size_t changes() const {
    return gone_.endpoints.size() + made_.endpoints.size() + services_claims_.touched();
  }

  // What goes comes first: an address may pass from one port to another.
  void write_changes(Transaction& t) {
    services_claims_.settle([this](const std::string& key, const auto& before, const auto& now) {
      const auto put = [&](Elements& to, const std::string& data) {
        (data.empty() ? to.no_endpoint : to.services).push_back({key, data, {}});
      };
      if (before) put(gone_, *before);
      if (now) put(made_, *now);
    });
    firewall_claims_.settle([this](const std::string& key, const auto& before, const auto& now) {
      if (before) gone_.firewall.push_back({key, {}, {}});
      if (now) made_.firewall.push_back({key, {}, *now});
    });
    for (const auto& [ip, difference] : std::exchange(hairpin_changes_, {})) {
      if (!difference) continue;
      // Many services may share a pod, so they are counted.
      const auto users = hairpin_users_.try_emplace(ip, 0).first;
      const bool had = users->second > 0;
      users->second += difference;
      if (!had) made_.hairpin.push_back({ip + ip, {}, {}});
      if (users->second > 0) continue;
      gone_.hairpin.push_back({ip + ip, {}, {}});
      hairpin_users_.erase(users);
    }
    const auto each = [&](const Elements& elements, auto write) {
      write(services_, elements.services);
      write(no_endpoint_, elements.no_endpoint);
      write(endpoints_, elements.endpoints);
      write(members_, elements.members);
      write(hairpin_, elements.hairpin);
      write(firewall_, elements.firewall);
    };
    each(gone_, [&](const Set& set, const auto& elements) { t.delete_elements(set, elements); });
    each(made_, [&](const Set& set, const auto& elements) { t.add_elements(set, elements); });
    gone_ = {};
    made_ = {};

    for (const auto& picker : std::exchange(idle_pickers_, {})) {
      const auto found = pickers_.find(picker);
      if (found->second.users) continue;
      t.delete_elements(pickers_map_, {{raw_bytes(found->second.code), {}, {}}});
      pickers_.erase(found);
      remove_chain(t, picker.chain());
    }
    for (const auto& chain : std::exchange(idle_gates_, {})) remove_chain(t, chain);
  }

  static void remove_chain(Transaction& t, const std::string& chain) {
    t.flush_chain(chain);
    t.delete_chain(chain);
  }

  void forget_all() {
    applied_.clear();
    services_claims_.clear();
    firewall_claims_.clear();
    pickers_.clear();
    idle_pickers_.clear();
    idle_gates_.clear();
    hairpin_users_.clear();
    hairpin_changes_.clear();
    gone_ = {};
    made_ = {};
  }

  const BackendOptions options_;
  const bool six_;
  const std::uint8_t family_;
  const std::uint32_t address_size_, words_, source_offset_, destination_offset_;
  std::optional<api::IpPrefix> cluster_network_;
  std::vector<api::IpPrefix> node_port_networks_;
  SetType endpoint_type_{};
  Set services_, endpoints_, members_, affinity_, no_endpoint_, hairpin_, firewall_, actions_,
      pickers_map_;
  std::string table_ = std::string(kTablePrefix) + "-0";

  // What the table holds.
  struct PickerUse {
    std::uint32_t code = 0;
    int users = 0;
  };
  std::map<ServicePortName, Applied> applied_;
  Claims services_claims_, firewall_claims_;
  std::map<Picker, PickerUse> pickers_;
  std::unordered_map<std::string, int> hairpin_users_;
  std::uint32_t last_picker_ = 0, last_pool_ = 0;

  // What is to be written.
  Elements gone_, made_;
  std::map<std::string, int> hairpin_changes_;
  std::set<Picker> idle_pickers_;
  std::set<std::string> idle_gates_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_nftables_backend(BackendOptions options) {
  auto backend = std::make_unique<NftablesBackend>(std::move(options));
  TRY_OK(backend->prepare());
  return backend;
}

}  // namespace keelson::proxy
