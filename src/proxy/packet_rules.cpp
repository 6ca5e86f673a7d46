// SPDX-License-Identifier: Apache-2.0
#include "proxy/packet_rules.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <algorithm>

namespace keelson::proxy {
namespace {

using namespace nft;

// Clients that are remembered for affinity, of all services together; others are balanced anew.
constexpr std::uint32_t kAffinityMax = 100'000;

// nft's type numbers; a mark is a number of 32 bits.
constexpr std::uint32_t kIp4 = 7, kIp6 = 8, kProtocol = 12, kPort = 13, kMark = 19;
constexpr std::uint32_t concatenated(std::uint32_t a, std::uint32_t b) { return a << 6 | b; }

constexpr std::string_view kServices = "services", kMarkChain = "mark-for-masquerade",
                           kRejectChain = "reject-chain", kDropChain = "drop-chain";

std::uint8_t protocol_number(std::string_view name) {
  if (name == "UDP") return IPPROTO_UDP;
  if (name == "SCTP") return IPPROTO_SCTP;
  return IPPROTO_TCP;
}

std::string protocol_bytes(const ServicePort& port) {
  return {static_cast<char>(protocol_number(port.name.protocol)), 0, 0, 0};
}

Result<api::IpPrefix> parse_network(const std::string& cidr) {
  const auto network = api::IpPrefix::parse(cidr);
  if (!network) return fail(Status::bad_request("invalid CIDR address: " + cidr));
  return *network;
}

Expressions of_new_connection(Expressions rule) {
  const std::uint32_t fresh = 1U << (IP_CT_NEW + 1);
  rule.push_back(load_ct_state(reg(0)));
  rule.push_back(bitwise(reg(0), reg(0), raw_bytes(fresh), raw_bytes(std::uint32_t{0})));
  rule.push_back(compare(reg(0), Compare::NotEqual, std::uint32_t{0}));
  return rule;
}

void add_simple(Transaction& t, std::string_view chain, Expression expression) {
  Expressions rule;
  rule.push_back(std::move(expression));
  t.add_rule(std::string(chain), std::move(rule));
}

}  // namespace

std::string port_bytes(std::uint16_t port) {
  return {static_cast<char>(port >> 8), static_cast<char>(port & 0xff), 0, 0};
}

void Maps::define(const std::string& prefix, SetType key, SetType ip, SetType endpoint) {
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

PacketRules::PacketRules(BackendOptions options)
    : options_(std::move(options)),
      six_(options_.family == IpFamily::V6),
      family_(six_ ? NFPROTO_IPV6 : NFPROTO_IPV4),
      address_size_(six_ ? 16 : 4),
      words_(address_size_ / 4),
      source_offset_(six_ ? 8 : 12),
      destination_offset_(six_ ? 24 : 16) {
  const std::uint32_t ip = six_ ? kIp6 : kIp4;
  const SetType endpoint{concatenated(ip, kPort), address_size_ + 4};
  const SetType service{concatenated(concatenated(ip, kProtocol), kPort), address_size_ + 8};
  at_services_.define("", service, {ip, address_size_}, endpoint);
  at_node_ports_.define("node-port-", {concatenated(kProtocol, kPort), 8}, {ip, address_size_},
                        endpoint);
  hairpin_ = {.name = "hairpin", .key = {concatenated(ip, ip), 2 * address_size_}};
  firewall_ = {.name = "firewall", .key = service, .to_verdicts = true};
}

Result<PacketRules> PacketRules::make(BackendOptions options) {
  PacketRules rules(std::move(options));
  TRY_OK(rules.read_networks());
  return rules;
}

Result<void> PacketRules::read_networks() {
  if (!options_.cluster_cidr.empty()) {
    TRY(cluster_network_, parse_network(options_.cluster_cidr));
  }
  for (const auto& cidr : options_.node_port_addresses) {
    TRY(const auto network, parse_network(cidr));
    if (network.address().is_v6() == six_) node_port_networks_.push_back(network);
  }
  return {};
}

std::string PacketRules::address_bytes(const std::string& ip) const {
  std::string bytes(address_size_, '\0');
  // The API server has validated it; a bad one matches nothing.
  inet_pton(six_ ? AF_INET6 : AF_INET, ip.c_str(), bytes.data());
  return bytes;
}

std::string PacketRules::service_key(const ServicePort& port, const std::string& ip) const {
  return address_bytes(ip) + protocol_bytes(port) + port_bytes(port.port);
}

// Without an address: node ports are open at several.
std::string PacketRules::node_port_key(const ServicePort& port) {
  return protocol_bytes(port) + port_bytes(port.node_port);
}

bool PacketRules::takes_node_ports(const api::IpAddress& address) const {
  return node_port_networks_.empty() ||
         std::ranges::any_of(node_port_networks_,
                             [&](const auto& network) { return network.contains(address); });
}

void PacketRules::add_frame(Transaction& t) const {
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
  for (auto& rule : to_node_ports()) {
    load_key(rule, at_node_ports_);
    rule.push_back(lookup_verdict(reg(0), at_node_ports_.services.name));
    t.add_rule(std::string(kServices), std::move(rule));
  }
}

void PacketRules::add_hooks(Transaction& t) const {
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
  for (auto& rule : to_node_ports())
    t.add_rule("filter-input", refuse(of_new_connection(std::move(rule)), at_node_ports_));
}

void PacketRules::add_postrouting(Transaction& t) const {
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

Expression PacketRules::load_source(unsigned to) const {
  return load_payload_network(reg(to), source_offset_, address_size_);
}
// What a packet is for, in the first registers.
void PacketRules::load_key(Expressions& rule, const Maps& maps) const {
  unsigned next = 0;
  if (&maps == &at_services_) {
    rule.push_back(load_payload_network(reg(0), destination_offset_, address_size_));
    next = words_;
  }
  rule.push_back(load_l4_protocol(reg(next)));
  rule.push_back(load_destination_port(reg(next + 1)));
}

// Beginnings of rules for packets to addresses that node ports are open at.
std::vector<Expressions> PacketRules::to_node_ports() const {
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

Expressions PacketRules::refuse(Expressions rule, const Maps& maps) const {
  load_key(rule, maps);
  rule.push_back(lookup_set(reg(0), maps.no_endpoint.name));
  rule.push_back(go_to(std::string(kRejectChain)));
  return rule;
}

void PacketRules::add_way(Transaction& t, const Way& way) const {
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

void PacketRules::add_picker(Transaction& t, const Picker& picker) const {
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

void PacketRules::add_gate(Transaction& t, const std::string& chain,
                           const std::vector<std::string>& ranges) const {
  t.add_chain(chain);
  t.flush_chain(chain);
  for (const auto& range : ranges) {
    const auto network = parse_network(range);
    if (!network) continue;
    Expressions pass;
    match_network(pass, Side::Source, *network);
    pass.push_back(return_());
    t.add_rule(chain, std::move(pass));
  }
  add_simple(t, chain, drop());
}

}  // namespace keelson::proxy
