// SPDX-License-Identifier: Apache-2.0
// DNS messages: reading questions, writing answers. Input is bounded and never trusted.
// Source: RFC 1035 section 4; RFC 6891 for EDNS.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::dns {

enum class Type : std::uint16_t {
  A = 1,
  Ns = 2,
  Cname = 5,
  Soa = 6,
  Ptr = 12,
  Txt = 16,
  Aaaa = 28,
  Srv = 33,
  Opt = 41,
  Any = 255,
};

enum class Code : std::uint8_t {
  NoError = 0,
  FormErr = 1,
  ServFail = 2,
  NxDomain = 3,
  NotImp = 4,
  Refused = 5,
};

// One question, as all real queries have.
struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  std::uint8_t opcode = 0;
  std::string name;  // "web.default.svc.cluster.local": lower case, without the last dot.
  std::uint16_t type = 0, class_ = 1;
  std::string question;        // Its bytes, echoed in the answer as they came.
  bool edns = false;
  std::uint16_t udp_size = 512;  // What the client can take.
};
// Nothing if it is no query with exactly one question.
std::optional<Query> parse_query(std::string_view message);

struct Record {
  std::string name;
  Type type = Type::A;
  std::uint32_t ttl = 0;
  std::string data;  // RDATA on the wire; names in it are not compressed.
};

struct Answer {
  Code code = Code::NoError;
  bool authoritative = true;
  std::vector<Record> answers, authority, additional;
};

// At most `size_max` bytes: what does not fit is left out and the message marked as truncated.
std::string write_answer(const Query& query, const Answer& answer, std::size_t size_max);

// RDATA.
std::string name_data(std::string_view name);  // Also of NS, CNAME, PTR.
std::string text_data(std::string_view text);
std::string srv_data(std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
                     std::string_view target);
std::string soa_data(std::string_view primary, std::string_view mailbox, std::uint32_t serial,
                     std::uint32_t minimum);
// 4 or 16 bytes; nothing if it is no IP address.
std::optional<std::string> address_data(const std::string& ip);

// The smallest TTL of a response's records, of its SOA's minimum where it has no answers; nothing if
// the message is malformed.
std::optional<std::uint32_t> response_ttl(std::string_view message);
// Lowers every TTL by `seconds`, but not below 0. The message must be well-formed.
void age_response(std::string& message, std::uint32_t seconds);

}  // namespace keelson::dns
