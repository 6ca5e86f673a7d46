// SPDX-License-Identifier: Apache-2.0
#include "api/yaml_scalar.h"

#include <charconv>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

namespace keelson::api {
namespace {

enum class Word : std::uint8_t { True, False, Null, NotANumber, Infinite, MinusInfinite };

struct WordRow {
  std::string_view text;
  Word word;
};

constexpr WordRow kWords[] = {
    {"y", Word::True},
    {"Y", Word::True},
    {"yes", Word::True},
    {"Yes", Word::True},
    {"YES", Word::True},
    {"true", Word::True},
    {"True", Word::True},
    {"TRUE", Word::True},
    {"on", Word::True},
    {"On", Word::True},
    {"ON", Word::True},
    {"n", Word::False},
    {"N", Word::False},
    {"no", Word::False},
    {"No", Word::False},
    {"NO", Word::False},
    {"false", Word::False},
    {"False", Word::False},
    {"FALSE", Word::False},
    {"off", Word::False},
    {"Off", Word::False},
    {"OFF", Word::False},
    {"", Word::Null},
    {"~", Word::Null},
    {"null", Word::Null},
    {"Null", Word::Null},
    {"NULL", Word::Null},
    {".nan", Word::NotANumber},
    {".NaN", Word::NotANumber},
    {".NAN", Word::NotANumber},
    {".inf", Word::Infinite},
    {".Inf", Word::Infinite},
    {".INF", Word::Infinite},
    {"+.inf", Word::Infinite},
    {"+.Inf", Word::Infinite},
    {"+.INF", Word::Infinite},
    {"-.inf", Word::MinusInfinite},
    {"-.Inf", Word::MinusInfinite},
    {"-.INF", Word::MinusInfinite},
};

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Takes digits off the front; how many.
std::size_t take_digits(std::string_view& text) {
  std::size_t count = 0;
  while (count < text.size() && is_digit(text[count])) ++count;
  text.remove_prefix(count);
  return count;
}

bool take(std::string_view& text, std::string_view any_of) {
  if (text.empty() || any_of.find(text.front()) == any_of.npos) return false;
  text.remove_prefix(1);
  return true;
}

// As Go's strconv.ParseInt and ParseUint with base 0: 0x, 0o, 0b and a leading 0 tell the base.
std::optional<Document> parse_whole(std::string_view text) {
  const bool negative = text.starts_with('-');
  const bool sign = take(text, "+-");
  int base = 10;
  if (text.size() > 1 && text.front() == '0') {
    switch (text[1]) {
      case 'x':
      case 'X':
        base = 16;
        break;
      case 'o':
      case 'O':
        base = 8;
        break;
      case 'b':
      case 'B':
        base = 2;
        break;
      default:
        break;
    }
    if (base != 10) {
      text.remove_prefix(2);
    } else {
      base = 8;
      text.remove_prefix(1);
    }
  }
  std::uint64_t magnitude = 0;
  const auto [stop, error] =
      std::from_chars(text.data(), text.data() + text.size(), magnitude, base);
  if (error != std::errc() || stop != text.data() + text.size()) return std::nullopt;
  constexpr auto kMax = static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max());
  if (negative) {
    if (magnitude > kMax + 1) return std::nullopt;
    return Document(static_cast<std::int64_t>(-magnitude));
  }
  if (magnitude <= kMax) return Document(static_cast<std::int64_t>(magnitude));
  if (sign) return std::nullopt;
  return Document(magnitude);
}

// [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?
std::optional<double> parse_fraction(std::string_view text) {
  const bool negative = text.starts_with('-');
  take(text, "+-");
  std::string_view rest = text;
  const bool whole = take_digits(rest) > 0;
  if (take(rest, ".") && take_digits(rest) == 0 && !whole) return std::nullopt;
  if (!whole && rest.size() == text.size()) return std::nullopt;
  if (take(rest, "eE")) {
    take(rest, "+-");
    if (take_digits(rest) == 0) return std::nullopt;
  }
  if (!rest.empty()) return std::nullopt;
  double number = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), number);
  if (result.ec != std::errc()) return std::nullopt;
  return negative ? -number : number;
}

std::string without_underscores(std::string_view text) {
  std::string plain;
  for (const char c : text) {
    if (c != '_') plain += c;
  }
  return plain;
}

// [-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?
bool is_base60(std::string_view text) {
  const auto is_digit_or_underscore = [](char c) { return is_digit(c) || c == '_'; };
  take(text, "+-");
  if (text.empty() || !is_digit(text.front())) return false;
  while (!text.empty() && is_digit_or_underscore(text.front())) text.remove_prefix(1);
  if (text.empty() || text.front() != ':') return false;
  while (take(text, ":")) {
    std::string_view digits = text;
    const std::size_t count = take_digits(text);
    if (count == 0 || count > 2 || (count == 2 && digits.front() > '5')) return false;
  }
  if (take(text, ".")) {
    while (!text.empty() && is_digit_or_underscore(text.front())) text.remove_prefix(1);
  }
  return text.empty();
}

// A number of one or two digits, at most `maximum`.
bool take_number(std::string_view& text, int maximum, int& number) {
  number = 0;
  std::size_t count = 0;
  while (count < 2 && count < text.size() && is_digit(text[count])) {
    number = number * 10 + (text[count++] - '0');
  }
  text.remove_prefix(count);
  return count > 0 && number <= maximum;
}

// "2001-12-14", with a time after T, t or a space.
bool is_timestamp(std::string_view text) {
  std::string_view rest = text;
  if (take_digits(rest) != 4) return false;
  int year = 0, month = 0, day = 0, part = 0;
  for (const char digit : text.substr(0, 4)) year = year * 10 + (digit - '0');
  if (!take(rest, "-") || !take_number(rest, 12, month)) return false;
  if (!take(rest, "-") || !take_number(rest, 31, day)) return false;
  if (!std::chrono::year_month_day(std::chrono::year(year),
                                   std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day)))
           .ok()) {
    return false;
  }
  if (rest.empty()) return true;
  const bool zoned = rest.front() != ' ';
  if (!take(rest, "Tt ") || !take_number(rest, 23, part)) return false;
  if (!take(rest, ":") || !take_number(rest, 59, part)) return false;
  if (!take(rest, ":") || !take_number(rest, 59, part)) return false;
  if (take(rest, ".") && take_digits(rest) == 0) return false;
  if (!zoned) return rest.empty();
  if (rest == "Z") return true;
  return take(rest, "+-") && rest.size() == 5 && take_number(rest, 24, part) && take(rest, ":") &&
         take_number(rest, 60, part) && rest.empty();
}

}  // namespace

Document resolve_plain_scalar(std::string_view text) {
  for (const WordRow& row : kWords) {
    if (row.text != text) continue;
    switch (row.word) {
      case Word::True:
        return true;
      case Word::False:
        return false;
      case Word::Null:
        return nullptr;
      case Word::NotANumber:
        return std::numeric_limits<double>::quiet_NaN();
      case Word::Infinite:
        return std::numeric_limits<double>::infinity();
      case Word::MinusInfinite:
        return -std::numeric_limits<double>::infinity();
    }
  }
  const char first = text.front();
  if (first == '.') {
    if (const auto number = parse_fraction(without_underscores(text))) return *number;
  } else if (is_digit(first) || first == '+' || first == '-') {
    const std::string plain = without_underscores(text);
    if (auto number = parse_whole(plain)) return *std::move(number);
    if (const auto number = parse_fraction(plain)) return *number;
  }
  return Document(boost::json::string_view(text));
}

bool is_plain_string(std::string_view text) {
  return resolve_plain_scalar(text).is_string() && text != "<<" && !is_base60(text) &&
         !is_timestamp(text);
}

}  // namespace keelson::api
