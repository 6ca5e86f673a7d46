// SPDX-License-Identifier: Apache-2.0
// The few kernel expressions that the rules are made of, over libnftnl.
// Source: linux/netfilter/nf_tables.h; nft(8).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "api/ip.h"

struct nftnl_expr;

namespace keelson::nft {

struct ExpressionDeleter {
  void operator()(nftnl_expr* expression) const;
};
using Expression = std::unique_ptr<nftnl_expr, ExpressionDeleter>;
using Expressions = std::vector<Expression>;

// Registers of 4 bytes; a concatenation lies in consecutive ones.
using Register = std::uint32_t;
Register reg(unsigned number);  // 0 to 15

enum class Compare : std::uint8_t { Equal, NotEqual };

Expression load_payload_network(Register to, std::uint32_t offset, std::uint32_t size);
Expression load_destination_port(Register to);
Expression load_l4_protocol(Register to);
Expression load_mark(Register to);
Expression store_mark(Register from);
Expression load_ct_state(Register to);
Expression load_ct_status(Register to);
// The type of the destination or source address by the routing table; RTN_LOCAL is 2.
Expression load_destination_type(Register to);
Expression load_source_type(Register to);

Expression compare(Register value, Compare op, std::string_view bytes);
Expression compare(Register value, Compare op, std::uint32_t number);  // Host order.
// to = (from & mask) ^ flip, over mask.size() bytes.
Expression bitwise(Register from, Register to, std::string_view mask, std::string_view flip);

// Goes on only if the set has the key.
Expression lookup_set(Register key, const std::string& set);
// Goes on only if the map has the key.
Expression lookup_map(Register key, const std::string& map, Register to);
Expression lookup_verdict(Register key, const std::string& map);

enum class Side : std::uint8_t { Source, Destination };
// Goes on only if that address of the packet is in `network` (or, with NotEqual, is not). Packets
// are of the network's family.
void match_network(Expressions& rule, Side side, const api::IpPrefix& network,
                   Compare op = Compare::Equal);

// A number below `bound`.
Expression random_number(Register to, std::uint32_t bound);
Expression next_number(Register to, std::uint32_t bound);

// Elements of dynamic maps and sets.
Expression add_element(const std::string& map, Register key, Register data,
                       std::uint64_t timeout_ms);
Expression refresh_element(const std::string& map, Register key, Register data,
                           std::uint64_t timeout_ms);

Expression destination_nat(std::uint8_t family, Register address, Register port);
Expression masquerade();
Expression reject_unreachable(std::uint8_t family);
Expression reject_reset();  // TCP only.
Expression drop();
Expression accept();
Expression jump(const std::string& chain);
Expression go_to(const std::string& chain);
Expression return_();

}  // namespace keelson::nft
