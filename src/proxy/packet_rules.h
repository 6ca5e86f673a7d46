// SPDX-License-Identifier: Apache-2.0
// The table's rules and sets, as nftables_backend.h draws them: what does not depend on services,
// and the chains that services share. Which are needed, and what the maps hold, is not known here.
#pragma once

#include <string>
#include <vector>

#include "api/ip.h"
#include "nftables/transaction.h"
#include "proxy/backend.h"
#include "proxy/ways.h"

namespace keelson::proxy {

// A value as it lies in memory, which is how the kernel's registers hold numbers.
template <class T>
std::string raw_bytes(const T& value) {
  return {reinterpret_cast<const char*>(&value), sizeof value};
}
// In network order, filled up to a register.
std::string port_bytes(std::uint16_t port);

// The maps and sets that a packet's destination is looked up in: an address of a service, or a port
// of the node's own addresses.
struct Maps {
  nft::Set services;  // To the chain of its way.
  nft::Set no_endpoint;
  nft::Set endpoints, local_endpoints;  // With a place: to the endpoint there.
  nft::Set affinity;                    // With a client's address: to the endpoint it went to.

  void define(const std::string& prefix, nft::SetType key, nft::SetType ip, nft::SetType endpoint);
};

class PacketRules final {
 public:
  // Errors: BadRequest for a network that is none.
  static Result<PacketRules> make(BackendOptions options);

  std::uint8_t family() const { return family_; }
  // An address' size in bytes.
  std::uint32_t address_size() const { return address_size_; }
  const Maps& at_services() const { return at_services_; }
  const Maps& at_node_ports() const { return at_node_ports_; }
  const nft::Set& hairpin() const { return hairpin_; }
  const nft::Set& firewall() const { return firewall_; }

  // Keys of the maps.
  std::string address_bytes(const std::string& ip) const;
  std::string service_key(const ServicePort& port, const std::string& ip) const;
  static std::string node_port_key(const ServicePort& port);

  // Whether an address of this machine is one that node ports are open at.
  bool takes_node_ports(const api::IpAddress& address) const;

  // Sets and chains that packets do not come to before the hooks are there.
  void add_frame(nft::Transaction& transaction) const;
  void add_hooks(nft::Transaction& transaction) const;
  void add_way(nft::Transaction& transaction, const Way& way) const;
  void add_picker(nft::Transaction& transaction, const Picker& picker) const;
  // Drops sources outside the ranges; made anew if it is there.
  void add_gate(nft::Transaction& transaction, const std::string& chain,
                const std::vector<std::string>& ranges) const;

 private:
  explicit PacketRules(BackendOptions options);
  Result<void> read_networks();
  void add_postrouting(nft::Transaction& transaction) const;
  nft::Expression load_source(unsigned to) const;
  void load_key(nft::Expressions& rule, const Maps& maps) const;
  std::vector<nft::Expressions> to_node_ports() const;
  nft::Expressions refuse(nft::Expressions rule, const Maps& maps) const;

  BackendOptions options_;
  bool six_;
  std::uint8_t family_;
  std::uint32_t address_size_, words_, source_offset_, destination_offset_;
  std::optional<api::IpPrefix> cluster_network_;
  std::vector<api::IpPrefix> node_port_networks_;
  Maps at_services_, at_node_ports_;
  nft::Set hairpin_, firewall_;
};

}  // namespace keelson::proxy
