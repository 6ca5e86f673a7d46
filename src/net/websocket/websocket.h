// SPDX-License-Identifier: Apache-2.0
// A WebSocket connection over a stream that has been upgraded. Source: RFC 6455.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/random.h"
#include "net/stream.h"
#include "net/websocket/frame.h"

namespace keelson::net {

struct WebSocketMessage {
  WebSocketOpcode opcode = WebSocketOpcode::Binary;  // Text or Binary.
  std::string bytes;
};

// One task may receive while any number of tasks send. `executor` and `random` (masks, for the
// client's role) outlive the connection and the tasks it leaves behind when destroyed unclosed.
class WebSocket final {
 public:
  WebSocket(Executor& executor, std::unique_ptr<Stream> stream, WebSocketRole role, Random& random);
  ~WebSocket();  // As abort(), unless close() has been awaited.
  WebSocket(const WebSocket&) = delete;
  WebSocket& operator=(const WebSocket&) = delete;

  // The next piece of a text or binary message; nothing once the peer has closed with code 1000,
  // 1001 or none. Pings are answered and pongs dropped meanwhile. Can be stopped and called again.
  // Errors: BadRequest after a protocol error, Unavailable for an end without Close or another
  // code.
  Task<Result<std::optional<WebSocketPiece>>> receive();
  // A whole message. Errors: as above; RequestEntityTooLarge beyond `limit_bytes`.
  Task<Result<std::optional<WebSocketMessage>>> receive_message(std::size_t limit_bytes);

  // One message, in one frame. Waits while the peer does not read. Errors: Unavailable, Canceled.
  Task<Result<void>> send(WebSocketOpcode opcode, std::string payload);

  // Sends a Close after what is queued and nothing more after it; receiving goes on.
  Task<Result<void>> send_close(std::uint16_t code = 1000, std::string reason = {});
  // send_close(), then waits for the peer's Close and for what is queued, a few seconds at most,
  // and ends the connection. No task may be receiving. Ignores the stop of the calling task.
  Task<void> close(std::uint16_t code = 1000, std::string reason = {});
  // Ends the connection without a Close. Thread-safe.
  void abort();

  const Peer& peer() const;

 private:
  struct Core;
  static Task<void> run_writer(std::shared_ptr<Core> core);

  std::shared_ptr<Core> core_;
};

// The bytes of binary messages as a stream, both ways: a connection tunnelled in WebSocket. There
// is no half-close in WebSocket, so shutdown_write() sends a Close; reading still drains what
// comes.
std::unique_ptr<Stream> make_websocket_stream(std::unique_ptr<WebSocket> socket);

}  // namespace keelson::net
