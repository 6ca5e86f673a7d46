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
  Ixfr = 251,
  Axfr = 252,
  Any = 255,
};

enum class Code : std::uint8_t {
  NoError = 0,
  FormErr = 1,
  ServFail = 2,
  NxDomain = 3,
  NotImp = 4,
  Refused = 5,
  BadVersion = 16,  // Of EDNS; its upper bits stand in the OPT record.
};

// One question, as all real queries have.
struct Query {
  std::uint16_t id = 0;
  bool recursion_desired = false;
  std::uint8_t opcode = 0;
  std::string name;  // "web.default.svc.cluster.local": lower case, without the last dot.
  std::uint16_t type = 0, class_ = 1;
  std::string question;            // Its bytes, echoed in the answer as they came.
  bool checking_disabled = false;  // The CD bit.
  bool edns = false;
  std::uint8_t edns_version = 0;
  bool dnssec_ok = false;        // The DO bit.
  std::uint16_t udp_size = 512;  // What the client can take.

  bool is_for(Type wanted) const { return type == static_cast<std::uint16_t>(wanted); }
};
// Nothing if it is no query with exactly one question.
std::optional<Query> parse_query(std::string_view message);
// What to answer where parse_query() finds nothing: FORMERR; empty where nothing may be answered,
// because it is no query at all.
std::string format_error(std::string_view message);
// A question in a client's stead, with the bits that the answer depends on.
std::string write_query(const Query& query, std::uint16_t id);
// The question bytes of a name.
std::string question_of(std::string_view name, std::uint16_t type);

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

// --- Responses of others. Messages that are not well-formed are none
// ------------------------------

// The question matches and the header is an answer's.
bool is_response_to(std::string_view message, std::uint16_t id, std::string_view question);
Code code_of(std::string_view response);
bool is_truncated(std::string_view response);
// Without its OPT record, which speaks of one hop only.
std::string without_opt(std::string response);
// Another's response, without OPT, for this client: its id, its spelling, its OPT, its size.
std::string fit_response(const Query& query, std::string response, std::size_t size_max);
// The address and alias records among the answers.
std::vector<Record> address_records(std::string_view response);

// --- RDATA ---------------------------------------------------------------------------------------

std::string name_data(std::string_view name);  // Also of NS, CNAME, PTR.
std::string text_data(std::string_view text);
std::string srv_data(std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
                     std::string_view target);
std::string soa_data(std::string_view primary, std::string_view mailbox, std::uint32_t serial,
                     std::uint32_t minimum);
// The name of a CNAME's data, in lower case, without the last dot.
std::string name_of_data(std::string_view data);
// 4 or 16 bytes; nothing if it is no IP address.
std::optional<std::string> address_data(const std::string& ip);

// The smallest TTL of a response's records, of its SOA's minimum where it has no answers; nothing
// if the message is malformed.
std::optional<std::uint32_t> response_ttl(std::string_view message);
// Lowers every TTL by `seconds`, but not below 0. The message must be well-formed.
void age_response(std::string& message, std::uint32_t seconds);

}  // namespace keelson::dns
