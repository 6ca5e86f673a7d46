// SPDX-License-Identifier: Apache-2.0
// Many streams over one connection, in the way of SPDY/3.1 as the Kubernetes world speaks it: its
// implementation (moby/spdystream) neither sends nor heeds WINDOW_UPDATE, so neither do we. A
// stream that is not read holds up the whole connection once its buffer is full, as it does
// upstream.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "net/spdy/frame.h"
#include "net/stream.h"

namespace keelson::net {

enum class SpdyRole : std::uint8_t { Client, Server };

struct SpdyLimits {
  SpdyFrameLimits frame;
  std::size_t streams = 2000;                  // Open at once; beyond, new ones are refused.
  std::size_t pending_streams = 256;           // Opened by the peer and not accepted yet.
  std::size_t buffered_pieces = 64;            // Unread, of one stream; a piece has at most 16 KiB.
  std::size_t queued_frames = 64;              // Unsent, of the session.
  Duration linger = std::chrono::seconds(10);  // How long close() waits for the peer.
};

struct SpdySessionCore;
struct SpdyStreamState;

// One stream of a session. One reader and one writer at a time; both may outlive the session
// object. read() returns 0 once the peer has half-closed, reset the stream, or ended the session:
// what came before is still read. write() fails with Unavailable once reset or closed. close()
// resets the stream if it is still open in either direction; so does destroying it.
class SpdyStream final : public Stream {
 public:
  // Made by a session.
  SpdyStream(std::shared_ptr<SpdySessionCore> core, SpdyStreamId id, Headers headers,
             std::shared_ptr<SpdyStreamState> state);
  ~SpdyStream() override;

  SpdyStreamId id() const { return id_; }
  // Of the SYN_STREAM, whoever sent it.
  const Headers& headers() const { return headers_; }

  Task<Result<std::size_t>> read(std::span<char> into) override;
  Task<Result<void>> write(std::string_view bytes) override;
  Task<Result<void>> shutdown_write() override;
  void close() override;
  const Peer& peer() const override;

 private:
  std::shared_ptr<SpdySessionCore> core_;
  const SpdyStreamId id_;
  const Headers headers_;
  const std::shared_ptr<SpdyStreamState> state_;
  std::string unread_;
  std::size_t unread_offset_ = 0;
};

// Thread-safe. `executor` outlives the session and the tasks it leaves behind when destroyed
// unclosed.
class SpdySession final {
 public:
  SpdySession(Executor& executor, std::unique_ptr<Stream> stream, SpdyRole role,
              SpdyLimits limits = {});
  ~SpdySession();  // Ends the connection at once, unless close() has been awaited.
  SpdySession(const SpdySession&) = delete;
  SpdySession& operator=(const SpdySession&) = delete;

  // Opens a stream and waits for the peer's SYN_REPLY. Errors: Unavailable when the peer resets it
  // or the session has ended, TooManyRequests beyond the limit, Canceled.
  Task<Result<std::unique_ptr<SpdyStream>>> open(Headers headers);

  // The next stream opened by the peer; null once the session has ended. To be answered with
  // reply(), or refused by destroying it. Errors: Canceled.
  Task<Result<std::unique_ptr<SpdyStream>>> accept();
  Task<Result<void>> reply(const SpdyStream& stream, Headers headers = {});

  // Measures nothing: keeps the connection alive. Errors: Unavailable.
  Task<Result<void>> ping();

  // Requested once the session has ended, whoever ended it.
  std::stop_token closed() const;
  // Half-closes the streams still open, says GOAWAY, waits until all is written and then, for at
  // most `linger`, for the peer to end the connection. What still comes is dropped. A peer that
  // does not read can hold it up until the calling task is stopped; then it takes `linger` at most.
  Task<void> close();
  // Ends the connection at once.
  void abort();

 private:
  std::shared_ptr<SpdySessionCore> core_;
};

}  // namespace keelson::net
