// SPDX-License-Identifier: Apache-2.0
// Exact decimal numbers with a suffix, as resources are measured: "250m", "1.5Gi", "10k".
// Source: the Kubernetes API reference, "Quantity"; the grammar and the canonical form are its.
#pragma once

#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace keelson::api {

// A count of billionths (nano) with the way it wants to be written. On parsing, what is finer than
// a billionth is rounded away from zero, and amounts with a binary suffix are capped at 2^63-1;
// others at about 1.7e29, where sums are capped too.
class Quantity {
 public:
  enum class Format : std::uint8_t {
    DecimalSi,        // 1k, 250m
    BinarySi,         // 1Ki, 1.5Gi as 1536Mi
    DecimalExponent,  // 1e3
  };

  constexpr Quantity() = default;

  // Errors: BadRequest with upstream's text.
  static Result<Quantity> parse(std::string_view text);
  // Of a literal in the program, which must be right.
  static Quantity of(std::string_view literal);
  static Quantity from_value(std::int64_t value, Format format = Format::DecimalSi);
  static Quantity from_milli(std::int64_t value, Format format = Format::DecimalSi);
  static constexpr Quantity from_nano(__int128 nano, Format format = Format::DecimalSi) {
    Quantity quantity;
    quantity.nano_ = nano;
    quantity.format_ = format;
    return quantity;
  }

  // The canonical text: the largest suffix that leaves no fraction. BinarySi falls back to
  // DecimalSi for magnitudes under 1024 and fractions.
  std::string text() const;

  // In whole units, thousandths, billionths; rounded away from zero, and held at the ends of
  // std::int64_t.
  std::int64_t value() const;
  std::int64_t milli_value() const;
  __int128 nano_value() const { return nano_; }
  double as_double() const;

  Format format() const { return format_; }
  bool is_zero() const { return nano_ == 0; }
  int sign() const { return nano_ < 0 ? -1 : nano_ > 0; }

  Quantity operator-() const { return from_nano(-nano_, format_); }
  // A zero takes over the other's format, as upstream's Add does.
  Quantity& operator+=(const Quantity& other);
  Quantity& operator-=(const Quantity& other);
  friend Quantity operator+(Quantity a, const Quantity& b) { return a += b; }
  friend Quantity operator-(Quantity a, const Quantity& b) { return a -= b; }

  // By amount: 1000m equals 1, 1Ki equals 1024.
  friend bool operator==(const Quantity& a, const Quantity& b) { return a.nano_ == b.nano_; }
  friend std::strong_ordering operator<=>(const Quantity& a, const Quantity& b) {
    return a.nano_ <=> b.nano_;
  }

 private:
  __int128 nano_ = 0;
  Format format_ = Format::DecimalSi;
};

}  // namespace keelson::api
