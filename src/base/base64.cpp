// SPDX-License-Identifier: Apache-2.0
#include "base/base64.h"

#include <array>
#include <cstdint>

namespace keelson {
namespace {

constexpr std::string_view kStandard =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

using Sextets = std::array<std::int8_t, 256>;

// The value of each letter; -1 for all that are foreign.
constexpr Sextets sextets_of(std::string_view alphabet) {
  Sextets table{};
  table.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    table[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  return table;
}

constexpr Sextets kStandardSextets = sextets_of(kStandard);
constexpr Sextets kUrlSextets = sextets_of(kUrl);

std::string encode(std::string_view bytes, std::string_view alphabet, bool padded) {
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  const auto byte = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
  };
  std::size_t i = 0;
  for (; i + 3 <= bytes.size(); i += 3) {
    const std::uint32_t group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    for (const int shift : {18, 12, 6, 0}) out += alphabet[group >> shift & 63];
  }
  const std::size_t left = bytes.size() - i;
  if (left > 0) {
    const std::uint32_t group = byte(i) << 16 | (left == 2 ? byte(i + 1) << 8 : 0);
    out += alphabet[group >> 18 & 63];
    out += alphabet[group >> 12 & 63];
    if (left == 2) out += alphabet[group >> 6 & 63];
    if (padded) out.append(3 - left, '=');
  }
  return out;
}

// Letters on their way to bytes, in groups of four.
class Decoder {
 public:
  explicit Decoder(std::size_t text_size) { bytes_.reserve(text_size / 4 * 3 + 2); }

  void add(std::int8_t sextet) {
    group_ = group_ << 6 | static_cast<std::uint32_t>(sextet);
    if (++pending_ < 4) return;
    for (const int shift : {16, 8, 0}) bytes_ += static_cast<char>(group_ >> shift);
    group_ = 0;
    pending_ = 0;
  }
  // Letters of a group that is not complete.
  int pending() const { return pending_; }
  // The bits of that group that belong to no byte.
  std::uint32_t bits_left_over() const {
    return group_ & (pending_ == 2 ? 0xfu : pending_ == 3 ? 0x3u : 0u);
  }
  // Two or three pending letters are one or two bytes; there must not be one.
  std::string finish() && {
    if (pending_ == 2) bytes_ += static_cast<char>(group_ >> 4);
    if (pending_ == 3) {
      bytes_ += static_cast<char>(group_ >> 10);
      bytes_ += static_cast<char>(group_ >> 2);
    }
    return std::move(bytes_);
  }

 private:
  std::string bytes_;
  std::uint32_t group_ = 0;
  int pending_ = 0;
};

std::unexpected<Status> illegal_at(std::size_t place) {
  return fail(Status::bad_request("illegal base64 data at input byte " + std::to_string(place)));
}

}  // namespace

std::string base64_encode(std::string_view bytes) { return encode(bytes, kStandard, true); }
std::string base64url_encode(std::string_view bytes) { return encode(bytes, kUrl, false); }

Result<std::string> base64_decode(std::string_view text) {
  Decoder decoder(text.size());
  std::size_t i = 0;
  const auto skip_breaks = [&] {
    while (i < text.size() && (text[i] == '\r' || text[i] == '\n')) ++i;
  };
  for (; i < text.size() && text[i] != '='; ++i) {
    if (text[i] == '\r' || text[i] == '\n') continue;
    const std::int8_t sextet = kStandardSextets[static_cast<unsigned char>(text[i])];
    if (sextet < 0) return illegal_at(i);
    decoder.add(sextet);
  }
  // Padding ends the text: one sign after three letters, two after two.
  const int padding = decoder.pending() == 0 ? 0 : 4 - decoder.pending();
  if (padding > 2) return illegal_at(i);
  for (int sign = 0; sign < padding; ++sign) {
    skip_breaks();
    if (i == text.size() || text[i] != '=') return illegal_at(i);
    ++i;
  }
  skip_breaks();
  if (i != text.size()) return illegal_at(i);
  return std::move(decoder).finish();
}

Result<std::string> base64url_decode(std::string_view text) {
  Decoder decoder(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::int8_t sextet = kUrlSextets[static_cast<unsigned char>(text[i])];
    if (sextet < 0) return illegal_at(i);
    decoder.add(sextet);
  }
  if (decoder.pending() == 1 || decoder.bits_left_over() != 0) return illegal_at(text.size());
  return std::move(decoder).finish();
}

}  // namespace keelson
