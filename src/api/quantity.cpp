// SPDX-License-Identifier: Apache-2.0
#include "api/quantity.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <vector>

namespace keelson::api {

namespace {

using Int = __int128;

constexpr Int kNanoPerUnit = 1'000'000'000;
constexpr Int kMax = (~static_cast<unsigned __int128>(0)) >> 1;
constexpr Int kInt64Max = std::numeric_limits<std::int64_t>::max();
constexpr Int kInt64Min = std::numeric_limits<std::int64_t>::min();

constexpr std::string_view kFormatWrong =
    "quantities must match the regular expression "
    "'^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
constexpr std::string_view kSuffixWrong = "unable to parse quantity's suffix";

struct Suffix {
  std::string_view text;
  int exponent;  // Of ten.
};
constexpr Suffix kDecimalSuffixes[] = {{"n", -9}, {"u", -6}, {"m", -3}, {"", 0},   {"k", 3},
                                       {"M", 6},  {"G", 9},  {"T", 12}, {"P", 15}, {"E", 18}};
constexpr std::string_view kBinarySuffixes[] = {"", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"};

struct Scale {
  Quantity::Format format;
  int power_of_ten = 0;
  int power_of_1024 = 0;
};

std::optional<Scale> parse_suffix(std::string_view suffix) {
  for (const Suffix& known : kDecimalSuffixes) {
    if (suffix == known.text) return Scale{Quantity::Format::DecimalSi, known.exponent};
  }
  for (int i = 1; i < static_cast<int>(std::size(kBinarySuffixes)); ++i) {
    if (suffix == kBinarySuffixes[i]) return Scale{Quantity::Format::BinarySi, 0, i};
  }
  if (suffix.size() < 2 || (suffix[0] != 'e' && suffix[0] != 'E')) return std::nullopt;
  std::string_view digits = suffix.substr(1);
  if (digits.starts_with('+')) digits.remove_prefix(1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  if (end != digits.data() + digits.size() || digits.empty()) return std::nullopt;
  if (error == std::errc::result_out_of_range) exponent = digits[0] == '-' ? -1'000'000 : 1'000'000;
  if (suffix[1] == '+' && digits[0] == '-') return std::nullopt;
  return Scale{Quantity::Format::DecimalExponent, std::clamp(exponent, -1'000'000, 1'000'000)};
}

// The product of a decimal number of any length and 1024^power, in digits.
std::string times_1024(std::string_view digits, int power) {
  constexpr std::uint64_t kLimb = 1'000'000'000;
  std::vector<std::uint64_t> limbs;  // Lowest first.
  for (std::size_t end = digits.size(); end > 0;) {
    const std::size_t begin = end > 9 ? end - 9 : 0;
    std::uint64_t limb = 0;
    for (const char c : digits.substr(begin, end - begin)) {
      limb = limb * 10 + static_cast<std::uint64_t>(c - '0');
    }
    limbs.push_back(limb);
    end = begin;
  }
  for (; power > 0; --power) {
    std::uint64_t carry = 0;
    for (auto& limb : limbs) {
      carry += limb * 1024;
      limb = carry % kLimb;
      carry /= kLimb;
    }
    if (carry) limbs.push_back(carry);
  }
  std::string result;
  for (auto limb = limbs.rbegin(); limb != limbs.rend(); ++limb) {
    const std::string part = std::to_string(*limb);
    if (!result.empty()) result.append(9 - part.size(), '0');
    result += part;
  }
  return result;
}

// digits * 10^exponent, rounded up, held at kMax.
Int to_integer(std::string_view digits, int exponent) {
  while (digits.starts_with('0')) digits.remove_prefix(1);
  bool rest = false;
  if (exponent < 0) {
    const std::size_t cut = std::min(digits.size(), static_cast<std::size_t>(-exponent));
    const auto fraction = digits.substr(digits.size() - cut);
    rest = fraction.find_first_not_of('0') != std::string_view::npos;
    digits.remove_suffix(cut);
    exponent = 0;
  }
  if (digits.empty()) return rest ? 1 : 0;
  if (digits.size() + static_cast<std::size_t>(exponent) > 38) return kMax;
  Int value = 0;
  for (const char c : digits) value = value * 10 + (c - '0');
  for (; exponent > 0; --exponent) value *= 10;
  return value + (rest ? 1 : 0);
}

std::string digits_of(Int value) {
  std::string result;
  for (; value > 0; value /= 10) result += static_cast<char>('0' + static_cast<int>(value % 10));
  std::ranges::reverse(result);
  return result.empty() ? "0" : result;
}

Int saturating_add(Int a, Int b) {
  Int sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? -kMax : kMax;
}

// Away from zero, as upstream rounds.
std::int64_t divide_up(Int value, Int divisor) {
  Int quotient = value / divisor;
  if (quotient * divisor != value) quotient += value < 0 ? -1 : 1;
  return static_cast<std::int64_t>(std::clamp(quotient, kInt64Min, kInt64Max));
}

}  // namespace

Result<Quantity> Quantity::parse(std::string_view text) {
  std::string_view rest = text;
  const bool negative = rest.starts_with('-');
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);

  const auto take_digits = [&rest] {
    const std::size_t end = std::min(rest.find_first_not_of("0123456789"), rest.size());
    const std::string_view digits = rest.substr(0, end);
    rest.remove_prefix(end);
    return digits;
  };
  const std::size_t before = rest.size();
  std::string digits(take_digits());
  int places = 0;
  if (rest.starts_with('.')) {
    rest.remove_prefix(1);
    const std::string_view fraction = take_digits();
    digits += fraction;
    places = static_cast<int>(fraction.size());
  }
  if (rest.size() == before) return fail(Status::bad_request(std::string(kFormatWrong)));

  // The grammar of the suffix is looser than the set of suffixes, and each has an error of its own.
  std::string_view tail = rest;
  tail.remove_prefix(std::min(tail.find_first_not_of("eEinumkKMGTP"), tail.size()));
  if (tail.starts_with('-') || tail.starts_with('+')) tail.remove_prefix(1);
  if (tail.find_first_not_of("0123456789") != std::string_view::npos) {
    return fail(Status::bad_request(std::string(kFormatWrong)));
  }
  const auto scale = parse_suffix(rest);
  if (!scale) return fail(Status::bad_request(std::string(kSuffixWrong)));

  if (scale->power_of_1024) digits = times_1024(digits, scale->power_of_1024);
  Quantity quantity;
  quantity.format_ = scale->format;
  quantity.nano_ = to_integer(digits, scale->power_of_ten - places + 9);
  if (quantity.format_ == Format::BinarySi) {
    quantity.nano_ = std::min(quantity.nano_, kInt64Max * kNanoPerUnit);
    // A fraction of one cannot be written with a binary suffix.
    if (quantity.nano_ > 0 && quantity.nano_ < kNanoPerUnit) quantity.format_ = Format::DecimalSi;
  }
  if (negative) quantity.nano_ = -quantity.nano_;
  return quantity;
}

Quantity Quantity::of(std::string_view literal) {
  auto quantity = parse(literal);
  CHECK(quantity.has_value());
  return *quantity;
}

Quantity Quantity::from_value(std::int64_t value, Format format) {
  return from_nano(static_cast<Int>(value) * kNanoPerUnit, format);
}

Quantity Quantity::from_milli(std::int64_t value, Format format) {
  return from_nano(static_cast<Int>(value) * 1'000'000, format);
}

std::string Quantity::text() const {
  if (nano_ == 0) return "0";
  Int value = nano_ < 0 ? -nano_ : nano_;
  std::string result = nano_ < 0 ? "-" : "";

  // Upstream writes other amounts in this format without a suffix, and with a decimal one as soon
  // as it has read that again; here the text stays the same.
  if (format_ == Format::BinarySi && value % (1024 * kNanoPerUnit) == 0) {
    value /= kNanoPerUnit;
    std::size_t power = 0;
    while (value % 1024 == 0 && power + 1 < std::size(kBinarySuffixes)) {
      value /= 1024;
      ++power;
    }
    return result.append(digits_of(value)).append(kBinarySuffixes[power]);
  }

  // Suffixes stand for every third power of ten, so take out a thousand at a time.
  const bool si = format_ != Format::DecimalExponent;
  int exponent = -9;
  while (value % 1000 == 0 && !(si && exponent == 18)) {
    value /= 1000;
    exponent += 3;
  }
  result += digits_of(value);
  if (!si) return exponent ? result + "e" + std::to_string(exponent) : result;
  return result.append(kDecimalSuffixes[(exponent + 9) / 3].text);
}

std::int64_t Quantity::value() const { return divide_up(nano_, kNanoPerUnit); }
std::int64_t Quantity::milli_value() const { return divide_up(nano_, 1'000'000); }
double Quantity::as_double() const { return static_cast<double>(nano_) / 1e9; }

Quantity& Quantity::operator+=(const Quantity& other) {
  if (is_zero()) format_ = other.format_;
  nano_ = saturating_add(nano_, other.nano_);
  return *this;
}

Quantity& Quantity::operator-=(const Quantity& other) {
  if (is_zero()) format_ = other.format_;
  nano_ = saturating_add(nano_, -other.nano_);
  return *this;
}

}  // namespace keelson::api
