// SPDX-License-Identifier: Apache-2.0
#include "proxy/nftables_backend.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>

#include <cstring>
#include <map>
#include <set>

#include "base/log.h"
#include "nftables/transaction.h"

namespace keelson::proxy {
namespace {

using namespace nft;

// Two names in turn: the new table is complete before the old one goes.
constexpr std::string_view kTablePrefix = "keelson-proxy";
// Bounds one transaction of a full replacement.
constexpr std::size_t kTransactionBytes = 1 << 20;

// nft's type numbers.
constexpr std::uint32_t kInteger = 4, kIp4 = 7, kIp6 = 8, kProtocol = 12, kPort = 13;
constexpr std::uint32_t concatenated(std::uint32_t a, std::uint32_t b) { return a << 6 | b; }

constexpr std::string_view kServices = "services", kMarkChain = "mark-for-masquerade",
                           kRejectChain = "reject-chain", kDropChain = "drop-chain";

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

struct Network {
  std::string address, mask;  // Address already masked.
};

std::string chain_hash(const ServicePortName& name) {
  std::uint64_t hash = 14695981039346656037ULL;  // FNV-1a
  for (const char c : name.text())
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211ULL;
  static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuv";
  std::string text;
  for (int i = 0; i < 12; ++i, hash >>= 5) text += kDigits[hash & 31];
  // The name helps whoever reads the rules; chain names have at most 255 bytes.
  std::string readable = name.namespace_ + "/" + name.name + "/" + name.port;
  return text + "-" + readable.substr(0, 200);
}

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
    address_type_ = {ip, address_size_};
    endpoint_type_ = {concatenated(ip, kPort), address_size_ + 4};
    const SetType service{concatenated(concatenated(ip, kProtocol), kPort), address_size_ + 8};
    const SetType port{concatenated(kProtocol, kPort), 8};
    service_ips_ = {.name = "service-ips", .key = service, .to_verdicts = true};
    external_ips_ = {.name = "external-ips", .key = service, .to_verdicts = true};
    node_ports_ = {.name = "node-ports", .key = port, .to_verdicts = true};
    no_endpoint_services_ = {.name = "no-endpoint-services", .key = service, .to_verdicts = true};
    no_endpoint_ports_ = {.name = "no-endpoint-ports", .key = port, .to_verdicts = true};
    hairpin_ = {.name = "hairpin", .key = {concatenated(ip, ip), 2 * address_size_}};
  }

  Result<void> replace(const std::vector<ServicePort>& ports) override {
    TRY(const auto old_tables, list_tables(family_, kTablePrefix));
    table_ = std::string(kTablePrefix) + "-0";
    if (std::ranges::find(old_tables, table_) != old_tables.end())
      table_ = std::string(kTablePrefix) + "-1";
    applied_.clear();
    hairpin_users_.clear();

    Transaction transaction(family_, table_);
    // Adding first makes the deletion succeed whether or not a broken attempt left the table.
    transaction.add_table();
    transaction.delete_table();
    transaction.add_table();
    add_frame(transaction);
    for (const auto& port : ports) {
      add_port(transaction, port);
      if (transaction.size_bytes() > kTransactionBytes) TRY_OK(transaction.commit());
    }
    // Only now do packets come this way, and no longer the old one.
    add_hooks(transaction);
    for (const auto& old : old_tables) {
      if (old != table_) transaction.delete_table(old);
    }
    return transaction.commit();
  }

  Result<void> apply(const Changes& changes) override {
    Transaction transaction(family_, table_);
    for (const auto& name : changes.removed) {
      remove_port(transaction, name);
      if (transaction.size_bytes() > kTransactionBytes) TRY_OK(transaction.commit());
    }
    for (const auto& port : changes.set) {
      const auto known = applied_.find(port.name);
      if (known != applied_.end() && same_addresses(known->second, port)) {
        update_endpoints(transaction, known->second, port);
      } else {
        remove_port(transaction, port.name);
        add_port(transaction, port);
      }
      if (transaction.size_bytes() > kTransactionBytes) TRY_OK(transaction.commit());
    }
    return transaction.commit();
  }

  Result<void> clean_up() override {
    TRY(const auto tables, list_tables(family_, kTablePrefix));
    Transaction transaction(family_, table_);
    for (const auto& table : tables) transaction.delete_table(table);
    applied_.clear();
    hairpin_users_.clear();
    return transaction.commit();
  }

  Result<void> prepare() {
    if (options_.cluster_cidr.empty()) return {};
    TRY(cluster_network_, parse_network(options_.cluster_cidr));
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

  Result<Network> parse_network(const std::string& cidr) const {
    const auto slash = cidr.find('/');
    std::string address(address_size_, '\0'), mask(address_size_, '\0');
    const int bits = slash == std::string::npos ? -1 : std::atoi(cidr.c_str() + slash + 1);
    if (bits < 0 || bits > static_cast<int>(address_size_) * 8 ||
        inet_pton(six_ ? AF_INET6 : AF_INET, cidr.substr(0, slash).c_str(), address.data()) != 1)
      return fail(Status::bad_request("invalid CIDR address: " + cidr));
    for (int bit = 0; bit < bits; ++bit)
      mask[static_cast<std::size_t>(bit / 8)] |= static_cast<char>(0x80 >> bit % 8);
    for (std::size_t i = 0; i < address_size_; ++i) address[i] &= mask[i];
    return Network{address, mask};
  }

  static std::string port_key(const ServicePort& port, std::uint16_t number) {
    return std::string{static_cast<char>(protocol_number(port.name.protocol)), 0, 0, 0} +
           port_bytes(number);
  }
  std::string service_key(const ServicePort& port, const std::string& ip) const {
    return address_bytes(ip) + port_key(port, port.port);
  }

  // --- Rules ------------------------------------------------------------------------------------

  // The chains, maps and sets that all services share.
  void add_frame(Transaction& t) {
    for (const Set* set : {&service_ips_, &external_ips_, &node_ports_, &no_endpoint_services_,
                           &no_endpoint_ports_, &hairpin_})
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
    Expressions refuse;
    refuse.push_back(reject_unreachable(family_));
    t.add_rule(std::string(kRejectChain), std::move(refuse));
    Expressions lose;
    lose.push_back(drop());
    t.add_rule(std::string(kDropChain), std::move(lose));

    t.add_rule(std::string(kServices), by_service(service_ips_));
    t.add_rule(std::string(kServices), by_service(external_ips_));
    t.add_rule(std::string(kServices), by_node_port(node_ports_));
  }

  void add_hooks(Transaction& t) {
    // Of filter chains those before DNAT see the service's own address.
    t.add_base_chain("nat-prerouting", {"nat", NF_INET_PRE_ROUTING, -100});
    t.add_base_chain("nat-output", {"nat", NF_INET_LOCAL_OUT, -100});
    t.add_base_chain("nat-postrouting", {"nat", NF_INET_POST_ROUTING, 100});
    t.add_base_chain("filter-input", {"filter", NF_INET_LOCAL_IN, -110});
    t.add_base_chain("filter-forward", {"filter", NF_INET_FORWARD, -110});
    t.add_base_chain("filter-output", {"filter", NF_INET_LOCAL_OUT, -110});
    for (const std::string_view chain : {"nat-prerouting", "nat-output"}) {
      Expressions rule;
      rule.push_back(jump(std::string(kServices)));
      t.add_rule(std::string(chain), std::move(rule));
    }
    add_postrouting(t);
    for (const std::string_view chain : {"filter-input", "filter-forward", "filter-output"})
      t.add_rule(std::string(chain), with_new_connection(by_service(no_endpoint_services_)));
    t.add_rule("filter-input", with_new_connection(by_node_port(no_endpoint_ports_)));
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
    own.push_back(load_payload_network(reg(0), source_offset_, address_size_));
    own.push_back(load_payload_network(reg(words_), destination_offset_, address_size_));
    own.push_back(lookup_set(reg(0), hairpin_.name));
    own.push_back(masquerade());
    t.add_rule(chain, std::move(own));
  }

  static Expressions with_new_connection(Expressions rest) {
    Expressions rule;
    const std::uint32_t fresh = 1U << (IP_CT_NEW + 1);
    rule.push_back(load_ct_state(reg(0)));
    rule.push_back(bitwise(reg(0), reg(0), raw_bytes(fresh), raw_bytes(std::uint32_t{0})));
    rule.push_back(compare(reg(0), Compare::NotEqual, std::uint32_t{0}));
    for (auto& expression : rest) rule.push_back(std::move(expression));
    return rule;
  }

  Expressions by_service(const Set& map) const {
    Expressions rule;
    rule.push_back(load_payload_network(reg(0), destination_offset_, address_size_));
    rule.push_back(load_l4_protocol(reg(words_)));
    rule.push_back(load_destination_port(reg(words_ + 1)));
    rule.push_back(lookup_verdict(reg(0), map.name));
    return rule;
  }

  Expressions by_node_port(const Set& map) const {
    Expressions rule;
    // Not on loopback: its answers could not be routed back. As upstream's nftables mode.
    rule.push_back(load_payload_network(reg(0), destination_offset_, address_size_));
    if (six_) {
      rule.push_back(compare(reg(0), Compare::NotEqual, std::string(15, '\0') + '\1'));
    } else {
      rule.push_back(bitwise(reg(0), reg(0), std::string("\xff\0\0\0", 4), std::string(4, '\0')));
      rule.push_back(compare(reg(0), Compare::NotEqual, std::string("\x7f\0\0\0", 4)));
    }
    rule.push_back(load_destination_type(reg(0)));
    rule.push_back(compare(reg(0), Compare::Equal, std::uint32_t{RTN_LOCAL}));
    rule.push_back(load_l4_protocol(reg(0)));
    rule.push_back(load_destination_port(reg(1)));
    rule.push_back(lookup_verdict(reg(0), map.name));
    return rule;
  }

  void from_cluster(Expressions& rule, Compare inside) const {
    rule.push_back(load_payload_network(reg(0), source_offset_, address_size_));
    rule.push_back(bitwise(reg(0), reg(0), cluster_network_.mask,
                           std::string(address_size_, '\0')));
    rule.push_back(compare(reg(0), inside, cluster_network_.address));
  }

  static void add_simple(Transaction& t, const std::string& chain, Expression expression) {
    Expressions rule;
    rule.push_back(std::move(expression));
    t.add_rule(chain, std::move(rule));
  }

  // --- One service port -------------------------------------------------------------------------

  struct Chains {
    std::string internal, external, all, local, affinity_all, affinity_local;
  };
  static Chains chains_of(const ServicePort& port) {
    const std::string hash = chain_hash(port.name);
    return {"int-" + hash, "ext-" + hash, "all-" + hash, "loc-" + hash, "aff-all-" + hash,
            "aff-loc-" + hash};
  }

  static bool reachable_from_outside(const ServicePort& port) {
    return port.node_port || !port.external_ips.empty();
  }
  static bool needs_local(const ServicePort& port) {
    return port.internal_local || (port.external_local && reachable_from_outside(port));
  }

  // Whether only endpoints differ, so that nothing outside the endpoint chains has to change.
  static bool same_addresses(const ServicePort& a, const ServicePort& b) {
    return a.port == b.port && a.cluster_ip == b.cluster_ip && a.external_ips == b.external_ips &&
           a.node_port == b.node_port && a.affinity_seconds == b.affinity_seconds &&
           a.internal_local == b.internal_local && a.external_local == b.external_local &&
           a.source_ranges == b.source_ranges && a.endpoints.empty() == b.endpoints.empty() &&
           a.local_endpoints.empty() == b.local_endpoints.empty();
  }

  void add_port(Transaction& t, const ServicePort& port) {
    const Chains chains = chains_of(port);
    applied_[port.name] = port;
    if (port.endpoints.empty()) {
      t.add_elements(no_endpoint_services_, service_elements(port, std::string(kRejectChain)));
      if (port.node_port)
        t.add_elements(no_endpoint_ports_,
                       {{port_key(port, port.node_port), {}, std::string(kRejectChain)}});
      return;
    }
    add_pickers(t, port, chains);
    t.add_chain(chains.internal);
    const bool internal_lost = port.internal_local && port.local_endpoints.empty();
    if (internal_lost) {
      add_simple(t, chains.internal, go_to(std::string(kDropChain)));
    } else {
      if (options_.masquerade_all) {
        add_simple(t, chains.internal, jump(std::string(kMarkChain)));
      } else if (!cluster_network_.mask.empty()) {
        Expressions outside;
        from_cluster(outside, Compare::NotEqual);
        outside.push_back(jump(std::string(kMarkChain)));
        t.add_rule(chains.internal, std::move(outside));
      }
      add_simple(t, chains.internal, go_to(port.internal_local ? chains.local : chains.all));
    }
    t.add_elements(service_ips_, {{service_key(port, port.cluster_ip), {}, chains.internal}});
    if (reachable_from_outside(port)) add_external(t, port, chains);
    share_hairpin(t, {}, port.endpoints);
  }

  void add_external(Transaction& t, const ServicePort& port, const Chains& chains) {
    t.add_chain(chains.external);
    if (!port.source_ranges.empty()) add_firewall(t, port, chains);
    if (!port.external_local) {
      // The answer has to come back through this node, which alone knows the translation.
      add_simple(t, chains.external, jump(std::string(kMarkChain)));
      add_simple(t, chains.external, go_to(chains.all));
    } else {
      // From inside the cluster the policy does not hold: any endpoint will do.
      if (!cluster_network_.mask.empty()) {
        Expressions inside;
        from_cluster(inside, Compare::Equal);
        inside.push_back(go_to(chains.all));
        t.add_rule(chains.external, std::move(inside));
      }
      for (const bool mark : {true, false}) {
        Expressions own;
        own.push_back(load_source_type(reg(0)));
        own.push_back(compare(reg(0), Compare::Equal, std::uint32_t{RTN_LOCAL}));
        own.push_back(mark ? jump(std::string(kMarkChain)) : go_to(chains.all));
        t.add_rule(chains.external, std::move(own));
      }
      add_simple(t, chains.external,
                 go_to(port.local_endpoints.empty() ? std::string(kDropChain) : chains.local));
    }
    std::vector<Element> elements;
    for (const auto& ip : port.external_ips)
      elements.push_back({service_key(port, ip), {}, chains.external});
    t.add_elements(external_ips_, elements);
    if (port.node_port)
      t.add_elements(node_ports_, {{port_key(port, port.node_port), {}, chains.external}});
  }

  // Sources outside the ranges are dropped at the balancer's addresses; node ports stay open.
  void add_firewall(Transaction& t, const ServicePort& port, const Chains& chains) {
    for (const auto& ip : port.external_ips) {
      const std::string gate = "fw-" + chain_hash(port.name) + "-" + ip;
      t.add_chain(gate);
      for (const auto& range : port.source_ranges) {
        const auto network = parse_network(range);
        if (!network) continue;
        Expressions allowed;
        allowed.push_back(load_payload_network(reg(0), source_offset_, address_size_));
        allowed.push_back(
            bitwise(reg(0), reg(0), network->mask, std::string(address_size_, '\0')));
        allowed.push_back(compare(reg(0), Compare::Equal, network->address));
        allowed.push_back(return_());
        t.add_rule(gate, std::move(allowed));
      }
      add_simple(t, gate, go_to(std::string(kDropChain)));
      Expressions enter;
      enter.push_back(load_payload_network(reg(0), destination_offset_, address_size_));
      enter.push_back(compare(reg(0), Compare::Equal, address_bytes(ip)));
      enter.push_back(jump(gate));
      t.add_rule(chains.external, std::move(enter));
    }
  }

  void add_pickers(Transaction& t, const ServicePort& port, const Chains& chains) {
    t.add_chain(chains.all);
    if (port.affinity_seconds) t.add_set(affinity_map(chains.affinity_all));
    fill_picker(t, port, port.endpoints, chains.all, chains.affinity_all);
    if (!needs_local(port) || port.local_endpoints.empty()) return;
    t.add_chain(chains.local);
    if (port.affinity_seconds) t.add_set(affinity_map(chains.affinity_local));
    fill_picker(t, port, port.local_endpoints, chains.local, chains.affinity_local);
  }

  Set affinity_map(const std::string& name) const {
    return {.name = name, .key = address_type_, .data = endpoint_type_, .dynamic = true};
  }

  // The rules that choose one of `endpoints` and translate to it.
  void fill_picker(Transaction& t, const ServicePort& port, const std::vector<Endpoint>& endpoints,
                   const std::string& chain, const std::string& affinity) {
    const Register chosen = reg(4), source = reg(0);
    const auto translate = [&](Expressions& rule) {
      rule.push_back(destination_nat(family_, chosen, reg(4 + words_)));
    };
    std::vector<Element> numbered, known;
    for (std::uint32_t i = 0; i < endpoints.size(); ++i) {
      const std::string where = address_bytes(endpoints[i].ip) + port_bytes(endpoints[i].port);
      numbered.push_back({raw_bytes(i), where, {}});
      known.push_back({where, {}, {}});
    }
    const std::uint64_t timeout = static_cast<std::uint64_t>(port.affinity_seconds) * 1000;
    if (timeout) {
      // Who was here before goes where he went, if that is still an endpoint.
      Expressions again;
      again.push_back(load_payload_network(source, source_offset_, address_size_));
      again.push_back(lookup_map(source, affinity, chosen));
      const auto set = t.add_anonymous(endpoint_type_, std::nullopt, known);
      again.push_back(lookup_set(chosen, "__set%d", false, set));
      again.push_back(refresh_element(affinity, source, chosen, timeout));
      translate(again);
      t.add_rule(chain, std::move(again));
      Expressions forget;
      forget.push_back(load_payload_network(source, source_offset_, address_size_));
      forget.push_back(immediate(chosen, std::string(endpoint_type_.size, '\0')));
      forget.push_back(delete_element(affinity, source, chosen));
      t.add_rule(chain, std::move(forget));
    }
    Expressions pick;
    if (endpoints.size() == 1) {
      pick.push_back(immediate(chosen, known.front().key.substr(0, address_size_)));
      pick.push_back(immediate(reg(4 + words_), known.front().key.substr(address_size_)));
    } else {
      const auto count = static_cast<std::uint32_t>(endpoints.size());
      pick.push_back(options_.balancing == Balancing::Random ? random_number(source, count)
                                                              : next_number(source, count));
      const auto map = t.add_anonymous({kInteger, 4}, endpoint_type_, numbered);
      pick.push_back(lookup_map(source, "__map%d", chosen, map));
    }
    if (timeout) {
      pick.push_back(load_payload_network(source, source_offset_, address_size_));
      pick.push_back(add_element(affinity, source, chosen, timeout));
    }
    translate(pick);
    t.add_rule(chain, std::move(pick));
  }

  void update_endpoints(Transaction& t, const ServicePort& before, const ServicePort& now) {
    const Chains chains = chains_of(now);
    if (before.endpoints != now.endpoints) {
      t.flush_chain(chains.all);
      fill_picker(t, now, now.endpoints, chains.all, chains.affinity_all);
    }
    if (needs_local(now) && !now.local_endpoints.empty() &&
        before.local_endpoints != now.local_endpoints) {
      t.flush_chain(chains.local);
      fill_picker(t, now, now.local_endpoints, chains.local, chains.affinity_local);
    }
    share_hairpin(t, before.endpoints, now.endpoints);
    applied_[now.name] = now;
  }

  void remove_port(Transaction& t, const ServicePortName& name) {
    const auto known = applied_.find(name);
    if (known == applied_.end()) return;
    const ServicePort port = std::move(known->second);
    applied_.erase(known);
    if (port.endpoints.empty()) {
      t.delete_elements(no_endpoint_services_, service_elements(port, {}));
      if (port.node_port)
        t.delete_elements(no_endpoint_ports_, {{port_key(port, port.node_port), {}, {}}});
      return;
    }
    const Chains chains = chains_of(port);
    // Whoever refers to a chain goes before it.
    t.delete_elements(service_ips_, {{service_key(port, port.cluster_ip), {}, {}}});
    std::vector<std::string> gone = {chains.internal};
    if (reachable_from_outside(port)) {
      std::vector<Element> elements;
      for (const auto& ip : port.external_ips) elements.push_back({service_key(port, ip), {}, {}});
      t.delete_elements(external_ips_, elements);
      if (port.node_port)
        t.delete_elements(node_ports_, {{port_key(port, port.node_port), {}, {}}});
      gone.push_back(chains.external);
      if (!port.source_ranges.empty()) {
        for (const auto& ip : port.external_ips)
          gone.push_back("fw-" + chain_hash(port.name) + "-" + ip);
      }
    }
    gone.push_back(chains.all);
    const bool has_local = needs_local(port) && !port.local_endpoints.empty();
    if (has_local) gone.push_back(chains.local);
    for (const auto& chain : gone) t.flush_chain(chain);
    for (const auto& chain : gone) t.delete_chain(chain);
    if (port.affinity_seconds) {
      t.delete_set(chains.affinity_all);
      if (has_local) t.delete_set(chains.affinity_local);
    }
    share_hairpin(t, port.endpoints, {});
  }

  std::vector<Element> service_elements(const ServicePort& port, const std::string& chain) const {
    std::vector<Element> elements = {{service_key(port, port.cluster_ip), {}, chain}};
    for (const auto& ip : port.external_ips)
      elements.push_back({service_key(port, ip), {}, chain});
    return elements;
  }

  // The set of endpoint addresses; many services may share a pod, so they are counted.
  void share_hairpin(Transaction& t, const std::vector<Endpoint>& before,
                     const std::vector<Endpoint>& now) {
    std::map<std::string, int> change;
    for (const auto& endpoint : now) ++change[endpoint.ip];
    for (const auto& endpoint : before) --change[endpoint.ip];
    std::vector<Element> add, remove;
    for (const auto& [ip, difference] : change) {
      if (!difference) continue;
      int& users = hairpin_users_[ip];
      const bool had = users > 0;
      users += difference;
      const std::string pair = address_bytes(ip) + address_bytes(ip);
      if (!had && users > 0) add.push_back({pair, {}, {}});
      if (had && users <= 0) remove.push_back({pair, {}, {}});
      if (users <= 0) hairpin_users_.erase(ip);
    }
    t.add_elements(hairpin_, add);
    t.delete_elements(hairpin_, remove);
  }

  const BackendOptions options_;
  const bool six_;
  const std::uint8_t family_;
  const std::uint32_t address_size_, words_, source_offset_, destination_offset_;
  Network cluster_network_;
  SetType address_type_{}, endpoint_type_{};
  Set service_ips_, external_ips_, node_ports_, no_endpoint_services_, no_endpoint_ports_, hairpin_;
  std::string table_ = std::string(kTablePrefix) + "-0";
  std::map<ServicePortName, ServicePort> applied_;
  std::map<std::string, int> hairpin_users_;
};

}  // namespace

Result<std::unique_ptr<Backend>> make_nftables_backend(BackendOptions options) {
  auto backend = std::make_unique<NftablesBackend>(std::move(options));
  TRY_OK(backend->prepare());
  return backend;
}

}  // namespace keelson::proxy
