// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"

#include <arpa/inet.h>

#include <algorithm>

namespace keelson::dns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kNameMax = 255, kLabelMax = 63;
constexpr std::size_t kOptBytes = 11;
constexpr std::uint16_t kUdpSize = 1232;  // What passes without fragments: DNS flag day 2020.
constexpr std::uint32_t kDnssecOk = 0x8000;

std::uint16_t read16(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint16_t>(static_cast<unsigned char>(bytes[at]) << 8 |
                                    static_cast<unsigned char>(bytes[at + 1]));
}
std::uint32_t read32(std::string_view bytes, std::size_t at) {
  return static_cast<std::uint32_t>(read16(bytes, at)) << 16 | read16(bytes, at + 2);
}

void put16(std::string& out, unsigned value) {
  out += static_cast<char>(value >> 8 & 0xff);
  out += static_cast<char>(value & 0xff);
}
void put32(std::string& out, std::uint32_t value) {
  put16(out, value >> 16);
  put16(out, value & 0xffff);
}

// Reads an uncompressed name; returns where it ends. A question comes first, so that nothing stands
// before it that it could point at.
std::optional<std::size_t> read_plain_name(std::string_view message, std::size_t at,
                                           std::string& name) {
  while (true) {
    if (at >= message.size()) return std::nullopt;
    const auto length = static_cast<unsigned char>(message[at++]);
    if (length == 0) return at;
    if (length > kLabelMax || at + length > message.size()) return std::nullopt;
    if (!name.empty()) name += '.';
    for (const char c : message.substr(at, length))
      name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    if (name.size() > kNameMax) return std::nullopt;
    at += length;
  }
}

// Passes over a name that may be compressed; returns where it ends.
std::optional<std::size_t> skip_name(std::string_view message, std::size_t at) {
  while (at < message.size()) {
    const auto length = static_cast<unsigned char>(message[at]);
    if (length == 0) return at + 1;
    if ((length & 0xc0) == 0xc0)
      return at + 2 <= message.size() ? std::optional(at + 2) : std::nullopt;
    if (length > kLabelMax) return std::nullopt;
    at += 1 + length;
  }
  return std::nullopt;
}

// Reads a name that may be compressed. Nothing if it is malformed.
std::optional<std::string> read_name(std::string_view message, std::size_t at) {
  std::string name;
  // Each pointer leads backwards, so that there is no circle.
  for (std::size_t limit = message.size(); at < message.size();) {
    const auto length = static_cast<unsigned char>(message[at]);
    if (length == 0) return name;
    if ((length & 0xc0) == 0xc0) {
      if (at + 2 > message.size()) return std::nullopt;
      const std::size_t target = read16(message, at) & 0x3fff;
      if (target >= at || target >= limit) return std::nullopt;
      limit = at = target;
      continue;
    }
    if (length > kLabelMax || at + 1 + length > message.size()) return std::nullopt;
    if (!name.empty()) name += '.';
    for (const char c : message.substr(at + 1, length))
      name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    if (name.size() > kNameMax) return std::nullopt;
    at += 1 + length;
  }
  return std::nullopt;
}

struct Place {
  Type type;
  std::size_t name, ttl, data;
  std::uint16_t size;
};

// Where each record's fields lie. Nothing if the message is malformed.
std::optional<std::vector<Place>> find_records(std::string_view message) {
  if (message.size() < kHeader) return std::nullopt;
  std::size_t at = kHeader;
  for (int i = read16(message, 4); i > 0; --i) {
    const auto end = skip_name(message, at);
    if (!end || *end + 4 > message.size()) return std::nullopt;
    at = *end + 4;
  }
  std::vector<Place> places;
  for (int i = read16(message, 6) + read16(message, 8) + read16(message, 10); i > 0; --i) {
    const auto end = skip_name(message, at);
    if (!end || *end + 10 > message.size()) return std::nullopt;
    const Place place{static_cast<Type>(read16(message, *end)), at, *end + 4, *end + 10,
                      read16(message, *end + 8)};
    if (place.data + place.size > message.size()) return std::nullopt;
    places.push_back(place);
    at = place.data + place.size;
  }
  return places;
}

void put_name(std::string& out, std::string_view name) {
  while (!name.empty()) {
    const auto dot = name.find('.');
    const std::string_view label = name.substr(0, dot);
    if (!label.empty()) {
      out += static_cast<char>(std::min(label.size(), kLabelMax));
      out += label.substr(0, kLabelMax);
    }
    if (dot == std::string_view::npos) break;
    name.remove_prefix(dot + 1);
  }
  out += '\0';
}

void put_record(std::string& out, const Record& record, std::string_view question_name) {
  // Most records are of the very name that was asked for; it stands right after the header.
  if (record.name == question_name) {
    put16(out, 0xc000 | kHeader);
  } else {
    put_name(out, record.name);
  }
  put16(out, static_cast<std::uint16_t>(record.type));
  put16(out, 1);  // IN
  put32(out, record.ttl);
  put16(out, static_cast<unsigned>(record.data.size()));
  out += record.data;
}

void put_opt(std::string& out, bool dnssec_ok, unsigned extended_code) {
  out += '\0';
  put16(out, static_cast<std::uint16_t>(Type::Opt));
  put16(out, kUdpSize);
  put32(out, extended_code << 24 | (dnssec_ok ? kDnssecOk : 0));
  put16(out, 0);
}

}  // namespace

std::optional<Query> parse_query(std::string_view message) {
  if (message.size() < kHeader) return std::nullopt;
  const std::uint16_t flags = read16(message, 2);
  if ((flags & 0x8000) != 0 || read16(message, 4) != 1) return std::nullopt;
  Query query;
  query.id = read16(message, 0);
  query.opcode = static_cast<std::uint8_t>(flags >> 11 & 15);
  query.recursion_desired = (flags & 0x0100) != 0;
  query.checking_disabled = (flags & 0x0010) != 0;
  const auto end = read_plain_name(message, kHeader, query.name);
  if (!end || *end + 4 > message.size()) return std::nullopt;
  query.type = read16(message, *end);
  query.class_ = read16(message, *end + 2);
  query.question = message.substr(kHeader, *end + 4 - kHeader);
  const auto records = find_records(message);
  if (!records) return std::nullopt;
  for (const auto& record : *records) {
    if (record.type != Type::Opt) continue;
    if (query.edns) return std::nullopt;  // RFC 6891 section 6.1.1: one at most.
    query.edns = true;
    // In an OPT record the class is the size, the TTL version and flags.
    query.udp_size = std::clamp<std::uint16_t>(read16(message, record.ttl - 2), 512, kUdpSize);
    query.edns_version = static_cast<std::uint8_t>(message[record.ttl + 1]);
    query.dnssec_ok = (read32(message, record.ttl) & kDnssecOk) != 0;
  }
  return query;
}

std::string format_error(std::string_view message) {
  if (message.size() < kHeader || (read16(message, 2) & 0x8000) != 0) return {};
  std::string out(message.substr(0, 2));
  put16(out, 0x8000U | (read16(message, 2) & 0x7900U) | static_cast<unsigned>(Code::FormErr));
  out.append(8, '\0');
  return out;
}

std::string question_of(std::string_view name, std::uint16_t type) {
  std::string out;
  put_name(out, name);
  put16(out, type);
  put16(out, 1);
  return out;
}

std::string write_query(const Query& query, std::uint16_t id) {
  std::string out;
  put16(out, id);
  put16(out, 0x0100U | (query.checking_disabled ? 0x0010U : 0U));
  for (const unsigned count : {1, 0, 0, 1}) put16(out, count);
  out += query.question;
  put_opt(out, query.dnssec_ok, 0);
  return out;
}

std::string write_answer(const Query& query, const Answer& answer, std::size_t size_max) {
  std::string out;
  put16(out, query.id);
  unsigned flags = 0x8000U | static_cast<unsigned>(query.opcode) << 11 | 0x0080U |
                   (static_cast<unsigned>(answer.code) & 15U);
  if (answer.authoritative) flags |= 0x0400;
  if (query.recursion_desired) flags |= 0x0100;
  put16(out, flags);
  put16(out, 1);
  for (int i = 0; i < 3; ++i) put16(out, 0);
  out += query.question;

  const std::size_t reserve = query.edns ? kOptBytes : 0;
  std::uint16_t counts[3] = {};
  bool truncated = false;
  const std::vector<Record>* sections[] = {&answer.answers, &answer.authority, &answer.additional};
  for (int section = 0; section < 3 && !truncated; ++section) {
    for (const auto& record : *sections[section]) {
      const std::size_t before = out.size();
      put_record(out, record, query.name);
      if (out.size() + reserve > size_max) {
        out.resize(before);
        // Additional records are a courtesy; their lack is no truncation.
        truncated = section < 2;
        break;
      }
      ++counts[section];
    }
  }
  if (query.edns) {
    put_opt(out, query.dnssec_ok, static_cast<unsigned>(answer.code) >> 4);
    ++counts[2];
  }
  for (std::size_t section = 0; section < 3; ++section) {
    out[6 + section * 2] = static_cast<char>(counts[section] >> 8);
    out[7 + section * 2] = static_cast<char>(counts[section] & 0xff);
  }
  if (truncated) out[2] = static_cast<char>(out[2] | 0x02);
  return out;
}

// --- Responses -----------------------------------------------------------------------------------

bool is_response_to(std::string_view message, std::uint16_t id, std::string_view question) {
  return message.size() >= kHeader + question.size() && read16(message, 0) == id &&
         (read16(message, 2) & 0x8000) != 0 && read16(message, 4) == 1 &&
         message.substr(kHeader, question.size()) == question && find_records(message);
}

Code code_of(std::string_view response) { return static_cast<Code>(response[3] & 15); }

bool is_truncated(std::string_view response) { return (response[2] & 0x02) != 0; }

std::string without_opt(std::string response) {
  const auto records = find_records(response);
  if (!records) return response;
  // One in the middle, which nobody sends, stays: what points past it would point elsewhere.
  if (read16(response, 10) == 0 || records->back().type != Type::Opt) return response;
  const Place& last = records->back();
  if (last.data + last.size != response.size()) return response;
  response.resize(last.name);
  const auto count = static_cast<std::uint16_t>(read16(response, 10) - 1);
  response[10] = static_cast<char>(count >> 8);
  response[11] = static_cast<char>(count & 0xff);
  return response;
}

std::string fit_response(const Query& query, std::string response, std::size_t size_max) {
  if (response.size() + (query.edns ? kOptBytes : 0) > size_max) {
    // Says that there is more, by TCP; an empty answer is enough for that.
    std::string cut = write_answer(query, {.authoritative = false}, size_max);
    cut[2] = static_cast<char>(cut[2] | 0x02);
    return cut;
  }
  response[0] = static_cast<char>(query.id >> 8);
  response[1] = static_cast<char>(query.id & 0xff);
  response.replace(kHeader, query.question.size(), query.question);
  if (!query.edns) return response;
  put_opt(response, query.dnssec_ok, 0);
  const auto count = static_cast<std::uint16_t>(read16(response, 10) + 1);
  response[10] = static_cast<char>(count >> 8);
  response[11] = static_cast<char>(count & 0xff);
  return response;
}

std::vector<Record> address_records(std::string_view response) {
  const auto places = find_records(response);
  if (!places) return {};
  std::vector<Record> out;
  const std::size_t answers = read16(response, 6);
  for (std::size_t i = 0; i < std::min(answers, places->size()); ++i) {
    const Place& place = (*places)[i];
    const auto name = read_name(response, place.name);
    if (!name) continue;
    Record record{*name, place.type, read32(response, place.ttl),
                  std::string(response.substr(place.data, place.size))};
    if (place.type == Type::Cname) {
      const auto target = read_name(response, place.data);
      if (!target) continue;
      record.data = name_data(*target);
    } else if (place.type != Type::A && place.type != Type::Aaaa) {
      continue;
    }
    out.push_back(std::move(record));
  }
  return out;
}

// --- RDATA ---------------------------------------------------------------------------------------

std::string name_of_data(std::string_view data) {
  std::string name;
  return read_plain_name(data, 0, name) ? name : std::string();
}

std::string name_data(std::string_view name) {
  std::string out;
  put_name(out, name);
  return out;
}

std::string text_data(std::string_view text) {
  std::string out(1, static_cast<char>(std::min<std::size_t>(text.size(), 255)));
  return out.append(text.substr(0, 255));
}

std::string srv_data(std::uint16_t priority, std::uint16_t weight, std::uint16_t port,
                     std::string_view target) {
  std::string out;
  put16(out, priority);
  put16(out, weight);
  put16(out, port);
  put_name(out, target);
  return out;
}

std::string soa_data(std::string_view primary, std::string_view mailbox, std::uint32_t serial,
                     std::uint32_t minimum) {
  std::string out;
  put_name(out, primary);
  put_name(out, mailbox);
  for (const std::uint32_t value : {serial, 7200U, 1800U, 86400U, minimum}) put32(out, value);
  return out;
}

std::optional<std::string> address_data(const std::string& ip) {
  char bytes[16];
  if (inet_pton(AF_INET, ip.c_str(), bytes) == 1) return std::string(bytes, 4);
  if (inet_pton(AF_INET6, ip.c_str(), bytes) == 1) return std::string(bytes, 16);
  return std::nullopt;
}

std::optional<std::uint32_t> response_ttl(std::string_view message) {
  const auto records = find_records(message);
  if (!records) return std::nullopt;
  std::optional<std::uint32_t> smallest;
  for (const auto& record : *records) {
    if (record.type == Type::Opt) continue;
    std::uint32_t ttl = read32(message, record.ttl);
    // RFC 2308: a negative answer lives as long as the SOA says.
    if (record.type == Type::Soa && record.size >= 4)
      ttl = std::min(ttl, read32(message, record.data + record.size - 4));
    smallest = std::min(smallest.value_or(ttl), ttl);
  }
  return smallest.value_or(0);
}

void age_response(std::string& message, std::uint32_t seconds) {
  const auto records = find_records(message);
  if (!records) return;
  for (const auto& record : *records) {
    if (record.type == Type::Opt) continue;
    const std::uint32_t ttl = read32(message, record.ttl);
    std::string bytes;
    put32(bytes, ttl > seconds ? ttl - seconds : 0);
    message.replace(record.ttl, 4, bytes);
  }
}

}  // namespace keelson::dns
