// SPDX-License-Identifier: Apache-2.0
#include "dns/message.h"

#include <arpa/inet.h>

#include <algorithm>

namespace keelson::dns {
namespace {

constexpr std::size_t kHeader = 12;
constexpr std::size_t kNameMax = 255, kLabelMax = 63;

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
std::optional<std::size_t> read_name(std::string_view message, std::size_t at, std::string& name) {
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
    if ((length & 0xc0) == 0xc0) return at + 2 <= message.size() ? std::optional(at + 2) : std::nullopt;
    if (length > kLabelMax) return std::nullopt;
    at += 1 + length;
  }
  return std::nullopt;
}

struct Place {
  Type type;
  std::size_t ttl, data;
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
    const Place place{static_cast<Type>(read16(message, *end)), *end + 4, *end + 10,
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

}  // namespace

std::optional<Query> parse_query(std::string_view message) {
  if (message.size() < kHeader) return std::nullopt;
  const std::uint16_t flags = read16(message, 2);
  if ((flags & 0x8000) != 0 || read16(message, 4) != 1) return std::nullopt;
  Query query;
  query.id = read16(message, 0);
  query.opcode = static_cast<std::uint8_t>(flags >> 11 & 15);
  query.recursion_desired = (flags & 0x0100) != 0;
  const auto end = read_name(message, kHeader, query.name);
  if (!end || *end + 4 > message.size()) return std::nullopt;
  query.type = read16(message, *end);
  query.class_ = read16(message, *end + 2);
  query.question = message.substr(kHeader, *end + 4 - kHeader);
  const auto records = find_records(message);
  if (!records) return std::nullopt;
  for (const auto& record : *records) {
    if (record.type != Type::Opt) continue;
    query.edns = true;
    // In an OPT record the class is the size.
    query.udp_size = std::clamp<std::uint16_t>(read16(message, record.ttl - 2), 512, 1232);
  }
  return query;
}

std::string write_answer(const Query& query, const Answer& answer, std::size_t size_max) {
  std::string out;
  put16(out, query.id);
  unsigned flags = 0x8000U | static_cast<unsigned>(query.opcode) << 11 | 0x0080U |
                   static_cast<unsigned>(answer.code);
  if (answer.authoritative) flags |= 0x0400;
  if (query.recursion_desired) flags |= 0x0100;
  put16(out, flags);
  put16(out, 1);
  for (int i = 0; i < 3; ++i) put16(out, 0);
  out += query.question;

  const std::size_t reserve = query.edns ? 11 : 0;
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
    out += '\0';
    put16(out, static_cast<std::uint16_t>(Type::Opt));
    put16(out, 1232);
    put32(out, 0);
    put16(out, 0);
    ++counts[2];
  }
  for (int section = 0; section < 3; ++section) {
    out[static_cast<std::size_t>(6 + section * 2)] = static_cast<char>(counts[section] >> 8);
    out[static_cast<std::size_t>(7 + section * 2)] = static_cast<char>(counts[section] & 0xff);
  }
  if (truncated) out[2] = static_cast<char>(out[2] | 0x02);
  return out;
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
