// SPDX-License-Identifier: Apache-2.0
#include "api/scalars.h"

#include <array>
#include <charconv>

namespace keelson::api {

namespace {

constexpr std::string_view kAlphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<std::int8_t, 256> kSextets = [] {
  std::array<std::int8_t, 256> table{};
  table.fill(-1);
  for (std::size_t i = 0; i < kAlphabet.size(); ++i) {
    table[static_cast<unsigned char>(kAlphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}();

}  // namespace

std::string base64_encode(std::string_view bytes) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
  };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (const int shift : {18, 12, 6, 0}) out += kAlphabet[group >> shift & 63];
  }
  const std::size_t left = bytes.size() - i;
  if (left > 0) {
    const std::uint32_t group = byte(i) << 16 | (left == 2 ? byte(i + 1) << 8 : 0);
    out += kAlphabet[group >> 18 & 63];
    out += kAlphabet[group >> 12 & 63];
    out += left == 2 ? kAlphabet[group >> 6 & 63] : '=';
    out += '=';
  }
  return out;
}

Result<std::string> base64_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size() / 4 * 3);
  std::uint32_t group = 0;
  int sextets = 0;
  std::size_t i = 0;
  const auto illegal = [&i] {
    return fail(Status::bad_request("illegal base64 data at input byte " + std::to_string(i)));
  };
  const auto skip_breaks = [&] {
    while (i < text.size() && (text[i] == '\r' || text[i] == '\n')) ++i;
  };
  for (; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '\r' || c == '\n') continue;
    if (c == '=') break;
    const std::int8_t sextet = kSextets[static_cast<unsigned char>(c)];
    if (sextet < 0) return illegal();
    group = group << 6 | static_cast<std::uint32_t>(sextet);
    if (++sextets < 4) continue;
    out += static_cast<char>(group >> 16);
    out += static_cast<char>(group >> 8);
    out += static_cast<char>(group);
    group = 0;
    sextets = 0;
  }
  if (i == text.size()) return sextets == 0 ? Result<std::string>(std::move(out)) : illegal();

  // Padding ends the text: one sign after three characters, two after two.
  if (sextets < 2) return illegal();
  ++i;
  if (sextets == 2) {
    skip_breaks();
    if (i == text.size() || text[i] != '=') return illegal();
    ++i;
  }
  skip_breaks();
  if (i != text.size()) return illegal();
  group <<= sextets == 2 ? 12 : 6;
  out += static_cast<char>(group >> 16);
  if (sextets == 3) out += static_cast<char>(group >> 8);
  return out;
}

const std::string& IntOrString::string_value() const {
  static const std::string empty;
  return is_string() ? std::get<1>(value_) : empty;
}

std::string IntOrString::text() const {
  return is_int() ? std::to_string(int_value()) : string_value();
}

Result<int> scaled_value(const IntOrString& value, int total, bool round_up) {
  if (value.is_int()) return value.int_value();
  const auto invalid = [](std::string why) {
    return fail(Status::bad_request("invalid value for IntOrString: " + std::move(why)));
  };
  std::string_view text = value.string_value();
  if (!text.ends_with('%')) return invalid("invalid type: string is not a percentage");
  text.remove_suffix(1);
  int percent = 0;
  const std::string_view digits = text.starts_with('+') ? text.substr(1) : text;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), percent);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return invalid("invalid value \"" + value.string_value() + "\": strconv.Atoi: parsing \"" +
                   std::string(text) + "\": invalid syntax");
  }
  const std::int64_t product = static_cast<std::int64_t>(percent) * total;
  std::int64_t result = product / 100;
  if (product % 100 != 0) {
    if (round_up && product > 0) ++result;
    if (!round_up && product < 0) --result;
  }
  return static_cast<int>(result);
}

}  // namespace keelson::api
