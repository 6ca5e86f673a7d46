// SPDX-License-Identifier: Apache-2.0
// The two things that carry channels. Private to this folder.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "net/spdy/session.h"
#include "net/websocket/websocket.h"
#include "remotecommand/session.h"

namespace keelson::remotecommand {

class SpdyCarrier final : public Carrier {
 public:
  SpdyCarrier(Executor& executor, std::unique_ptr<net::Stream> stream, net::SpdyRole role,
              bool json_status)
      : session_(executor, std::move(stream), role), json_status_(json_status) {}

  net::SpdySession& session() { return session_; }
  bool json_status() const override { return json_status_; }
  std::stop_token closed() const override { return session_.closed(); }
  Task<void> close() override { co_await session_.close(); }

 private:
  net::SpdySession session_;
  bool json_status_;
};

struct ChannelProtocol {
  bool base64 = false;      // Text messages: a digit names the channel, base64 follows.
  bool half_close = false;  // v5: {255, channel} says that the client has no more for it.
  bool json_status = false;

  // Of "v5.channel.k8s.io", "v4.base64.channel.k8s.io", "".
  static ChannelProtocol named(std::string_view protocol);
};

// Channels over a WebSocket, the server's end: the first byte of each message names its channel.
class WebSocketCarrier final : public Carrier {
 public:
  // `readable[i]`: whether the client sends on channel i. What comes on other channels is dropped.
  WebSocketCarrier(Executor& executor, std::unique_ptr<net::Stream> stream,
                   ChannelProtocol protocol, const std::vector<bool>& readable);
  ~WebSocketCarrier() override;

  // May outlive the carrier. Once per channel.
  std::unique_ptr<net::Stream> channel(std::size_t index);
  // An empty message, for which some clients wait before they begin.
  Task<Result<void>> greet(std::size_t index);

  bool json_status() const override;
  std::stop_token closed() const override;
  Task<void> close() override;

 private:
  struct Core;
  class ChannelStream;
  static Task<void> run(std::shared_ptr<Core> core);
  static Task<Result<void>> read_messages(Core& core);

  const std::shared_ptr<Core> core_;
};

}  // namespace keelson::remotecommand
