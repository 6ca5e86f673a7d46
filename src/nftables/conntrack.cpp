// SPDX-License-Identifier: Apache-2.0
#include "nftables/conntrack.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "nftables/netlink_socket.h"

namespace keelson::nft {
namespace {

// What the kernel sends at a time while it lists.
constexpr std::size_t kAnswerBytes = 64 << 10;
constexpr std::size_t kAttributesMax = 64;

// The attributes of one level by their type; null where there is none.
class Attributes {
 public:
  explicit Attributes(const nlmsghdr* message) {
    mnl_attr_parse(message, sizeof(nfgenmsg), note, this);
  }
  explicit Attributes(const nlattr* nest) {
    if (nest) mnl_attr_parse_nested(nest, note, this);
  }

  const nlattr* find(std::size_t type, std::size_t bytes_min) const {
    const nlattr* found = by_type_[type];
    return found && mnl_attr_get_payload_len(found) >= bytes_min ? found : nullptr;
  }
  Attributes inside(std::size_t type) const { return Attributes(by_type_[type]); }

 private:
  static int note(const nlattr* attribute, void* self) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type < kAttributesMax) static_cast<Attributes*>(self)->by_type_[type] = attribute;
    return MNL_CB_OK;
  }
  std::array<const nlattr*, kAttributesMax> by_type_{};
};

std::uint16_t read_port(const nlattr* attribute) {
  return attribute ? ntohs(mnl_attr_get_u16(attribute)) : std::uint16_t{0};
}

api::IpAddress read_address(const nlattr* v4, const nlattr* v6) {
  if (v4) return api::IpAddress::v4(ntohl(mnl_attr_get_u32(v4)));
  std::array<std::uint8_t, 16> bytes{};
  if (v6) std::memcpy(bytes.data(), mnl_attr_get_payload(v6), bytes.size());
  return api::IpAddress::v6(bytes);
}

struct Tuple {
  std::uint8_t protocol = 0;
  Flow::End source, destination;
};

Tuple read_tuple(const Attributes& tuple) {
  const Attributes ip = tuple.inside(CTA_TUPLE_IP), protocol = tuple.inside(CTA_TUPLE_PROTO);
  Tuple out;
  if (const auto* number = protocol.find(CTA_PROTO_NUM, 1)) out.protocol = mnl_attr_get_u8(number);
  out.source = {read_address(ip.find(CTA_IP_V4_SRC, 4), ip.find(CTA_IP_V6_SRC, 16)),
                read_port(protocol.find(CTA_PROTO_SRC_PORT, 2))};
  out.destination = {read_address(ip.find(CTA_IP_V4_DST, 4), ip.find(CTA_IP_V6_DST, 16)),
                     read_port(protocol.find(CTA_PROTO_DST_PORT, 2))};
  return out;
}

int read_flow(const nlmsghdr* message, void* flows) {
  const Attributes attributes(message);
  const Tuple asked = read_tuple(attributes.inside(CTA_TUPLE_ORIG));
  if (asked.protocol != IPPROTO_UDP) return MNL_CB_OK;
  const Tuple answered = read_tuple(attributes.inside(CTA_TUPLE_REPLY));
  const auto* id = attributes.find(CTA_ID, 4);
  static_cast<std::vector<Flow>*>(flows)->push_back({.source = asked.source,
                                                     .destination = asked.destination,
                                                     .answerer = answered.source,
                                                     .id = id ? mnl_attr_get_u32(id) : 0});
  return MNL_CB_OK;
}

nlmsghdr* begin(char* buffer, int action, std::uint16_t flags, std::uint8_t family,
                std::uint32_t sequence) {
  auto* message = mnl_nlmsg_put_header(buffer);
  message->nlmsg_type = static_cast<std::uint16_t>(NFNL_SUBSYS_CTNETLINK << 8 | action);
  message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
  message->nlmsg_seq = sequence;
  auto* general = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
  general->nfgen_family = family;
  general->version = NFNETLINK_V0;
  return message;
}

// Runs `read` over all answers to the message `sequence`. Returns an errno, 0 for success.
int receive(const NetlinkSocket& socket, std::uint32_t sequence, mnl_cb_t read, void* context) {
  std::vector<char> buffer(kAnswerBytes);
  while (true) {
    const auto count = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return errno;
    const int result = mnl_cb_run(buffer.data(), static_cast<std::size_t>(count), sequence,
                                  mnl_socket_get_portid(socket.get()), read, context);
    if (result < 0) return errno;
    if (result == MNL_CB_STOP) return 0;
  }
}

void put_address(nlmsghdr* message, bool six, int v4_type, int v6_type, const api::IpAddress& ip) {
  const auto& bytes = ip.bytes();
  if (six) {
    mnl_attr_put(message, static_cast<std::uint16_t>(v6_type), 16, bytes.data());
  } else {
    mnl_attr_put(message, static_cast<std::uint16_t>(v4_type), 4, bytes.data() + 12);
  }
}

}  // namespace

Result<std::vector<Flow>> list_udp_flows(std::uint8_t family) {
  const NetlinkSocket socket;
  if (!socket.is_open()) return fail(netlink_failure("open netlink socket", errno));
  char buffer[256];
  const auto* request = begin(buffer, IPCTNL_MSG_CT_GET, NLM_F_DUMP, family, 1);
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
    return fail(netlink_failure("list flows", errno));
  std::vector<Flow> flows;
  if (const int error = receive(socket, 1, read_flow, &flows))
    return fail(netlink_failure("list flows", error));
  return flows;
}

Result<void> delete_udp_flows(std::uint8_t family, const std::vector<Flow>& flows) {
  const NetlinkSocket socket;
  if (!socket.is_open()) return fail(netlink_failure("open netlink socket", errno));
  const bool six = family == NFPROTO_IPV6;
  int first_error = 0;
  std::uint32_t sequence = 0;
  for (const auto& flow : flows) {
    char buffer[512];
    auto* message = begin(buffer, IPCTNL_MSG_CT_DELETE, NLM_F_ACK, family, ++sequence);
    auto* tuple = mnl_attr_nest_start(message, CTA_TUPLE_ORIG);
    auto* ip = mnl_attr_nest_start(message, CTA_TUPLE_IP);
    put_address(message, six, CTA_IP_V4_SRC, CTA_IP_V6_SRC, flow.source.ip);
    put_address(message, six, CTA_IP_V4_DST, CTA_IP_V6_DST, flow.destination.ip);
    mnl_attr_nest_end(message, ip);
    auto* protocol = mnl_attr_nest_start(message, CTA_TUPLE_PROTO);
    mnl_attr_put_u8(message, CTA_PROTO_NUM, IPPROTO_UDP);
    mnl_attr_put_u16(message, CTA_PROTO_SRC_PORT, htons(flow.source.port));
    mnl_attr_put_u16(message, CTA_PROTO_DST_PORT, htons(flow.destination.port));
    mnl_attr_nest_end(message, protocol);
    mnl_attr_nest_end(message, tuple);
    if (flow.id) mnl_attr_put_u32(message, CTA_ID, flow.id);
    int error = 0;
    if (mnl_socket_sendto(socket.get(), message, message->nlmsg_len) < 0) {
      error = errno;
    } else {
      error = receive(socket, sequence, nullptr, nullptr);
    }
    if (error && error != ENOENT && !first_error) first_error = error;
  }
  if (first_error) return fail(netlink_failure("delete a flow", first_error));
  return {};
}

}  // namespace keelson::nft
