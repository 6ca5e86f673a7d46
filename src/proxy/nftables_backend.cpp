// SPDX-License-Identifier: Apache-2.0
#include "proxy/nftables_backend.h"

#include <ifaddrs.h>
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
#include "proxy/claims.h"
#include "proxy/packet_rules.h"
#include "proxy/stale_flows.h"

namespace keelson::proxy {
namespace {

using namespace nft;

// Two names in turn: the new table is complete before the old one goes.
constexpr std::string_view kTablePrefix = "keelson-proxy";
// Bounds one transaction of a full replacement.
constexpr std::size_t kChangesPerTransaction = 20'000;
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

class NftablesBackend final : public Backend {
 public:
  NftablesBackend(PacketRules rules, Balancing balancing)
      : rules_(std::move(rules)), balancing_(balancing) {}

  Result<void> replace(const std::vector<ServicePort>& ports) override {
    TRY(const auto old_tables, list_tables(rules_.family(), kTablePrefix));
    table_ = std::string(kTablePrefix) + "-0";
    if (std::ranges::find(old_tables, table_) != old_tables.end())
      table_ = std::string(kTablePrefix) + "-1";
    forget_all();

    Transaction transaction(rules_.family(), table_);
    // Adding first makes the deletion succeed whether or not a broken attempt left the table.
    transaction.add_table();
    transaction.delete_table();
    transaction.add_table();
    rules_.add_frame(transaction);
    for (const auto& port : ports) {
      change(transaction, port.name, &port);
      if (changes_ < kChangesPerTransaction) continue;
      write_changes(transaction);
      TRY_OK(transaction.commit());
    }
    write_changes(transaction);
    TRY_OK(transaction.commit());
    for (const auto& old : old_tables) {
      if (old != table_) keep_clients(transaction, old);
    }
    // Only now do packets come this way, and no longer the old one.
    rules_.add_hooks(transaction);
    for (const auto& old : old_tables) {
      if (old != table_) transaction.delete_table(old);
    }
    TRY_OK(transaction.commit());
    forget_stale_flows(ports);
    return {};
  }

  Result<void> apply(const Changes& changes) override {
    Transaction transaction(rules_.family(), table_);
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
    TRY(const auto tables, list_tables(rules_.family(), kTablePrefix));
    Transaction transaction(rules_.family(), table_);
    for (const auto& table : tables) transaction.delete_table(table);
    forget_all();
    return transaction.commit();
  }

 private:
  // --- Flows ------------------------------------------------------------------------------------

  // The rules stand without it; what fails here ends by the flows' own time-out.
  void forget_stale_flows(const std::vector<ServicePort>& ports) const {
    if (std::ranges::none_of(ports, [](const auto& port) { return port.name.protocol == "UDP"; }))
      return;
    const auto flows = list_udp_flows(rules_.family());
    if (!flows) {
      log_warning("Stale UDP flows stay", {{"err", flows.error().message()}});
      return;
    }
    const auto local = local_addresses();
    const auto stale = stale_flows(*flows, ports, [&](const api::IpAddress& ip) {
      return local.contains(ip) && rules_.takes_node_ports(ip);
    });
    if (stale.empty()) return;
    if (const auto done = delete_udp_flows(rules_.family(), stale); !done)
      log_warning("Stale UDP flows stay", {{"err", done.error().message()}});
  }

  // --- Affinity ---------------------------------------------------------------------------------

  // Clients go on to the endpoints that they stuck to in the table before, for the rest of their
  // time. Without this they are balanced anew; the rules stand all the same.
  void keep_clients(Transaction& t, const std::string& old_table) const {
    Entries services, node_ports;
    for (const auto& [name, applied] : applied_) {
      if (!applied.sticks) continue;
      services.insert(applied.services.begin(), applied.services.end());
      node_ports.insert(applied.node_port.begin(), applied.node_port.end());
    }
    keep_clients(t, old_table, rules_.at_services(), services);
    keep_clients(t, old_table, rules_.at_node_ports(), node_ports);
  }

  void keep_clients(Transaction& t, const std::string& old_table, const Maps& maps,
                    const Entries& entries) const {
    if (entries.empty()) return;
    auto clients = list_elements(rules_.family(), old_table, maps.affinity.name);
    if (!clients) {
      log_warning("Clients lose their endpoints", {{"err", clients.error().message()}});
      return;
    }
    std::erase_if(*clients,
                  [&](const Element& client) { return !sticks_rightly(maps, entries, client); });
    t.add_elements(maps.affinity, *clients);
    if (const auto done = t.commit(); !done)
      log_warning("Clients lose their endpoints", {{"err", done.error().message()}});
  }

  // Whether the endpoint that a client went to is still one for it.
  static bool sticks_rightly(const Maps& maps, const Entries& entries, const Element& client) {
    const auto entry = entries.find(client.key.substr(0, maps.services.key.size));
    if (entry == entries.end()) return false;
    const auto& places = entry->second.local ? entry->second.local : entry->second.all;
    return places && std::ranges::find(*places, client.data) != places->end();
  }

  // Clients that stick to an endpoint which has gone are to be balanced anew.
  void forget_stale_clients() {
    for (const auto& name : std::exchange(with_stale_clients_, {})) {
      const auto found = applied_.find(name);
      if (found == applied_.end()) continue;
      forget_stale_clients(rules_.at_services(), found->second.services);
      forget_stale_clients(rules_.at_node_ports(), found->second.node_port);
    }
  }

  void forget_stale_clients(const Maps& maps, const Entries& entries) const {
    if (entries.empty()) return;
    const auto clients = list_elements(rules_.family(), table_, maps.affinity.name);
    if (!clients) {
      log_warning("Clients may stick to what has gone", {{"err", clients.error().message()}});
      return;
    }
    for (const auto& client : *clients) {
      // What another service's clients stick to is not its business.
      if (!entries.contains(client.key.substr(0, maps.services.key.size))) continue;
      if (sticks_rightly(maps, entries, client)) continue;
      // One by one: an element whose time has come meanwhile fails, and is as gone as it should be.
      Transaction transaction(rules_.family(), table_);
      transaction.delete_elements(maps.affinity, {{client.key, {}, {}}});
      [[maybe_unused]] const auto done = transaction.commit();
    }
  }

  // --- Ways and pickers: made when the first service needs them, removed with the last one
  // --------

  void use(Transaction& t, const Picker& picker) {
    if (pickers_[picker]++ == 0) rules_.add_picker(t, picker);
  }
  void use(Transaction& t, const Way& way) {
    if (ways_[way]++ > 0 || idle_ways_.erase(way)) return;
    if (way.all) use(t, *way.all);
    if (way.local) use(t, *way.local);
    rules_.add_way(t, way);
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
                      .owner = balancing_ == Balancing::RoundRobin ? applied.number : 0};
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
      applied.ways.push_back(way);
      return entry;
    };
    const Action external = port.external_local ? Action::ExternalLocal : Action::External;
    // A cluster IP that is also claimed as an external one stays a cluster IP.
    services.emplace(
        rules_.service_key(port, port.cluster_ip),
        entry_of(port.internal_local ? Action::InternalLocal : Action::Internal, false));
    for (const auto* ips : {&port.external_ips, &port.balancer_ips}) {
      for (const auto& ip : *ips)
        services.emplace(rules_.service_key(port, ip), entry_of(external, false));
    }
    if (port.node_port)
      node_port.emplace(PacketRules::node_port_key(port), entry_of(external, true));
  }

  // Places for these endpoints. Those that stay keep theirs, so that a change costs what it
  // changes. Null for none; the same as before if nothing has changed.
  std::shared_ptr<const Places> arrange(const std::shared_ptr<const Places>& before,
                                        const std::vector<Endpoint>& endpoints) const {
    if (endpoints.empty()) return nullptr;
    std::set<std::string> fresh;
    for (const auto& endpoint : endpoints)
      fresh.insert(rules_.address_bytes(endpoint.ip) + port_bytes(endpoint.port));
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
        hairpin_changes_[endpoint.substr(0, rules_.address_size())] += difference;
    };
    count(before, -1);
    count(now, 1);
  }

  // Sources outside the ranges are dropped at the balancer's addresses; all else stays open.
  void change_firewall(Transaction& t, const ServicePortName& name, const ServicePort* now,
                       Applied& applied) {
    std::vector<std::string> gates;
    if (now && !now->source_ranges.empty()) {
      for (const auto& ip : now->balancer_ips) gates.push_back(rules_.service_key(*now, ip));
    }
    const auto ranges = gates.empty() ? std::vector<std::string>() : now->source_ranges;
    if (gates == applied.gates && ranges == applied.source_ranges) return;
    const std::string chain = "firewall-" + chain_hash(name);
    if (gates.empty()) {
      idle_gates_.insert(chain);
    } else {
      idle_gates_.erase(chain);
      std::vector<std::string> allowed = ranges;
      // A node that holds the balancer's address itself speaks from there.
      for (const auto& ip : now->balancer_ips) {
        allowed.push_back(ip + (ip.contains(':') ? "/128" : "/32"));
      }
      rules_.add_gate(t, chain, allowed);
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
    write(t, rules_.at_services(), settle(service_claims_));
    write(t, rules_.at_node_ports(), settle(node_port_claims_));
    const MapChanges firewall = settle(firewall_claims_);
    t.delete_elements(rules_.firewall(), firewall.gone.services);
    t.add_elements(rules_.firewall(), firewall.made.services);

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
    t.delete_elements(rules_.hairpin(), gone);
    t.add_elements(rules_.hairpin(), made);
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

  const PacketRules rules_;
  const Balancing balancing_;
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
  const Balancing balancing = options.balancing;
  TRY(auto rules, PacketRules::make(std::move(options)));
  return std::make_unique<NftablesBackend>(std::move(rules), balancing);
}

}  // namespace keelson::proxy
