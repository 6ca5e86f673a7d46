// SPDX-License-Identifier: Apache-2.0
#include "net/websocket/frame.h"

#include <array>

namespace keelson::net {
namespace {

constexpr std::size_t kControlBytesMax = 125;
// Decoded bytes are dropped from the buffer's front once there are this many of them.
constexpr std::size_t kCompactBytes = 64 << 10;

bool is_control(WebSocketOpcode opcode) { return static_cast<int>(opcode) >= 8; }

bool is_known(int opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

std::unexpected<Status> violation(std::string what) {
  return fail(Reason::BadRequest, "websocket: " + std::move(what));
}

std::uint64_t read_big_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (const char byte : bytes) value = value << 8 | static_cast<unsigned char>(byte);
  return value;
}

void append_big_endian(std::string& out, std::uint64_t value, int count) {
  for (int shift = 8 * (count - 1); shift >= 0; shift -= 8)
    out.push_back(static_cast<char>(value >> shift & 0xff));
}

}  // namespace

Result<bool> WebSocketDecoder::read_header() {
  const std::string_view in = std::string_view(buffer_).substr(used_);
  if (in.size() < 2) return false;
  const auto first = static_cast<unsigned char>(in[0]);
  const auto second = static_cast<unsigned char>(in[1]);
  if (first & 0x70) return violation("reserved bits set without an extension");
  if (!is_known(first & 0x0f)) return violation("unknown opcode");

  const auto opcode = static_cast<WebSocketOpcode>(first & 0x0f);
  const bool final = first & 0x80;
  const bool masked = second & 0x80;
  if (masked != (role_ == WebSocketRole::Server))
    return violation(masked ? "masked frame from a server" : "unmasked frame from a client");

  std::uint64_t length = second & 0x7f;
  const std::size_t extended = length == 126 ? 2 : length == 127 ? 8 : 0;
  const std::size_t size = 2 + extended + (masked ? 4 : 0);
  if (is_control(opcode) && (!final || length > kControlBytesMax))
    return violation("control frame fragmented or too long");
  if (in.size() < size) return false;
  if (extended > 0) length = read_big_endian(in.substr(2, extended));
  if (length >> 63) return violation("frame too long");

  if (!is_control(opcode)) {
    if (opcode == WebSocketOpcode::Continuation) {
      if (!message_) return violation("continuation of no message");
    } else {
      if (message_) return violation("message inside another");
      message_ = opcode;
      first_piece_ = true;
    }
  }
  mask_.reset();
  if (masked) {
    mask_.emplace();
    for (std::size_t i = 0; i < 4; ++i)
      (*mask_)[i] = static_cast<unsigned char>(in[2 + extended + i]);
  }
  mask_offset_ = 0;
  opcode_ = opcode;
  final_ = final;
  left_ = length;
  in_frame_ = true;
  used_ += size;
  return true;
}

std::string WebSocketDecoder::take(std::size_t count) {
  std::string bytes = buffer_.substr(used_, count);
  used_ += count;
  if (used_ == buffer_.size()) {
    buffer_.clear();
    used_ = 0;
  } else if (used_ > kCompactBytes) {
    buffer_.erase(0, used_);
    used_ = 0;
  }
  if (mask_) {
    for (char& byte : bytes) byte = static_cast<char>(byte ^ (*mask_)[mask_offset_++ % 4]);
  }
  return bytes;
}

Result<std::optional<WebSocketPiece>> WebSocketDecoder::next() {
  if (!in_frame_) {
    TRY(const bool complete, read_header());
    if (!complete) return std::nullopt;
  }
  const std::size_t available = buffer_.size() - used_;
  const bool control = is_control(opcode_);
  if (control ? available < left_ : available == 0 && left_ > 0) return std::nullopt;

  WebSocketPiece piece;
  piece.bytes = take(static_cast<std::size_t>(std::min<std::uint64_t>(left_, available)));
  left_ -= piece.bytes.size();
  in_frame_ = left_ > 0;
  if (control) {
    piece.opcode = opcode_;
    return piece;
  }
  piece.opcode = *message_;
  piece.first = std::exchange(first_piece_, false);
  piece.last = !in_frame_ && final_;
  if (piece.last) message_.reset();
  return piece;
}

std::string encode_websocket_frame(WebSocketOpcode opcode, std::string_view payload,
                                   std::optional<std::uint32_t> mask, bool final) {
  std::string out;
  out.reserve(payload.size() + 14);
  out.push_back(static_cast<char>((final ? 0x80 : 0) | static_cast<int>(opcode)));
  const int mask_bit = mask ? 0x80 : 0;
  if (payload.size() < 126) {
    out.push_back(static_cast<char>(mask_bit | static_cast<int>(payload.size())));
  } else if (payload.size() < 1 << 16) {
    out.push_back(static_cast<char>(mask_bit | 126));
    append_big_endian(out, payload.size(), 2);
  } else {
    out.push_back(static_cast<char>(mask_bit | 127));
    append_big_endian(out, payload.size(), 8);
  }
  if (!mask) return out.append(payload);

  append_big_endian(out, *mask, 4);
  const std::size_t key = out.size() - 4;
  for (std::size_t i = 0; i < payload.size(); ++i)
    out.push_back(static_cast<char>(payload[i] ^ out[key + i % 4]));
  return out;
}

std::string encode_websocket_close(std::uint16_t code, std::string_view reason) {
  std::string payload;
  append_big_endian(payload, code, 2);
  payload.append(reason.substr(0, kControlBytesMax - 2));
  return payload;
}

}  // namespace keelson::net
