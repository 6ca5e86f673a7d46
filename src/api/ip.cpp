// SPDX-License-Identifier: Apache-2.0
#include "api/ip.h"

#include <algorithm>
#include <charconv>

#include "api/quote.h"

namespace keelson::api {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};

// A whole number of decimal digits, at most `maximum`, that takes all of `text`.
std::optional<int> parse_number(std::string_view text, int maximum, bool leading_zeros) {
  if (text.empty() || text.size() > 9) return std::nullopt;
  if (text.size() > 1 && text.front() == '0' && !leading_zeros) return std::nullopt;
  int number = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    number = number * 10 + (c - '0');
  }
  if (number > maximum) return std::nullopt;
  return number;
}

// Four numbers into four bytes.
bool parse_v4(std::string_view text, bool leading_zeros, std::uint8_t* bytes) {
  for (int i = 0; i < 4; ++i) {
    const std::size_t dot = text.find('.');
    if ((dot == text.npos) != (i == 3)) return false;
    const auto number = parse_number(text.substr(0, dot), 255, leading_zeros);
    if (!number) return false;
    bytes[i] = static_cast<std::uint8_t>(*number);
    text.remove_prefix(dot == text.npos ? text.size() : dot + 1);
  }
  return true;
}

bool parse_v6(std::string_view text, bool leading_zeros, std::array<std::uint8_t, 16>& bytes) {
  bytes.fill(0);
  std::size_t at = 0;
  std::optional<std::size_t> gap;  // Where "::" stands.
  if (text.starts_with("::")) {
    gap = 0;
    text.remove_prefix(2);
  }
  while (!text.empty()) {
    if (at >= 16) return false;
    const std::size_t end = text.find(':');
    const std::string_view group = text.substr(0, end);
    if (group.find('.') != group.npos) {
      if (end != text.npos || at > 12 || (at != 12 && !gap)) return false;
      if (!parse_v4(group, leading_zeros, bytes.data() + at)) return false;
      at += 4;
      break;
    }
    if (group.empty() || group.size() > 4) return false;
    unsigned value = 0;
    const char* stop = std::from_chars(group.data(), group.data() + group.size(), value, 16).ptr;
    if (stop != group.data() + group.size()) return false;
    bytes[at++] = static_cast<std::uint8_t>(value >> 8);
    bytes[at++] = static_cast<std::uint8_t>(value & 0xFF);
    if (end == text.npos) break;
    text.remove_prefix(end + 1);
    if (text.empty()) return false;
    if (text.front() == ':') {
      if (gap) return false;
      gap = at;
      text.remove_prefix(1);
    }
  }
  if (at == 16) return !gap;
  if (!gap) return false;
  // What stands behind the gap moves to the end.
  const std::size_t behind = at - *gap;
  std::ranges::copy_backward(bytes.begin() + static_cast<std::ptrdiff_t>(*gap),
                             bytes.begin() + static_cast<std::ptrdiff_t>(at), bytes.end());
  std::fill(bytes.begin() + static_cast<std::ptrdiff_t>(*gap),
            bytes.end() - static_cast<std::ptrdiff_t>(behind), std::uint8_t{0});
  return true;
}

bool is_mapped_text(const IpAddress& address, std::string_view text) {
  return address.is_v4() && text.find(':') != text.npos;
}

void check_family(FieldErrors& errors, const FieldPath& field, std::string_view value,
                  const IpAddress& address, IpRules::Family family, std::string_view what) {
  if (family == IpRules::Family::V4 && !address.is_v4()) {
    errors.invalid(field, value, "must be an IPv4 " + std::string(what));
  }
  if (family == IpRules::Family::V6 && !address.is_v6()) {
    errors.invalid(field, value, "must be an IPv6 " + std::string(what));
  }
}

}  // namespace

std::optional<IpAddress> IpAddress::parse(std::string_view text, bool leading_zeros) {
  IpAddress address;
  if (text.find(':') == text.npos) {
    std::ranges::copy(kMapped, address.bytes_.begin());
    if (!parse_v4(text, leading_zeros, address.bytes_.data() + 12)) return std::nullopt;
    return address;
  }
  if (!parse_v6(text, leading_zeros, address.bytes_)) return std::nullopt;
  return address;
}

IpAddress IpAddress::v4(std::uint32_t value) {
  IpAddress address;
  std::ranges::copy(kMapped, address.bytes_.begin());
  for (std::size_t i = 0; i < 4; ++i) {
    address.bytes_[12 + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  }
  return address;
}

IpAddress IpAddress::v6(const std::array<std::uint8_t, 16>& bytes) {
  IpAddress address;
  address.bytes_ = bytes;
  return address;
}

bool IpAddress::is_v4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()); }

std::uint32_t IpAddress::v4_value() const {
  if (!is_v4()) return 0;
  std::uint32_t value = 0;
  for (std::size_t i = 12; i < 16; ++i) value = value << 8 | bytes_[i];
  return value;
}

std::string IpAddress::text() const {
  std::string text;
  if (is_v4()) {
    for (std::size_t i = 12; i < 16; ++i) {
      if (i > 12) text += '.';
      text += std::to_string(bytes_[i]);
    }
    return text;
  }
  const auto group = [&](std::size_t i) { return bytes_[2 * i] << 8 | bytes_[2 * i + 1]; };
  // RFC 5952: the longest run of two or more zero groups is left out, the first of equals.
  std::size_t gap = 8, gap_size = 1;
  for (std::size_t i = 0; i < 8;) {
    std::size_t end = i;
    while (end < 8 && group(end) == 0) ++end;
    if (end - i > gap_size) {
      gap = i;
      gap_size = end - i;
    }
    i = end == i ? i + 1 : end;
  }
  for (std::size_t i = 0; i < 8; ++i) {
    if (i == gap) {
      text += "::";
      i += gap_size - 1;
      continue;
    }
    if (!text.empty() && text.back() != ':') text += ':';
    char digits[8];
    const auto end = std::to_chars(digits, digits + sizeof digits, group(i), 16).ptr;
    text.append(digits, end);
  }
  return text;
}

IpPrefix::IpPrefix(const IpAddress& address, int length)
    : address_(address), length_(length), wide_(address.is_v6()) {}

std::optional<IpPrefix> IpPrefix::parse(std::string_view text, bool leading_zeros) {
  const std::size_t slash = text.find('/');
  if (slash == text.npos) return std::nullopt;
  const std::string_view host = text.substr(0, slash);
  const auto address = IpAddress::parse(host, leading_zeros);
  if (!address) return std::nullopt;
  const bool wide = host.find(':') != host.npos;
  const auto length = parse_number(text.substr(slash + 1), wide ? 128 : 32, leading_zeros);
  if (!length) return std::nullopt;
  IpPrefix prefix(*address, *length);
  prefix.wide_ = wide;
  return prefix;
}

IpAddress IpPrefix::network() const {
  auto bytes = address_.bytes();
  for (int bit = mask_length(); bit < 128; ++bit) {
    bytes[static_cast<std::size_t>(bit / 8)] &= static_cast<std::uint8_t>(~(0x80 >> bit % 8));
  }
  return IpAddress::v6(bytes);
}

bool IpPrefix::contains(const IpAddress& address) const {
  if (address.is_v4() != address_.is_v4()) return false;
  IpPrefix other = *this;
  other.address_ = address;
  return other.network() == network();
}

std::string IpPrefix::text() const { return address_.text() + "/" + std::to_string(length_); }

FieldErrors validate_ip(const FieldPath& field, std::string_view value, const IpRules& rules) {
  FieldErrors errors;
  const auto address = IpAddress::parse(value, true);
  if (!address) {
    errors.invalid(field, value, "must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)");
    return errors;
  }
  if (!rules.legacy) {
    if (!IpAddress::parse(value)) {
      errors.invalid(field, value, "must not have leading 0s");
    } else if (is_mapped_text(*address, value)) {
      errors.invalid(field, value, "must not be an IPv4-mapped IPv6 address");
    }
  }
  if (rules.canonical && errors.empty() && value != address->text()) {
    errors.invalid(field, value, "must be in canonical form (" + quoted(address->text()) + ")");
  }
  check_family(errors, field, value, *address, rules.family, "address");
  return errors;
}

FieldErrors validate_cidr(const FieldPath& field, std::string_view value, const IpRules& rules) {
  FieldErrors errors;
  const auto prefix = IpPrefix::parse(value, true);
  if (!prefix) {
    errors.invalid(field, value, "must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)");
    return errors;
  }
  if (!rules.legacy) {
    if (!IpPrefix::parse(value)) {
      errors.invalid(field, value, "must not have leading 0s in IP or prefix length");
    } else if (is_mapped_text(prefix->address(), value)) {
      errors.invalid(field, value, "must not have an IPv4-mapped IPv6 address");
    }
  }
  if (rules.canonical && errors.empty() && value != prefix->text()) {
    errors.invalid(field, value, "must be in canonical form (" + quoted(prefix->text()) + ")");
  }
  if (!rules.legacy && !rules.interface_address && prefix->network() != prefix->address()) {
    errors.invalid(field, value, "must not have bits set beyond the prefix length");
  }
  check_family(errors, field, value, prefix->address(), rules.family, "CIDR");
  return errors;
}

}  // namespace keelson::api
