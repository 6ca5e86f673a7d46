// SPDX-License-Identifier: Apache-2.0
// WebSocket frames from anybody, to either role: never a crash, never an endless loop, and the
// pieces of a message are in order.
#include "net/websocket/frame.h"

namespace {

using namespace keelson::net;

// Whether a piece may come now, given whether a message is under way.
void check_order(const WebSocketPiece& piece, bool& in_message) {
  if (piece.opcode != WebSocketOpcode::Text && piece.opcode != WebSocketOpcode::Binary) {
    CHECK(piece.first && piece.last && piece.bytes.size() <= 125);
    return;
  }
  CHECK(piece.first != in_message);
  in_message = !piece.last;
}

void decode(WebSocketRole role, std::string_view rest, std::size_t portion) {
  WebSocketDecoder decoder(role);
  bool in_message = false;
  while (!rest.empty()) {
    decoder.append(rest.substr(0, portion));
    rest.remove_prefix(std::min(portion, rest.size()));
    while (true) {
      const auto piece = decoder.next();
      if (!piece) return;
      if (!*piece) break;
      check_order(**piece, in_message);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::size_t portion = data[0] == 0 ? size : data[0];
  const std::string_view rest(reinterpret_cast<const char*>(data) + 1, size - 1);
  decode(WebSocketRole::Server, rest, portion);
  decode(WebSocketRole::Client, rest, portion);
  return 0;
}
