// SPDX-License-Identifier: Apache-2.0
#include "nftables/expression.h"

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_nat.h>
#include <linux/netfilter/nf_tables.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>

extern "C" {
#include <libnftnl/expr.h>
}

#include "base/result.h"

namespace keelson::nft {
namespace {

Expression make(const char* name) {
  Expression expression(nftnl_expr_alloc(name));
  CHECK(expression != nullptr);
  return expression;
}

void put(const Expression& expression, std::uint16_t attribute, std::uint32_t value) {
  nftnl_expr_set_u32(expression.get(), attribute, value);
}

void put(const Expression& expression, std::uint16_t attribute, std::string_view bytes) {
  nftnl_expr_set(expression.get(), attribute, bytes.data(),
                 static_cast<std::uint32_t>(bytes.size()));
}

Expression payload(Register to, std::uint32_t base, std::uint32_t offset, std::uint32_t size) {
  auto expression = make("payload");
  put(expression, NFTNL_EXPR_PAYLOAD_DREG, to);
  put(expression, NFTNL_EXPR_PAYLOAD_BASE, base);
  put(expression, NFTNL_EXPR_PAYLOAD_OFFSET, offset);
  put(expression, NFTNL_EXPR_PAYLOAD_LEN, size);
  return expression;
}

Expression meta(std::uint32_t key, std::uint16_t direction, Register value) {
  auto expression = make("meta");
  put(expression, NFTNL_EXPR_META_KEY, key);
  put(expression, direction, value);
  return expression;
}

Expression conntrack(std::uint32_t key, Register to) {
  auto expression = make("ct");
  put(expression, NFTNL_EXPR_CT_KEY, key);
  put(expression, NFTNL_EXPR_CT_DREG, to);
  return expression;
}

Expression address_type(Register to, std::uint32_t flags) {
  auto expression = make("fib");
  put(expression, NFTNL_EXPR_FIB_DREG, to);
  put(expression, NFTNL_EXPR_FIB_RESULT, NFT_FIB_RESULT_ADDRTYPE);
  put(expression, NFTNL_EXPR_FIB_FLAGS, flags);
  return expression;
}

Expression number(Register to, std::uint32_t bound, std::uint32_t type) {
  auto expression = make("numgen");
  put(expression, NFTNL_EXPR_NG_DREG, to);
  put(expression, NFTNL_EXPR_NG_MODULUS, bound);
  put(expression, NFTNL_EXPR_NG_TYPE, type);
  return expression;
}

Expression lookup(Register key, const std::string& set) {
  auto expression = make("lookup");
  put(expression, NFTNL_EXPR_LOOKUP_SREG, key);
  nftnl_expr_set_str(expression.get(), NFTNL_EXPR_LOOKUP_SET, set.c_str());
  return expression;
}

Expression dynamic(std::uint32_t op, const std::string& set, Register key) {
  auto expression = make("dynset");
  put(expression, NFTNL_EXPR_DYNSET_OP, op);
  put(expression, NFTNL_EXPR_DYNSET_SREG_KEY, key);
  nftnl_expr_set_str(expression.get(), NFTNL_EXPR_DYNSET_SET_NAME, set.c_str());
  return expression;
}

Expression verdict(std::uint32_t code, const std::string& chain = {}) {
  auto expression = make("immediate");
  put(expression, NFTNL_EXPR_IMM_DREG, NFT_REG_VERDICT);
  put(expression, NFTNL_EXPR_IMM_VERDICT, code);
  if (!chain.empty()) nftnl_expr_set_str(expression.get(), NFTNL_EXPR_IMM_CHAIN, chain.c_str());
  return expression;
}

}  // namespace

void ExpressionDeleter::operator()(nftnl_expr* expression) const { nftnl_expr_free(expression); }

Register reg(unsigned number) { return NFT_REG32_00 + number; }

Expression load_payload_network(Register to, std::uint32_t offset, std::uint32_t size) {
  return payload(to, NFT_PAYLOAD_NETWORK_HEADER, offset, size);
}
Expression load_destination_port(Register to) {
  return payload(to, NFT_PAYLOAD_TRANSPORT_HEADER, 2, 2);
}
Expression load_l4_protocol(Register to) {
  return meta(NFT_META_L4PROTO, NFTNL_EXPR_META_DREG, to);
}
Expression load_mark(Register to) { return meta(NFT_META_MARK, NFTNL_EXPR_META_DREG, to); }
Expression store_mark(Register from) { return meta(NFT_META_MARK, NFTNL_EXPR_META_SREG, from); }
Expression load_ct_state(Register to) { return conntrack(NFT_CT_STATE, to); }
Expression load_ct_status(Register to) { return conntrack(NFT_CT_STATUS, to); }
Expression load_destination_type(Register to) { return address_type(to, NFTA_FIB_F_DADDR); }
Expression load_source_type(Register to) { return address_type(to, NFTA_FIB_F_SADDR); }

Expression compare(Register value, Compare op, std::string_view bytes) {
  auto expression = make("cmp");
  put(expression, NFTNL_EXPR_CMP_SREG, value);
  put(expression, NFTNL_EXPR_CMP_OP, op == Compare::Equal ? NFT_CMP_EQ : NFT_CMP_NEQ);
  put(expression, NFTNL_EXPR_CMP_DATA, bytes);
  return expression;
}
Expression compare(Register value, Compare op, std::uint32_t number) {
  return compare(value, op, {reinterpret_cast<const char*>(&number), sizeof number});
}

Expression bitwise(Register from, Register to, std::string_view mask, std::string_view flip) {
  auto expression = make("bitwise");
  put(expression, NFTNL_EXPR_BITWISE_SREG, from);
  put(expression, NFTNL_EXPR_BITWISE_DREG, to);
  put(expression, NFTNL_EXPR_BITWISE_LEN, static_cast<std::uint32_t>(mask.size()));
  put(expression, NFTNL_EXPR_BITWISE_MASK, mask);
  put(expression, NFTNL_EXPR_BITWISE_XOR, flip);
  return expression;
}

Expression lookup_set(Register key, const std::string& set) { return lookup(key, set); }
Expression lookup_map(Register key, const std::string& map, Register to) {
  auto expression = lookup(key, map);
  put(expression, NFTNL_EXPR_LOOKUP_DREG, to);
  return expression;
}
Expression lookup_verdict(Register key, const std::string& map) {
  return lookup_map(key, map, NFT_REG_VERDICT);
}

void match_network(Expressions& rule, Side side, const api::IpPrefix& network, Compare op) {
  const bool six = network.address().is_v6();
  const std::uint32_t size = six ? 16 : 4;
  const std::uint32_t source_offset = six ? 8 : 12;
  const auto bytes = network.network().bytes();
  const std::string address(bytes.end() - size, bytes.end());
  std::string mask(size, '\0');
  for (std::uint32_t bit = 0; bit < static_cast<std::uint32_t>(network.length()); ++bit)
    mask[bit / 8] = static_cast<char>(mask[bit / 8] | 0x80 >> bit % 8);
  rule.push_back(load_payload_network(
      reg(0), side == Side::Source ? source_offset : source_offset + size, size));
  rule.push_back(bitwise(reg(0), reg(0), mask, std::string(size, '\0')));
  rule.push_back(compare(reg(0), op, address));
}

Expression random_number(Register to, std::uint32_t bound) {
  return number(to, bound, NFT_NG_RANDOM);
}
Expression next_number(Register to, std::uint32_t bound) {
  return number(to, bound, NFT_NG_INCREMENTAL);
}

Expression add_element(const std::string& map, Register key, Register data,
                       std::uint64_t timeout_ms) {
  auto expression = dynamic(NFT_DYNSET_OP_ADD, map, key);
  put(expression, NFTNL_EXPR_DYNSET_SREG_DATA, data);
  nftnl_expr_set_u64(expression.get(), NFTNL_EXPR_DYNSET_TIMEOUT, timeout_ms);
  return expression;
}
Expression refresh_element(const std::string& map, Register key, Register data,
                           std::uint64_t timeout_ms) {
  auto expression = dynamic(NFT_DYNSET_OP_UPDATE, map, key);
  put(expression, NFTNL_EXPR_DYNSET_SREG_DATA, data);
  nftnl_expr_set_u64(expression.get(), NFTNL_EXPR_DYNSET_TIMEOUT, timeout_ms);
  return expression;
}

Expression destination_nat(std::uint8_t family, Register address, Register port) {
  auto expression = make("nat");
  put(expression, NFTNL_EXPR_NAT_TYPE, NFT_NAT_DNAT);
  put(expression, NFTNL_EXPR_NAT_FAMILY, family);
  put(expression, NFTNL_EXPR_NAT_REG_ADDR_MIN, address);
  put(expression, NFTNL_EXPR_NAT_REG_PROTO_MIN, port);
  return expression;
}

Expression masquerade() {
  auto expression = make("masq");
  put(expression, NFTNL_EXPR_MASQ_FLAGS, NF_NAT_RANGE_PROTO_RANDOM_FULLY);
  return expression;
}

Expression reject_unreachable(std::uint8_t family) {
  auto expression = make("reject");
  put(expression, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_ICMP_UNREACH);
  // "Port unreachable" has another number in ICMPv6.
  nftnl_expr_set_u8(expression.get(), NFTNL_EXPR_REJECT_CODE,
                    family == NFPROTO_IPV6 ? 4 : ICMP_PORT_UNREACH);
  return expression;
}

Expression reject_reset() {
  auto expression = make("reject");
  put(expression, NFTNL_EXPR_REJECT_TYPE, NFT_REJECT_TCP_RST);
  nftnl_expr_set_u8(expression.get(), NFTNL_EXPR_REJECT_CODE, 0);
  return expression;
}

Expression drop() { return verdict(NF_DROP); }
Expression accept() { return verdict(NF_ACCEPT); }
Expression jump(const std::string& chain) {
  return verdict(static_cast<std::uint32_t>(NFT_JUMP), chain);
}
Expression go_to(const std::string& chain) {
  return verdict(static_cast<std::uint32_t>(NFT_GOTO), chain);
}
Expression return_() { return verdict(static_cast<std::uint32_t>(NFT_RETURN)); }

}  // namespace keelson::nft
