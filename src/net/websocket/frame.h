// SPDX-License-Identifier: Apache-2.0
// WebSocket frames: bytes to pieces of messages and back. No extensions; text is not checked for
// UTF-8, as the only text subprotocols here carry base64. Source: RFC 6455, section 5.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace keelson::net {

enum class WebSocketRole : std::uint8_t { Client, Server };

enum class WebSocketOpcode : std::uint8_t {
  Continuation = 0,
  Text = 1,
  Binary = 2,
  Close = 8,
  Ping = 9,
  Pong = 10,
};

// What has come of a message. A long message arrives in several pieces, so that its length needs no
// limit; a control frame is always one piece.
struct WebSocketPiece {
  WebSocketOpcode opcode = WebSocketOpcode::Binary;  // Of the message: never Continuation.
  bool first = true;
  bool last = true;
  std::string bytes;  // Unmasked. May be empty.

  bool operator==(const WebSocketPiece&) const = default;
};

// Takes bytes in whatever portions they come. Not thread-safe.
class WebSocketDecoder final {
 public:
  // `role` is that of the side that reads: a server requires masked frames, a client refuses them.
  explicit WebSocketDecoder(WebSocketRole role) : role_(role) {}

  void append(std::string_view bytes) { buffer_.append(bytes); }
  // The next piece, or nothing until more is appended. Errors: BadRequest for what the protocol
  // forbids; nothing can be read after that.
  Result<std::optional<WebSocketPiece>> next();

 private:
  Result<bool> read_header();
  std::string take(std::size_t count);

  WebSocketRole role_;
  std::string buffer_;
  std::size_t used_ = 0;  // Bytes of buffer_ already decoded.

  // The frame being read, once its header is complete.
  bool in_frame_ = false;
  bool final_ = false;
  bool first_piece_ = false;
  WebSocketOpcode opcode_ = WebSocketOpcode::Binary;
  std::uint64_t left_ = 0;
  std::uint64_t mask_offset_ = 0;
  std::optional<std::array<unsigned char, 4>> mask_;
  // The opcode of a message whose last frame has not come yet.
  std::optional<WebSocketOpcode> message_;
};

// One whole frame. `mask` is required of clients and forbidden to servers.
std::string encode_websocket_frame(WebSocketOpcode opcode, std::string_view payload,
                                   std::optional<std::uint32_t> mask, bool final = true);
// The payload of a Close frame.
std::string encode_websocket_close(std::uint16_t code, std::string_view reason);

}  // namespace keelson::net
