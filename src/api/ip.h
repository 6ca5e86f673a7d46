// SPDX-License-Identifier: Apache-2.0
// IP addresses and prefixes in API objects. Source: Go's net/netip and net packages for the
// notation, apimachinery's util/validation for the messages; RFC 4291, RFC 5952.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "api/validation/field_error.h"

namespace keelson::api {

// An IPv4 address and its IPv4-mapped IPv6 form are the same address.
class IpAddress {
 public:
  // IPv4 in four decimal numbers, or IPv6; no zone. `leading_zeros` accepts, as base 10, numbers
  // such as 010, which upstream still takes in old fields. Nothing if the text is no address.
  static std::optional<IpAddress> parse(std::string_view text, bool leading_zeros = false);
  static IpAddress v4(std::uint32_t address);
  static IpAddress v6(const std::array<std::uint8_t, 16>& bytes);

  bool is_v4() const;  // Also when it is written as IPv4-mapped IPv6.
  bool is_v6() const { return !is_v4(); }
  // IPv4 as ::ffff:a.b.c.d.
  const std::array<std::uint8_t, 16>& bytes() const { return bytes_; }
  std::uint32_t v4_value() const;  // 0 if it is IPv6.
  // "10.0.0.1", "2001:db8::1".
  std::string text() const;

  auto operator<=>(const IpAddress&) const = default;

 private:
  std::array<std::uint8_t, 16> bytes_{};
};

// "10.0.0.0/8", "10.0.0.7/8".
class IpPrefix {
 public:
  static std::optional<IpPrefix> parse(std::string_view text, bool leading_zeros = false);
  // `length` in bits of the address' own family.
  IpPrefix(const IpAddress& address, int length);

  const IpAddress& address() const { return address_; }
  int length() const { return length_; }
  IpAddress network() const;  // The address with the bits behind the length cleared.
  bool contains(const IpAddress& address) const;
  std::string text() const;  // Of the address as it is.

  bool operator==(const IpPrefix&) const = default;

 private:
  // Bits of the 128 that must match.
  int mask_length() const { return wide_ ? length_ : length_ + 96; }

  IpAddress address_;
  int length_;
  bool wide_;  // The length counts from the start of an IPv6 address.
};

struct IpRules {
  enum class Family : std::uint8_t { Any, V4, V6 };

  // As in fields older than 1.33: leading zeros, IPv4-mapped addresses and, in prefixes, bits
  // behind the length are accepted.
  bool legacy = false;
  bool canonical = false;
  // In prefixes: an address on its network, so bits behind the length are meant.
  bool interface_address = false;
  Family family = Family::Any;
};

FieldErrors validate_ip(const FieldPath& field, std::string_view value, const IpRules& rules = {});
FieldErrors validate_cidr(const FieldPath& field, std::string_view value,
                          const IpRules& rules = {});

}  // namespace keelson::api
