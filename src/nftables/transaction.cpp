// SPDX-License-Identifier: Apache-2.0
#include "nftables/transaction.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <sys/socket.h>

extern "C" {
#include <libnftnl/chain.h>
#include <libnftnl/common.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
}

#include <cerrno>
#include <cstring>

#include "nftables/netlink_socket.h"

namespace keelson::nft {
namespace {

// One message; elements are cut so that they fit well below the 64 KiB of a netlink attribute.
constexpr std::size_t kMessageBytes = 128 << 10;
constexpr std::size_t kElementsPerMessage = 400;
constexpr std::size_t kDumpBytes = 64 << 10;

template <class T, void (*Free)(const T*)>
struct Freer {
  void operator()(const T* object) const { Free(object); }
};
using TablePtr = std::unique_ptr<nftnl_table, Freer<nftnl_table, nftnl_table_free>>;
using ChainPtr = std::unique_ptr<nftnl_chain, Freer<nftnl_chain, nftnl_chain_free>>;
using RulePtr = std::unique_ptr<nftnl_rule, Freer<nftnl_rule, nftnl_rule_free>>;
using SetPtr = std::unique_ptr<nftnl_set, Freer<nftnl_set, nftnl_set_free>>;

SetPtr make_set(const std::string& table, const std::string& name, std::uint8_t family) {
  SetPtr set(nftnl_set_alloc());
  nftnl_set_set_str(set.get(), NFTNL_SET_TABLE, table.c_str());
  nftnl_set_set_str(set.get(), NFTNL_SET_NAME, name.c_str());
  nftnl_set_set_u32(set.get(), NFTNL_SET_FAMILY, family);
  return set;
}

}  // namespace

Transaction::Transaction(std::uint8_t family, std::string table)
    : family_(family), table_(std::move(table)), scratch_(kMessageBytes) {}

nlmsghdr* Transaction::begin(std::uint16_t type, std::uint16_t flags) {
  ++messages_;
  // The number tells in an error which message was wrong.
  return nftnl_nlmsg_build_hdr(scratch_.data(), type, family_, flags, messages_);
}

void Transaction::end(const nlmsghdr* message) {
  const char* bytes = reinterpret_cast<const char*>(message);
  buffer_.insert(buffer_.end(), bytes, bytes + NLMSG_ALIGN(message->nlmsg_len));
}

void Transaction::add_table() {
  auto* message = begin(NFT_MSG_NEWTABLE, NLM_F_CREATE);
  TablePtr table(nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, table_.c_str());
  nftnl_table_nlmsg_build_payload(message, table.get());
  end(message);
}

void Transaction::delete_table() { delete_table(table_); }

void Transaction::delete_table(const std::string& other) {
  auto* message = begin(NFT_MSG_DELTABLE, 0);
  TablePtr table(nftnl_table_alloc());
  nftnl_table_set_str(table.get(), NFTNL_TABLE_NAME, other.c_str());
  nftnl_table_nlmsg_build_payload(message, table.get());
  end(message);
}

void Transaction::add_chain(const std::string& name) {
  auto* message = begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  ChainPtr chain(nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
  nftnl_chain_nlmsg_build_payload(message, chain.get());
  end(message);
}

void Transaction::add_base_chain(const std::string& name, const Hook& hook) {
  auto* message = begin(NFT_MSG_NEWCHAIN, NLM_F_CREATE);
  ChainPtr chain(nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TYPE, std::string(hook.type).c_str());
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_HOOKNUM, hook.number);
  nftnl_chain_set_s32(chain.get(), NFTNL_CHAIN_PRIO, hook.priority);
  nftnl_chain_set_u32(chain.get(), NFTNL_CHAIN_POLICY, NF_ACCEPT);
  nftnl_chain_nlmsg_build_payload(message, chain.get());
  end(message);
}

void Transaction::flush_chain(const std::string& name) {
  auto* message = begin(NFT_MSG_DELRULE, 0);
  RulePtr rule(nftnl_rule_alloc());
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table_.c_str());
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, name.c_str());
  nftnl_rule_nlmsg_build_payload(message, rule.get());
  end(message);
}

void Transaction::delete_chain(const std::string& name) {
  auto* message = begin(NFT_MSG_DELCHAIN, 0);
  ChainPtr chain(nftnl_chain_alloc());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_TABLE, table_.c_str());
  nftnl_chain_set_str(chain.get(), NFTNL_CHAIN_NAME, name.c_str());
  nftnl_chain_nlmsg_build_payload(message, chain.get());
  end(message);
}

void Transaction::add_rule(const std::string& chain, Expressions expressions) {
  auto* message = begin(NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
  RulePtr rule(nftnl_rule_alloc());
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_TABLE, table_.c_str());
  nftnl_rule_set_str(rule.get(), NFTNL_RULE_CHAIN, chain.c_str());
  nftnl_rule_set_u32(rule.get(), NFTNL_RULE_FAMILY, family_);
  for (auto& expression : expressions) nftnl_rule_add_expr(rule.get(), expression.release());
  nftnl_rule_nlmsg_build_payload(message, rule.get());
  end(message);
}

void Transaction::add_set(const Set& set) {
  auto* message = begin(NFT_MSG_NEWSET, NLM_F_CREATE);
  SetPtr object = make_set(table_, set.name, family_);
  std::uint32_t flags = 0;
  if (set.data || set.to_verdicts) flags |= NFT_SET_MAP;
  if (set.dynamic) flags |= NFT_SET_TIMEOUT | NFT_SET_EVAL;
  nftnl_set_set_u32(object.get(), NFTNL_SET_FLAGS, flags);
  nftnl_set_set_u32(object.get(), NFTNL_SET_KEY_TYPE, set.key.number);
  nftnl_set_set_u32(object.get(), NFTNL_SET_KEY_LEN, set.key.size);
  nftnl_set_set_u32(object.get(), NFTNL_SET_ID, ++last_set_id_);
  if (set.size_max) nftnl_set_set_u32(object.get(), NFTNL_SET_DESC_SIZE, set.size_max);
  if (set.to_verdicts) {
    nftnl_set_set_u32(object.get(), NFTNL_SET_DATA_TYPE, NFT_DATA_VERDICT);
  } else if (set.data) {
    nftnl_set_set_u32(object.get(), NFTNL_SET_DATA_TYPE, set.data->number);
    nftnl_set_set_u32(object.get(), NFTNL_SET_DATA_LEN, set.data->size);
  }
  nftnl_set_nlmsg_build_payload(message, object.get());
  end(message);
}

void Transaction::put_elements(std::uint16_t type, std::uint16_t flags, const Set& set,
                               const std::vector<Element>& elements) {
  for (std::size_t first = 0; first < elements.size(); first += kElementsPerMessage) {
    SetPtr object = make_set(table_, set.name, family_);
    const std::size_t last = std::min(elements.size(), first + kElementsPerMessage);
    for (std::size_t i = first; i < last; ++i) {
      const Element& element = elements[i];
      nftnl_set_elem* entry = nftnl_set_elem_alloc();
      nftnl_set_elem_set(entry, NFTNL_SET_ELEM_KEY, element.key.data(),
                         static_cast<std::uint32_t>(element.key.size()));
      if (type == NFT_MSG_NEWSETELEM && set.to_verdicts) {
        nftnl_set_elem_set_u32(entry, NFTNL_SET_ELEM_VERDICT, static_cast<std::uint32_t>(NFT_GOTO));
        nftnl_set_elem_set_str(entry, NFTNL_SET_ELEM_CHAIN, element.go_to_chain.c_str());
      } else if (type == NFT_MSG_NEWSETELEM && !element.data.empty()) {
        nftnl_set_elem_set(entry, NFTNL_SET_ELEM_DATA, element.data.data(),
                           static_cast<std::uint32_t>(element.data.size()));
      }
      if (element.timeout) nftnl_set_elem_set_u64(entry, NFTNL_SET_ELEM_TIMEOUT, element.timeout);
      if (element.left) nftnl_set_elem_set_u64(entry, NFTNL_SET_ELEM_EXPIRATION, element.left);
      nftnl_set_elem_add(object.get(), entry);
    }
    auto* message = begin(type, flags);
    nftnl_set_elems_nlmsg_build_payload(message, object.get());
    end(message);
  }
}

void Transaction::add_elements(const Set& set, const std::vector<Element>& elements) {
  put_elements(NFT_MSG_NEWSETELEM, NLM_F_CREATE, set, elements);
}

void Transaction::delete_elements(const Set& set, const std::vector<Element>& elements) {
  put_elements(NFT_MSG_DELSETELEM, 0, set, elements);
}

Result<void> Transaction::commit() {
  if (empty()) return {};
  const NetlinkSocket socket;
  if (!socket.is_open()) return fail(netlink_failure("open netlink socket", errno));

  // The kernel takes a batch from one send: its buffer has to hold the whole.
  const int room = static_cast<int>(buffer_.size() + (64 << 10));
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_SNDBUFFORCE, &room, sizeof room);
  // Each wrong message may be answered.
  const int answers = 1 << 20;
  setsockopt(socket.descriptor(), SOL_SOCKET, SO_RCVBUFFORCE, &answers, sizeof answers);

  std::vector<char> frame(2 * MNL_SOCKET_BUFFER_SIZE + buffer_.size());
  std::size_t used = 0;
  const auto put_frame = [&](std::uint16_t type, std::uint16_t flags) {
    auto* message = mnl_nlmsg_put_header(frame.data() + used);
    message->nlmsg_type = type;
    message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    message->nlmsg_seq = messages_ + 1;
    auto* general = static_cast<nfgenmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(nfgenmsg)));
    general->nfgen_family = AF_UNSPEC;
    general->version = NFNETLINK_V0;
    general->res_id = htons(NFNL_SUBSYS_NFTABLES);
    used += message->nlmsg_len;
  };
  put_frame(NFNL_MSG_BATCH_BEGIN, 0);
  std::memcpy(frame.data() + used, buffer_.data(), buffer_.size());
  // The last message asks for an answer, so that success is told too.
  auto* last = reinterpret_cast<nlmsghdr*>(frame.data() + used);
  for (std::size_t at = 0; at < buffer_.size();) {
    last = reinterpret_cast<nlmsghdr*>(frame.data() + used + at);
    at += NLMSG_ALIGN(last->nlmsg_len);
  }
  last->nlmsg_flags |= NLM_F_ACK;
  used += buffer_.size();
  put_frame(NFNL_MSG_BATCH_END, 0);

  buffer_.clear();
  const std::uint32_t last_message = std::exchange(messages_, 0);
  last_set_id_ = 0;
  if (mnl_socket_sendto(socket.get(), frame.data(), used) < 0)
    return fail(netlink_failure("send transaction", errno));

  std::vector<char> answer(MNL_SOCKET_BUFFER_SIZE);
  int first_error = 0;
  std::uint32_t wrong_message = 0;
  while (true) {
    const auto count = mnl_socket_recvfrom(socket.get(), answer.data(), answer.size());
    if (count < 0) {
      if (errno == EINTR) continue;
      return fail(netlink_failure("read answer", errno));
    }
    int left = static_cast<int>(count);
    bool done = false;
    for (auto* message = reinterpret_cast<const nlmsghdr*>(answer.data());
         mnl_nlmsg_ok(message, left); message = mnl_nlmsg_next(message, &left)) {
      if (message->nlmsg_type != NLMSG_ERROR) continue;
      const auto* report = static_cast<const nlmsgerr*>(mnl_nlmsg_get_payload(message));
      if (report->error && !first_error) {
        first_error = -report->error;
        wrong_message = message->nlmsg_seq;
      }
      // After a failure the kernel answers the wrong ones only; the acknowledged one may not come.
      if (message->nlmsg_seq == last_message || report->error) done = true;
    }
    if (done) break;
  }
  if (first_error)
    return fail(netlink_failure(
        "message " + std::to_string(wrong_message) + " of " + std::to_string(last_message),
        first_error));
  return {};
}

namespace {

// Asks for a list and runs `read` over all that comes.
Result<void> dump(const nlmsghdr* request, std::string_view what, mnl_cb_t read, void* context) {
  const NetlinkSocket socket;
  if (!socket.is_open()) return fail(netlink_failure("open netlink socket", errno));
  if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0)
    return fail(netlink_failure(what, errno));
  const unsigned port = mnl_socket_get_portid(socket.get());
  std::vector<char> buffer(kDumpBytes);
  while (true) {
    const auto count = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
    if (count < 0) return fail(netlink_failure(what, errno));
    const int result = mnl_cb_run(buffer.data(), static_cast<std::size_t>(count),
                                  request->nlmsg_seq, port, read, context);
    if (result < 0) return fail(netlink_failure(what, errno));
    if (result == MNL_CB_STOP) return {};
  }
}

std::string bytes_of(const nftnl_set_elem* element, std::uint16_t attribute) {
  std::uint32_t size = 0;
  const void* bytes = nftnl_set_elem_get(const_cast<nftnl_set_elem*>(element), attribute, &size);
  return bytes ? std::string(static_cast<const char*>(bytes), size) : std::string();
}

}  // namespace

Result<std::vector<std::string>> list_tables(std::uint8_t family, std::string_view prefix) {
  std::vector<char> buffer(MNL_SOCKET_BUFFER_SIZE);
  const auto* request =
      nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETTABLE, family, NLM_F_DUMP, 1);
  struct Found {
    std::string_view prefix;
    std::vector<std::string> names;
  } found{prefix, {}};
  const auto collect = [](const nlmsghdr* message, void* context) -> int {
    TablePtr table(nftnl_table_alloc());
    auto& into = *static_cast<Found*>(context);
    if (nftnl_table_nlmsg_parse(message, table.get()) < 0) return MNL_CB_OK;
    const std::string_view name = nftnl_table_get_str(table.get(), NFTNL_TABLE_NAME);
    if (name.starts_with(into.prefix)) into.names.emplace_back(name);
    return MNL_CB_OK;
  };
  TRY_OK(dump(request, "list tables", collect, &found));
  return std::move(found.names);
}

Result<std::vector<Element>> list_elements(std::uint8_t family, const std::string& table,
                                           const std::string& set) {
  std::vector<char> buffer(MNL_SOCKET_BUFFER_SIZE);
  auto* request = nftnl_nlmsg_build_hdr(buffer.data(), NFT_MSG_GETSETELEM, family, NLM_F_DUMP, 1);
  const SetPtr asked = make_set(table, set, family);
  nftnl_set_elems_nlmsg_build_payload(request, asked.get());
  std::vector<Element> elements;
  const auto collect = [](const nlmsghdr* message, void* context) -> int {
    SetPtr part(nftnl_set_alloc());
    if (nftnl_set_elems_nlmsg_parse(message, part.get()) < 0) return MNL_CB_OK;
    nftnl_set_elem_foreach(
        part.get(),
        [](nftnl_set_elem* element, void* into) -> int {
          static_cast<std::vector<Element>*>(into)->push_back(
              {.key = bytes_of(element, NFTNL_SET_ELEM_KEY),
               .data = bytes_of(element, NFTNL_SET_ELEM_DATA),
               .go_to_chain = {},
               .timeout = nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_TIMEOUT),
               .left = nftnl_set_elem_get_u64(element, NFTNL_SET_ELEM_EXPIRATION)});
          return 0;
        },
        context);
    return MNL_CB_OK;
  };
  TRY_OK(dump(request, "list elements of " + set, collect, &elements));
  return elements;
}

}  // namespace keelson::nft
